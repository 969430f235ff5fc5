"""`Lanes`: a fixed number of processes, one thread each, that do training jobs.

Two processes of one thread train two small networks in nearly the time that one process of two threads
takes for one, since the products of a small batch leave little to share out.

A lane that dies (a trial ran out of memory, say) is replaced, and its job is tried once more, alone, so that what
becomes of it does not depend on the number of lanes. Lanes are forked from a server that has imported TensorFlow once
and has never run anything on it; they end by themselves when this process is gone, however it went.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from digitlab.errors import MachineError, RunError, UsageError
from digitlab.lanes.server import deaf_to_ctrl_c, lane_context
from digitlab.runs import machine_failure
from digitlab.training.job import Row, TrainData, TrainJob

# What TensorFlow compiles it never forgets, some megabytes a program: a lane that has done so many jobs
# makes place for a fresh one.
JOBS_OF_A_LANE = 64
_STARTING = "starting a process to train in"
_MEMORY = "end other programs and repeat the command, which goes on; or search smaller networks in another folder"
# What `multiprocessing` reports for a process whose server died, so that nobody knows how the process itself ended.
SERVER_LOST = 255


@dataclass(frozen=True)
class Progressed:
    """A job has ended an epoch; `row` has the columns of history.csv."""

    job: TrainJob
    row: Row


@dataclass(frozen=True)
class Ended:
    """A job has ended: with `rows`, an epoch each, or with an `error`, one line."""

    job: TrainJob
    rows: tuple[Row, ...]
    error: str | None


@contextlib.contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep `multiprocessing` from running the user's script again in every lane, where no job names it."""
    main = sys.modules["__main__"]
    hidden: dict[str, Any] = {name: main.__dict__[name] for name in ("__file__", "__spec__") if name in main.__dict__}
    main.__dict__.pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__dict__.update(hidden)


def _run_lane(connection: Connection, data: TrainData) -> None:
    """What a lane's process begins with: it has TensorFlow already, or imports it; this process need not have it."""
    # Ctrl-C at a terminal reaches every process of the group; whoever gave the jobs decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        from digitlab.lanes import preload

        if preload.error is not None:
            raise preload.error
        from digitlab.lanes.lane import prepare_process, run_lane

        prepare_process()
    except Exception as error:  # noqa: BLE001 - whatever it is, no job is at fault
        _refuse_jobs(connection, error)
    else:
        run_lane(connection, data)


def _refuse_jobs(connection: Connection, error: Exception) -> None:
    """Answer every job with the error that keeps this process from doing any."""
    failure = machine_failure(error, _STARTING) or RunError(
        f"{_STARTING}: unexpected {type(error).__name__}: {error}",
        hint="`python -c 'import tensorflow'` shows whether TensorFlow is installed in order",
    )
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # nobody is there any more
        while True:
            connection.recv_bytes()
            connection.send(("stopped", failure))


class _Lane:
    """One process and our end of the pipe to it."""

    def __init__(self, context: Any, data: TrainData) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_run_lane, args=(theirs, data), daemon=True)
        with deaf_to_ctrl_c():  # the server may have to be started first
            self.process.start()
        theirs.close()
        self.job: TrainJob | None = None
        self.has_begun = False
        self.jobs_done = 0
        self.shapes: set[str] = set()

    def end(self) -> None:
        """End the process, whatever it does."""
        if self.pipe.closed:
            return
        self.pipe.close()
        self.process.kill()
        self.process.join()
        self.process.close()


