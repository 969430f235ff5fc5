"""`tune`: a search by whichever engine its configuration names."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from digitlab.data.split import Split
from digitlab.runs import RunFolder
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.progress import Progress
from digitlab.tuning.result import SearchResult
from digitlab.tuning.space import SearchSpace

if TYPE_CHECKING:
    from digitlab.lanes.lanes import Lanes


def tune(
    split: Split,
    space: SearchSpace | None = None,
    config: SearchConfig | None = None,
    *,
    out: Path | str | None = None,
    lanes: int | None = None,
    address: str | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Search for the best network of a space by Hyperband, and choose it among finalists.

    Args:
        split: The training split; a part of it is held out and every score is measured on that. There is
            no argument through which test images could come in.
        space: What is searched; the document's space by default.
        config: How; the document's Hyperband by default. Its engine says where: ``local`` or ``ray``.
        out: Where trials, weights and results are kept. If an unfinished search of the same space,
            configuration, data and software lies there, it is gone on with and comes to the same result.
            `None` keeps nothing. With Ray on several machines, all must see it under this path.
        lanes: Processes of one thread each; one for every core by default. The result does not depend
            on it. With Ray, how many cores it may use where it is started here.
        address: Of a Ray cluster that runs; `None` starts Ray on this machine. Only for the engine ``ray``.
        progress: Called whenever something has happened.

    Returns:
        Every trial, the finalists and the winner.

    Raises:
        RunError: `out` holds another search, or is in use; no Ray answers; or every trial failed.
        UsageError: The engine is ``ray``, and Ray is not installed.
    """
    space, config = space or SearchSpace(), config or SearchConfig()
    if out is None:
        with tempfile.TemporaryDirectory(prefix="digitlab-search-") as folder:
            return search_by_engine(
                Path(folder), split, space, config, lanes=lanes, address=address, progress=progress, keep=False
            )
    with RunFolder(Path(out)).lock():
        return search_by_engine(Path(out), split, space, config, lanes=lanes, address=address, progress=progress)


def search_by_engine(
    folder: Path,
    split: Split,
    space: SearchSpace,
    config: SearchConfig,
    *,
    lanes: int | None = None,
    address: str | None = None,
    pool: Lanes | None = None,
    progress: Progress | None = None,
    keep: bool = True,
) -> SearchResult:
    """The search stage of a run whose folder the caller holds; see `tune`. `pool` has local lanes that are there."""
    if config.engine == "ray":
        from digitlab.cluster.search import search_on_ray

        return search_on_ray(folder, split, space, config, address=address, cpus=lanes, progress=progress, keep=keep)
    from digitlab.tuning.tune import search_in

    return search_in(folder, split, space, config, lanes=lanes, pool=pool, progress=progress, keep=keep)
