"""`Stage`: digitlab's commands in forked children of a process that has imported everything, killed where one likes."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pkgutil
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from injection.seccomp import Change, let_happen, receive, watch_changes

# What is imported beside digitlab's own modules, since a command would import it when it runs.
_HEAVY = (
    "cv2", "h5py", "keras_tuner", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "onnx",
    "onnxruntime", "pyarrow.parquet", "rich.progress", "rich.table", "rich.live", "scipy.stats",
    "tensorboard.summary.writer.event_file_writer",
)  # fmt: skip
# Ray is not part of this, and JAX is another backend.
_NOT_IMPORTED = ("digitlab.cluster", "digitlab.training.jax_epoch", "digitlab.__main__", "digitlab.server")


def import_everything() -> None:
    """Import what any command may import. TensorFlow is imported and not started, so that children may be forked."""
    import digitlab

    for module in pkgutil.walk_packages(digitlab.__path__, "digitlab."):
        if not module.name.startswith(_NOT_IMPORTED):
            importlib.import_module(module.name)
    for name in _HEAVY:
        importlib.import_module(name)
    from matplotlib.figure import Figure

    Figure().savefig(io.BytesIO())  # finds the fonts


@dataclass(frozen=True)
class Kill:
    """A kill before the change number `at`, from 1.

    Args:
        at: Which change of a file.
        tree: Whether the workers are killed with their command. Otherwise they outlive it, as after ``kill -9 PID``.
    """

    at: int
    tree: bool = True

    def __str__(self) -> str:
        return f"{self.at}{'' if self.tree else ':alone'}"


@dataclass
class Ended:
    """How a command ended.

    Args:
        code: Its exit code; negative: the signal.
        changes: The changes of files that it made, in order; of a killed one also the change that did not happen.
        killed: Whether it was killed as it was to be.
        output: What it printed on standard output.
        errors: What it printed on standard error.
    """

    code: int
    changes: list[Change]
    killed: bool
    output: str
    errors: str


@dataclass
class _Watched:
    pid: int
    listener: int
    root: str
    kill: Kill | None
    changes: list[Change] = field(default_factory=list)
    killed: bool = False

    def answer(self) -> None:
        """Let the change that waits happen, or kill instead of it."""
        change = receive(self.listener)
        if change is None:
            return
        if change.path == self.root or change.path.startswith(f"{self.root}/"):
            self.changes.append(change)
            if self.kill and not self.killed and len(self.changes) == self.kill.at:
                self.killed = True
                (os.killpg if self.kill.tree else os.kill)(self.pid, signal.SIGKILL)
                if self.kill.tree or _process_of(change.thread) in (self.pid, None):
                    return  # the change never happens
        let_happen(self.listener, change)


class Stage:
    """Runs commands. One thread, so that it may fork.

    Args:
        timeout_s: How long a command may take before it counts as hung. Defaults to 900, since other
            work on the same cores may slow it down.
    """

    def __init__(self, timeout_s: float = 900.0) -> None:
        self._timeout_s = timeout_s
        self._watched: dict[int, _Watched] = {}
        import_everything()
        import gc

        gc.freeze()

    def run(self, arguments: Sequence[str], root: Path, kill: Kill | None = None) -> Ended:
        """Run ``digitlab`` with `arguments` in the folder `root`, of which changes are counted.

        Workers that outlive their command go on while later commands run, as they would.
        """
        printed = root.with_suffix(".stdout"), root.with_suffix(".stderr")
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _be_command(arguments, root, printed, theirs)
        theirs.close()
        _, descriptors, *_ = socket.recv_fds(ours, 1, 1)
        ours.close()
        watched = _Watched(pid, descriptors[0], str(root.resolve()), kill)
        self._watched[watched.listener] = watched
        code = self._wait(pid)
        output, errors = (path.read_text(errors="replace") for path in printed)
        return Ended(code, watched.changes, watched.killed, output, errors)

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until every worker that outlived its command is gone."""
        deadline = time.monotonic() + seconds
        while self._watched and time.monotonic() < deadline:
            self._serve(0.1)
        for watched in list(self._watched.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(watched.pid, signal.SIGKILL)
        while self._watched:
            self._serve(0.1)

    def _wait(self, pid: int) -> int:
        handle = os.pidfd_open(pid)
        deadline = time.monotonic() + self._timeout_s
        try:
            while not self._serve(1.0, handle):
                if time.monotonic() > deadline:
                    os.killpg(pid, signal.SIGKILL)
        finally:
            os.close(handle)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _serve(self, seconds: float, handle: int | None = None) -> bool:
        """Answer what waits; whether the process behind `handle` has ended."""
        poll = select.poll()
        for listener in self._watched:
            poll.register(listener, select.POLLIN)
        if handle is not None:
            poll.register(handle, select.POLLIN)
        ended = False
        for descriptor, event in poll.poll(1000 * seconds):
            if descriptor == handle:
                ended = True
            elif event & select.POLLIN:
                self._watched[descriptor].answer()
            elif event & select.POLLHUP:  # no process of that command is left
                del self._watched[descriptor]
                os.close(descriptor)
        return ended


def _process_of(thread: int) -> int | None:
    with contextlib.suppress(OSError), open(f"/proc/{thread}/status") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("Tgid:"))
    return None


def _be_command(arguments: Sequence[str], root: Path, printed: tuple[Path, Path], supervisor: socket.socket) -> None:
    """What a forked child does: it never returns."""
    code = 1
    try:
        os.setsid()
        os.chdir(root)
        _redirect(*printed)
        fork_the_forkserver()
        listener = watch_changes()
        socket.send_fds(supervisor, [b"."], [listener])
        os.close(listener)
        supervisor.close()
        from digitlab.cli.main import main

        main(list(arguments))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:  # noqa: BLE001 - a process that ends, as Python ends one
        import traceback

        traceback.print_exc()
    finally:
        from multiprocessing.util import _exit_function  # what a Python process does at its end

        with contextlib.suppress(BaseException):
            _exit_function()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(output: Path, errors: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666) for path in (output, errors)]
    for source, target in ((nothing, 0), (files[0], 1), (files[1], 2)):
        os.dup2(source, target)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)


def fork_the_forkserver() -> None:
    """Let multiprocessing's fork server be forked as well, instead of a new process that imports TensorFlow again.

    Where TensorFlow has been started, the server is a new process: a lane that is forked from a process whose
    threads it lacks waits for them for ever.
    """
    from multiprocessing import forkserver, util

    from tensorflow.python.eager import context

    start = util.spawnv_passfds

    def tensorflow_has_started() -> bool:
        return context.context_safe() is not None and bool(context.context_safe()._initialized)

    def spawn(path: Any, arguments: Sequence[Any], descriptors: Sequence[int]) -> int:
        program = arguments[-1]
        if isinstance(program, bytes):
            program = os.fsdecode(program)
        if "multiprocessing.forkserver import main" not in program or tensorflow_has_started():
            return int(start(path, arguments, descriptors))
        pid = os.fork()
        if pid:
            return pid
        kept = sorted({0, 1, 2, *descriptors})
        for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(low + 1, high)
        forkserver._forkserver.__init__()  # its functions are bound to this object
        try:
            exec(program, {})
        finally:
            os._exit(0)

    util.spawnv_passfds = spawn
