"""What Ctrl-C and SIGTERM do: two lines on standard error, and exit code 1, whatever the process is doing.

No exception is raised for a signal. It would end in a traceback where a module is being imported, be swallowed where
TensorFlow traces a function, and not be raised at all while a compiled epoch runs. The C part of Python's handler
writes the signal's number into a pipe, at once and in any state; a thread reads it there, puts the files in order,
says what to do, and ends the process. The main thread takes no part in that.

This module is loaded before everything else, so it imports nothing that costs time.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` itself imports `enum`: some milliseconds without a handler
import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Lines = tuple[str, str]

FAILED = 1
SIGNALS = (_signal.SIGINT, _signal.SIGTERM)
# A signal to a process and its group arrives twice; a second one that is meant comes later than this.
ONE_SIGNAL_S = 0.5
# No report takes so long to draw.
MOST_DRAWING_S = 60.0
LONGEST_COMMAND = 2_000


class Ending:
    """How a command ends that is interrupted before it has done anything to go on from."""

    def lines(self, command: str) -> Lines:
        """What to say, and what to type then.

        Args:
            command: The command that is interrupted.
        """
        return "interrupted before it was done", command

    def close(self) -> Sequence[str] | None:
        """Leave the files in order; a program to run before the process ends, such as one that draws a report."""
        return None


class Interruption:
    """Waits for a signal to this process, and ends it."""

    def __init__(self) -> None:
        self.ending = Ending()
        self.arguments = sys.argv[1:]
        self._process = 0
        self._waiting_in = 0
        self._pipe = (-1, -1)
        self._stderr = -1
        self._before: dict[int, Any] = {}
        self._at_start = False
        self._handed_over = False
        self._over: Any = None
        self._drained: Any = None

    @property
    def command(self) -> str:
        """What was typed."""
        import shlex

        typed = shlex.join(["digitlab", *self.arguments])
        return typed if len(typed) <= LONGEST_COMMAND else "the same command again"

    def listen(self, *, at_start: bool = False) -> None:
        """Begin to wait for signals; only the main thread can, and elsewhere nothing is changed.

        Args:
            at_start: Whether the process is this command and nothing else, so that signals are ignored after it.
        """
        if self._process == os.getpid():
            return
        self._at_start = at_start
        self._over = _thread.allocate_lock()
        _occupy_standard_numbers()
        self._stderr = _duplicate(2)
        # A shell without job control starts what it puts into the background with Ctrl-C ignored.
        heeded = [number for number in SIGNALS if _signal.getsignal(number) is not _signal.SIG_IGN]
        try:
            self._begin_to_wait()
            self._wakeup_before = _signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            self._before = {number: _signal.signal(number, self._heard) for number in heeded}
        except ValueError:  # not the main thread
            self._wakeup_before = -1
            self._before = {}
        self._process = os.getpid()

    def _begin_to_wait(self) -> None:
        """Start the thread that reads signals, once per process.

        It stays, since Python can crash where a thread ends while the interpreter does.
        """
        if self._waiting_in == os.getpid():
            return
        self._pipe = os.pipe()
        if hasattr(os, "set_blocking"):
            os.set_blocking(self._pipe[1], False)
        _thread.start_new_thread(self._wait, (self._pipe[0],))
        self._waiting_in = os.getpid()

    def finish(self) -> None:
        """The command has ended: no signal interrupts it any more. Where one just did, wait for the process to end."""
        if self._process == os.getpid():
            self._over.acquire()
            self.release(ignore=self._at_start)
        elif self._handed_over and self._at_start:
            for number in SIGNALS:
                _signal.signal(number, _signal.SIG_IGN)
        self._handed_over = False

    def hand_over(self, handler: Callable[..., None]) -> None:
        """Let `handler` decide what signals mean from now on. No signal finds the default handler in between.

        Args:
            handler: A handler as `signal.signal` takes it. It stays after `finish` in a process that is not the
                command itself.
        """
        for number in SIGNALS:
            _signal.signal(number, handler)
        self._before = dict.fromkeys(self._before, handler)
        self._handed_over = True
        self.release()

    def release(self, *, ignore: bool = False) -> None:
        """Leave signals to whoever wants them.

        Args:
            ignore: Whether they are ignored from now on. Defaults to what was done with them before.
        """
        if self._process != os.getpid():
            return
        for number, handler in self._before.items():
            _signal.signal(number, _signal.SIG_IGN if ignore else handler)
        if self._before:
            _signal.set_wakeup_fd(self._wakeup_before)
        self._wait_for_thread()
        if self._stderr >= 0:
            os.close(self._stderr)
        self._process, self._before, self.ending = 0, {}, Ending()

    def _wait_for_thread(self) -> None:
        """Wait until the thread has read all that is in the pipe. It ends the process if a signal is among that."""
        self._drained = _thread.allocate_lock()
        self._drained.acquire()
        os.write(self._pipe[1], b"\0")
        self._drained.acquire()

    def lines(self) -> Lines:
        """What an interruption now would say."""
        try:
            return self.ending.lines(self.command)
        except Exception:  # noqa: BLE001 - a damaged run.json must not keep the process from ending
            return Ending().lines(self.command)

    def _heard(self, number: int, frame: Any) -> None:
        """Python's part of the handler, in the main thread: nothing, since the pipe has been written to already."""

    def _wait(self, pipe: int) -> None:
        while byte := os.read(pipe, 1):
            if byte == b"\0":
                self._drained.release()
            elif byte[0] in SIGNALS and self._over.acquire(False):
                self._end(pipe)

    def _end(self, pipe: int) -> None:
        try:
            # First of all: the main thread may fail in the midst of this, and would print an error.
            _silence()
            _call_if_loaded("digitlab.runs.commits", "shut_commits")
            message, hint = self.lines()
            _write(self._stderr, f"{message}\nhint: {hint}\n")
            _end_children()
            if program := self.ending.close():
                _run(program, pipe)
            _call_if_loaded("digitlab.runs.commits", "remove_unfinished")
        finally:
            os._exit(FAILED)


