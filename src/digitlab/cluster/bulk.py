"""`OnRay`: the engine of bulk work that is Ray Data: parts on all cores of a machine or of a cluster."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from digitlab.bulk.job import Done, Job, PartWorker
from digitlab.cluster.start import ray_session
from digitlab.errors import DigitlabError, RunError

# Of a core, for each worker. Workers take a whole one; asking for half leaves Ray room to start them anew elsewhere
# when a machine is lost, up to half of all.
_CORE = 0.5


class OnRay:
    """Does parts by Ray Data, in as many workers as there are cores.

    The worker that takes a part reads it, answers it and writes it. Through Ray go only the question, once a worker,
    and a part's place and count: pixels and answers never pass its object store, which would copy each of them twice,
    fill up, and spill to disk. What is in memory is a part a worker, whatever the size of the input. A worker that dies
    is started again, and its part with it: a part's file appears whole or not at all, so that doing it twice does no
    harm.

    Args:
        address: Of a cluster that runs: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``. `None` starts Ray on this
            machine alone, unless this process is connected already. Machines of a cluster need digitlab in the same
            version, and must see the files that are named by paths.
        cpus: Cores that Ray may use where it is started here; all of them by default.
        object_store_bytes: Of memory that Ray may keep objects in where it is started here; Ray's own share by
            default.
    """

    def __init__(
        self, address: str | None = None, *, cpus: int | None = None, object_store_bytes: int | None = None
    ) -> None:
        self._address = address
        self._cpus = cpus
        self._object_store_bytes = object_store_bytes
        self._connected: Any = None

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        """Ray, connected for whatever is done in the block.

        Raises:
            RunError: No Ray answers, or none could be started.
            UsageError: The package is not installed.
        """
        with self._session() as self._connected:
            try:
                yield
            finally:
                self._connected = None

    def __call__(self, job: Job[Any], parts: Sequence[Any]) -> Iterator[Done]:
        """Do every part, in any order.

        Raises:
            DigitlabError: What a worker met with first; or Ray cannot be had, or gave up.
        """
        with self._session() as ray:
            rows = _rows(ray, job, parts)
            while True:
                try:
                    row = next(rows, None)
                except Exception as error:
                    raise _gave_up(error) from error
                if row is None:
                    return
                if isinstance(row["done"], DigitlabError):
                    raise row["done"]
                yield row["done"]

    def _session(self) -> AbstractContextManager[Any]:
        if self._connected is not None:
            return contextlib.nullcontext(self._connected)
        ray = sys.modules.get("ray")
        if self._address is None and ray is not None and ray.is_initialized():
            return contextlib.nullcontext(ray)
        return ray_session(self._address, cpus=self._cpus, object_store_bytes=self._object_store_bytes)


class _Worker:
    """Lives in a process of Ray's."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job
        self._work: PartWorker | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Done | DigitlabError]]:
        return {"done": [self._do(part) for part in batch["part"]]}

    def _do(self, part: Any) -> Done | DigitlabError:
        # An error is given back and not raised: it is the user's to mend, and Ray would try again and print all of it.
        try:
            if self._work is None:
                self._work = PartWorker(self._job, threads=1)
            return self._work(part)
        except DigitlabError as error:
            return error


def _rows(ray: Any, job: Job[Any], parts: Sequence[Any]) -> Iterator[dict[str, Any]]:
    import ray.data as data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    # A block a part, so that each is told when it is done. Ray Data spreads its workers over the machines, starts one
    # that dies again, and repeats what it was at.
    asked = data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    answered = asked.map_batches(
        _Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        concurrency=min(len(parts), cores),
        num_cpus=_CORE,
    )
    yield from answered.iter_rows()


def _gave_up(error: Exception) -> RunError:
    words = " ".join(str(error).split()) or type(error).__name__
    return RunError(
        f"expected Ray to do every part, got: {words if len(words) <= 200 else f'{words[:199]}…'}",
        hint="parts that are finished stay; the same command goes on from them",
    )