class Lanes:
    """Does jobs in `count` processes; a context manager, since it must end them.

    Args:
        data: What every job trains and validates on.
        count: Processes, at least 1. The results of the jobs do not depend on it.
        main_module: Whether the lanes must import the script that is run, since jobs name functions of
            it; it then needs the usual ``if __name__ == "__main__":``.

    Raises:
        UsageError: `count` is below 1.
        MachineError: No process can be started, most likely for want of memory.
    """

    def __init__(self, data: TrainData, count: int, *, main_module: bool = False) -> None:
        if count < 1:
            raise UsageError(f"expected at least one lane, got {count}", hint="leave it out for one a core")
        self.count = count
        self._data = data
        self._context = lane_context()
        self._main_module = main_module
        self._lanes: list[_Lane] = []
        self._again: list[TrainJob] = []  # whose process died once; the first of them is tried again, alone
        self._epochs_told: dict[str, float] = {}
        try:
            self._lanes += (self._start() for _ in range(count))
        except MachineError:
            self._end()
            raise

    def _start(self) -> _Lane:
        with contextlib.nullcontext() if self._main_module else _main_module_hidden():
            try:
                return _Lane(self._context, self._data)
            except (ConnectionError, EOFError):  # the server was ended; the next lane starts another
                return self._start_again()

    def _start_again(self) -> _Lane:
        try:
            return _Lane(self._context, self._data)
        except (ConnectionError, EOFError) as error:
            raise MachineError(
                f"{_STARTING}: the server that it is forked from was ended, twice, most likely for want of memory",
                hint=_MEMORY,
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for lane in self._lanes:
            lane.end()

    @property
    def idle(self) -> list[int]:
        """Numbers of the lanes that have no job; none while a job is tried again, which has the machine to itself."""
        if self._again:
            return []
        return [number for number, lane in enumerate(self._lanes) if lane.job is None]

    @property
    def busy(self) -> int:
        """How many jobs have been given and have not ended."""
        working = [lane.job for lane in self._lanes if lane.job is not None]
        return len(working) + sum(job not in working for job in self._again)

    def knows(self, number: int, shape: str) -> bool:
        """Whether lane `number` was given a job of that shape before, so that it need not compile."""
        return shape in self._lanes[number].shapes

    def give(self, number: int, job: TrainJob) -> None:
        """Give a job to a lane, one of `idle`."""
        lane = self._lanes[number]
        if lane.jobs_done >= JOBS_OF_A_LANE:
            lane.end()
            lane = self._lanes[number] = self._start()
        lane.job = job
        lane.has_begun = False
        lane.shapes.add(job.shape)
        # If it died while idle, `events` finds that out and says so of the job.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            lane.pipe.send(job)

    def give_any(self, waiting: list[TrainJob]) -> None:
        """Give every idle lane one of `waiting`, which is taken off it; one it need not compile for, if there is."""
        for number in self.idle:
            if waiting:
                job = min(waiting, key=lambda job: not self.knows(number, job.shape))
                waiting.remove(job)
                self.give(number, job)

    def do(self, jobs: Sequence[TrainJob]) -> Iterator[Progressed | Ended]:
        """Do them all, in whatever order the lanes take them, and tell of all that happens."""
        waiting = list(jobs)
        while waiting or self.busy:
            self.give_any(waiting)
            yield from self.events()

    def events(self) -> Iterator[Progressed | Ended]:
        """Wait until something happens in the lanes, and tell all that has.

        Raises:
            RunError: A file of the search is damaged or missing.
            MachineError: The machine failed, or killed a job's process twice. Nothing is told of such a job.
        """
        if self._again and all(lane.job is None for lane in self._lanes):
            self.give(0, self._again[0])
        working = {lane.pipe: number for number, lane in enumerate(self._lanes) if lane.job is not None}
        for pipe in connections.wait(list(working)):
            if (event := self._receive(working[pipe])) is not None:
                yield event

    def _receive(self, number: int) -> Progressed | Ended | None:
        lane = self._lanes[number]
        assert lane.job is not None
        try:
            kind, content = lane.pipe.recv()
        except (EOFError, ConnectionResetError):
            return self._replace(number)
        if kind == "begun":
            lane.has_begun = True
            return None
        if kind == "epoch":
            return self._progressed(lane.job, content)
        job, lane.job = lane.job, None
        lane.jobs_done += 1
        self._forget(job)
        if kind == "stopped":
            raise content
        return Ended(job, tuple(content), None) if kind == "done" else Ended(job, (), content)

    def _progressed(self, job: TrainJob, row: Row) -> Progressed | None:
        """The event, unless the epoch was told of before its process died."""
        if row["epoch"] <= self._epochs_told.get(job.name, 0):
            return None
        self._epochs_told[job.name] = row["epoch"]
        return Progressed(job, row)

    def _forget(self, job: TrainJob) -> None:
        self._epochs_told.pop(job.name, None)
        if job in self._again:
            self._again.remove(job)

    def _replace(self, number: int) -> Ended | None:
        """Start a fresh process in place of one that died, and see to its job: once more, or never again."""
        lane = self._lanes[number]
        lane.process.join()
        code, job, has_begun = lane.process.exitcode, lane.job, lane.has_begun
        lane.end()
        self._lanes[number] = self._start()
        assert job is not None
        if job not in self._again:
            self._again.append(job)
            return None
        self._forget(job)
        if code < 0 or code == SERVER_LOST:
            raise _killed_twice(job, code)
        if not has_begun:
            raise MachineError(
                f"{_STARTING}: it ended with exit code {code} before it began with {job.name}, and so did another",
                hint=_MEMORY,
            )
        return Ended(job, (), f"its process ended with exit code {code}, twice")


def _killed_twice(job: TrainJob, code: int) -> MachineError:
    if code == SERVER_LOST:
        by = "the end of the server that it was forked from"
    else:
        by = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    # The kernel kills a process for want of memory; TensorFlow aborts where a thread or an array cannot be made.
    why = ", most likely for want of memory" if by in ("SIGKILL", "SIGABRT") else ""
    return MachineError(
        f"training {job.name}: its process was killed by {by}, and again when it was tried alone{why}",
        hint=_MEMORY,
    )
