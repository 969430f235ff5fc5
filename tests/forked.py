"""Processes that need not import TensorFlow, which takes five seconds: children of `fork_server`.

For tests of what a command does, killed or not; those of how a process starts take one of its own.
"""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DIGITLAB = "import sys; from digitlab.cli.main import main; main(sys.argv[1:])"


class Forked:
    """A forked process; of `subprocess.Popen`, what the tests use of it."""

    def __init__(self, code, arguments, folder, environment, session):
        self.returncode = None
        self._output, self._errors = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `communicate`
        self._status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {
            "code": code,
            "arguments": list(map(os.fspath, arguments)),
            "folder": os.fspath(folder),
            "environment": environment,
            "session": session,
        }
        descriptors = [self._output.fileno(), self._errors.fileno(), theirs.fileno()]
        socket.send_fds(_server(), [json.dumps(request).encode()], descriptors)
        theirs.close()
        self.pid = int(self._status.recv(32))

    def poll(self):
        """The exit code, or `None` while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = int(self._status.recv(32))
        return self.returncode

    def wait(self, timeout=None):
        """Wait until it has ended; its exit code."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(DIGITLAB, timeout)
            self.poll()
        return self.returncode

    def communicate(self, timeout=None):
        """Wait until it has ended; what it wrote to standard output and to standard error."""
        self.wait(timeout)
        self._status.close()
        told = []
        for file in (self._output, self._errors):
            with file:
                file.seek(0)
                told.append(file.read())
        return tuple(told)

    def send_signal(self, number):
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def start(code, *arguments, folder=".", environment=None, session=False):
    """Run Python code in a process that has imported everything, with Ctrl-C as at a terminal.

    Args:
        code: As for ``python -c``.
        arguments: What follows it.
        folder: Where it runs.
        environment: Defaults to this process's.
        session: Whether it leads a session and a process group of its own.
    """
    environment = dict(os.environ if environment is None else environment)
    folder = Path(folder).resolve()
    if sys.platform == "linux":
        return Forked(code, arguments, folder, environment, session)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=session,
    )


def start_digitlab(*arguments, **options):
    """`start` for ``digitlab`` with these arguments."""
    return start(DIGITLAB, *map(str, arguments), **options)


def run(code, *arguments, timeout=None, **options):
    """Run Python code to its end; a `subprocess.CompletedProcess`."""
    process = start(code, *arguments, **options)
    output, errors = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess([code, *arguments], process.returncode, output, errors)


@functools.cache
def _server():
    """Our end of the socket of this process's own `fork_server`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = os.pathsep.join([str(HERE.parent / "benchmarks"), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = subprocess.Popen(
        [sys.executable, str(HERE / "fork_server.py"), str(theirs.fileno())],
        env={**os.environ, "PYTHONPATH": path},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()

    def stop():
        ours.close()
        server.wait()

    atexit.register(stop)
    return ours
