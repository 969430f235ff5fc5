"""`Here`: the engine that is this process: part after part, the network's work shared by threads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from digitlab.bulk.job import Done, Job, PartWorker
from digitlab.runs import available_cores


class Here:
    """Does parts in this process.

    Args:
        threads: For the network; as many as there are cores by default.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or available_cores()

    def __call__(self, job: Job[Any], parts: Sequence[Any]) -> Iterator[Done]:
        """Do every part, in order."""
        with contextlib.closing(PartWorker(job, self._threads)) as worker:
            yield from map(worker, parts)
