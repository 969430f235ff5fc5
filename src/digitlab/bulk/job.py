"""`run_job`: every part answered and written once, by whichever engine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from digitlab.bulk.folder import PartFolder
from digitlab.bulk.parts import Part

P = TypeVar("P", bound=Part)
P_contra = TypeVar("P_contra", bound=Part, contravariant=True)


class Answerer(Protocol[P_contra]):
    """What answers parts, one after the other."""

    def __call__(self, part: P_contra) -> tuple[Any, int]:
        """An Arrow table, and how many of its rows hold an error."""

    def close(self) -> None:
        """Close what is open."""


class Job(Protocol[P_contra]):
    """What is asked of every part. It is sent to whoever does the work, and so is small and can be pickled."""

    @property
    def folder(self) -> PartFolder:
        """Where the answers go."""

    def open(self, threads: int) -> Answerer[P_contra]:
        """What answers its parts, with so many threads for the network."""


@dataclass(frozen=True)
class Done:
    """A part that has been answered and written: all that comes back from whoever did it."""

    number: int
    rows: int
    errors: int
    duration_s: float


@dataclass(frozen=True)
class Progress:
    """How far the work is, parts of an earlier run included."""

    parts_done: int
    parts: int
    rows_done: int
    rows: int


@dataclass(frozen=True)
class Outcome:
    """What was done.

    Args:
        out: The folder.
        rows: Rows of all parts.
        parts: Parts in all.
        kept_parts: Those that an earlier run had finished.
        errors: Rows with an error, among the parts that were done now.
        duration_s: From the first part to the last, without the counting before.
        passed_over: Files in folders that hold no images.
    """

    out: str
    rows: int
    parts: int
    kept_parts: int
    errors: int
    duration_s: float
    passed_over: tuple[str, ...] = ()


# Does every part, in any order, and gives each back when its file is there. One that must reach something first, such
# as a cluster, has a method `prepared`: a context manager in which it is ready, and which raises where it cannot be.
Engine = Callable[[Job[Any], Sequence[Any]], Iterator[Done]]


class PartWorker:
    """Does parts, one after the other: reads, answers, writes.

    Args:
        job: What is asked.
        threads: For the network.

    Raises:
        RunError: This machine does not see the folder.
    """

    def __init__(self, job: Job[Any], threads: int) -> None:
        job.folder.check()
        self._folder = job.folder
        self._answer = job.open(threads)

    def __call__(self, part: Part) -> Done:
        """Do one part."""
        started = time.perf_counter()
        table, errors = self._answer(part)
        self._folder.write(part.number, table)
        return Done(part.number, part.rows, errors, time.perf_counter() - started)

    def close(self) -> None:
        """Close what the last part left open for the next."""
        self._answer.close()


def run_job(
    job: Job[P],
    parts: Sequence[P],
    engine: Engine,
    *,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Do the parts whose file is not there.

    Raises:
        DigitlabError: The folder holds something else, or a part cannot be read or written; those finished stay, and
            the same command goes on from them.
    """
    tell = progress or (lambda _: None)
    rows = sum(part.rows for part in parts)
    # Earlier answers are thrown away only when the engine is there to give new ones.
    prepared = getattr(engine, "prepared", contextlib.nullcontext) if overwrite else contextlib.nullcontext
    with prepared(), job.folder.begun(overwrite=overwrite) as kept:
        left = [part for part in parts if part.number not in kept]
        done, rows_done, errors = len(kept), rows - sum(part.rows for part in left), 0
        started = time.perf_counter()
        tell(Progress(done, len(parts), rows_done, rows))
        for one in engine(job, left) if left else ():
            done, rows_done, errors = done + 1, rows_done + one.rows, errors + one.errors
            tell(Progress(done, len(parts), rows_done, rows))
    return Outcome(job.folder.address, rows, len(parts), len(kept), errors, time.perf_counter() - started)