def _call_if_loaded(module: str, function: str) -> None:
    """Call a function of a module that may not have been imported, or not to its end."""
    found: Callable[[], None] | None = getattr(sys.modules.get(module), function, None)
    if found is not None:
        found()


def _occupy_standard_numbers() -> None:
    """Give the pipe no number of a standard stream that is closed: what is printed there would be read as signals."""
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        continue
    os.close(descriptor)


def _duplicate(descriptor: int) -> int:
    """Standard error for the last two lines, also while `silenced_stderr` has another file in its place."""
    try:
        return os.dup(descriptor)
    except OSError:  # there is none
        return -1


def _write(descriptor: int, text: str) -> None:
    if descriptor < 0:
        return
    if os.isatty(descriptor):  # a progress bar may stand there, and the cursor be hidden
        text = f"\r\x1b[2K\x1b[?25h{text}"
    try:
        os.write(descriptor, text.encode(errors="backslashreplace"))
    except OSError:  # nobody reads it
        return


def _silence() -> None:
    """Nothing that the main thread still prints is seen."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for as long as the process lasts
    except OSError:  # no file can be opened any more: the two lines matter more than what else is printed
        return


def _end_children() -> None:
    """End the processes that this one has started, none of which is to outlive it."""
    processes = sys.modules.get("multiprocessing.process")
    for child in getattr(processes, "active_children", list)():
        child.kill()
    for pid in _children():
        try:
            os.kill(pid, getattr(_signal, "SIGKILL", _signal.SIGTERM))
        except OSError:  # it has ended by itself
            continue


def _children() -> list[int]:
    """Processes started by any thread of this one, where the kernel lists them."""
    found: list[int] = []
    try:
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - pathlib costs time
            with open(f"/proc/self/task/{thread}/children") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except OSError:
        return found
    return found


def _run(program: Sequence[str], pipe: int) -> None:
    """Run a program to its end, or until another signal."""
    import select
    import subprocess
    import time

    nowhere = subprocess.DEVNULL
    search_path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    process = subprocess.Popen(  # noqa: S603 - our own words, and no shell
        program,
        stdin=nowhere,
        stdout=nowhere,
        stderr=nowhere,
        env={**os.environ, "PYTHONPATH": search_path},
        start_new_session=True,
    )
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < MOST_DRAWING_S:
        readable = select.select([pipe], [], [], 0.05)[0]
        if readable and os.read(pipe, 1)[0] in SIGNALS and time.monotonic() - began > ONE_SIGNAL_S:
            process.kill()
            process.wait()
            return


interruption = Interruption()
