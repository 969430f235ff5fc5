"""`WorkerProcess`: one worker, started, asked, ended and replaced. Used by one thread at a time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

from digitlab.server.answers import Answer
from digitlab.server.messages import Deadline, receive_message, send_message
from digitlab.server.problems import BUSY, TOO_LARGE, RequestError
from digitlab.server.settings import API_KEY

# The search path is the server's, so that a worker imports what the server did and nothing from the current folder.
CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[3])
from digitlab.server.worker import main
main(int(sys.argv[1]), int(sys.argv[2]))
"""
# One thread a worker: several workers share the cores. The C library keeps fewer heaps, and so less freed memory.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_ARENA_MAX": "2",
}
BOOT_SECONDS = 30.0
# An answer is at most this large, or a few times the largest body.
LARGEST_ANSWER = 64 * 2**20


class WorkerError(RequestError):
    """A worker did not answer as it should: it was over a limit, died, or met with something unexpected.

    Args:
        status: The HTTP status.
        message: What was expected and what came.
        hint: What the client can do.
        detail: What only the log is to have.
    """

    def __init__(self, status: int, message: str, *, hint: str, detail: str) -> None:
        super().__init__(status, message, hint=hint)
        self.detail = detail


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know.

    Args:
        network: The bytes of the ONNX file.
        name: What to call the network in messages.
        most_images: Largest batch.
        seconds: How long a request may take.
        memory_bytes: Memory that a request may take.
        most_bytes: Largest body.
    """

    network: bytes
    name: str
    most_images: int
    seconds: float
    memory_bytes: int
    most_bytes: int


class WorkerProcess:
    """A process that answers one request at a time. It is started by `start` or by the first request.

    Args:
        settings: What it is told.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._life: int | None = None
        self._ready = False
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process, where there is none, and give back at once: it loads its libraries meanwhile."""
        with self._lock:
            if self._closed:
                raise _stopping()
            if self._process is not None:
                if self._process.poll() is None:
                    return
                self._close_descriptors()  # it died while it had nothing to do
            self._channel, theirs = socket.socketpair()
            life, self._life = os.pipe()
            arguments = [str(theirs.fileno()), str(life), json.dumps(sys.path)]
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with our own code
                    [sys.executable, "-c", CODE, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # a decoder's warnings hold a stranger's bytes
                    pass_fds=(theirs.fileno(), life),
                    process_group=0,  # so that a decoder's own processes can be ended with it
                    env=_environment(),
                )
            except OSError as error:
                self._close_descriptors()
                raise _not_started(f"{type(error).__name__}: {error}") from error
            finally:
                theirs.close()
                os.close(life)
            self._ready = False

    def ask(self, request: dict[str, Any], body: bytes | bytearray) -> Answer:
        """The answer to a request.

        Raises:
            RequestError: The request cannot be answered.
            WorkerError: The worker was over a limit, or died; it has been replaced.
        """
        self.start()
        self._await_ready()
        deadline = Deadline(self._settings.seconds)
        try:
            send_message(self._use_channel(), request, body, deadline)
            header, content = receive_message(
                self._use_channel(), LARGEST_ANSWER + 4 * self._settings.most_bytes, deadline
            )
        except TimeoutError:
            self._replace()
            raise self._too_slow() from None
        except (EOFError, OSError, ValueError) as error:
            raise self._died(error) from None
        if header.get("leaving"):
            self._replace()
        return _answer(header, content)

    def close(self) -> None:
        """End the process for good, whatever it does; a thread that waits for its answer gets an error."""
        with self._lock:
            self._closed = True
            self._kill()
        # The descriptors are left to whoever waits on them in another thread, and to `end`.

    def end(self) -> None:
        """End the process and forget it."""
        with self._lock:
            self._kill()
            if self._process is not None:
                self._process.wait()
                self._process = None
            self._close_descriptors()

    def _await_ready(self) -> None:
        if self._ready:
            return
        try:
            deadline = Deadline(BOOT_SECONDS)
            settings = self._settings
            told = {
                "name": settings.name,
                "most_images": settings.most_images,
                "seconds": settings.seconds,
                "memory_bytes": settings.memory_bytes,
            }
            send_message(self._use_channel(), told, settings.network, deadline)
            header, _ = receive_message(self._use_channel(), 0, deadline)
        except (EOFError, OSError, ValueError) as error:
            code = self._exit_code()
            self.end()
            raise _not_started(f"{type(error).__name__}, exit code {code}") from None
        if "failed" in header:
            self.end()
            raise _not_started(str(header["failed"]))
        self._ready = True

    def _use_channel(self) -> socket.socket:
        channel = self._channel
        if channel is None or self._closed:
            raise _stopping()
        return channel

    def _replace(self) -> None:
        self.end()
        # What cannot be started now is started, or fails, with the next request.
        with contextlib.suppress(RequestError):
            self.start()

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _close_descriptors(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._life is not None:
            os.close(self._life)
        self._channel = self._life = None

    def _exit_code(self) -> int | None:
        process = self._process
        if process is None:
            return None
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            return None

    def _too_slow(self) -> WorkerError:
        return WorkerError(
            TOO_LARGE,
            f"expected an upload that is read within {self._settings.seconds:g} s, got one that takes longer",
            hint="send fewer images, or a smaller picture",
            detail=f"the worker was ended after {self._settings.seconds:g} s",
        )

    def _died(self, error: Exception) -> RequestError:
        if self._closed:
            self.end()
            return _stopping()
        code = self._exit_code()
        self._replace()
        return WorkerError(
            BUSY,
            "expected the upload to be read, but the process that read it ended",
            hint="send another picture, or the same once more",
            detail=f"the worker ended with exit code {code} ({type(error).__name__}: {error})",
        )


def _answer(header: dict[str, Any], content: bytearray) -> Answer:
    if "status" not in header:
        counts = {str(name): int(count) for name, count in header["counts"].items()}
        return Answer(bytes(content), str(header["media_type"]), counts)
    status, message, hint = int(header["status"]), str(header["message"]), str(header["hint"])
    if "detail" in header:
        raise WorkerError(status, message, hint=hint, detail=str(header["detail"]))
    raise RequestError(status, message, hint=hint)


def _environment() -> dict[str, str]:
    """The server's, without its key."""
    return {**{name: value for name, value in os.environ.items() if name != API_KEY}, **ENVIRONMENT}


def _not_started(detail: str) -> WorkerError:
    return WorkerError(
        BUSY, "expected a worker process, but none could be started", hint="try again soon", detail=detail
    )


def _stopping() -> RequestError:
    return RequestError(BUSY, "expected a running server, but it is being stopped", hint="try again soon")
