"""`WorkerPool`: uploads are worked on in processes that can be ended, and large batches of bytes in threads."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from digitlab.server.answers import Answer
from digitlab.server.problems import BUSY, RequestError
from digitlab.server.process import WorkerProcess, WorkerSettings
from digitlab.server.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
# So many requests for each worker may wait; more are turned away at once, sooner than each waits longer.
WAITING = 32


class WorkerPool:
    """A few processes, each asked by a thread that waits for its answer, and a few threads that do work themselves.

    Processes are started by `start` or by the first upload. They end with `close`, and when the server's process dies.

    Args:
        settings: How many, and what a request may take.
        network: The bytes of the ONNX file.
        name: What to call the network in messages.
    """

    def __init__(self, settings: Settings, network: bytes, name: str) -> None:
        self._settings = settings
        self._told = WorkerSettings(
            network=network,
            name=name,
            most_images=settings.most_images,
            seconds=settings.worker_seconds,
            memory_bytes=settings.worker_bytes + settings.most_bytes,
            most_bytes=settings.most_bytes,
        )
        self._open()

    def start(self) -> None:
        """Start every process, without waiting until it has loaded its libraries. Possible again after `close`."""
        if self._closed:
            self._open()
        for process in self._processes:
            process.start()

    def _open(self) -> None:
        settings = self._settings
        self._closed = False
        self._processes = [WorkerProcess(self._told) for _ in range(settings.workers)]
        # The process that worked last is asked first: where few requests arrive, few processes are started.
        self._idle: queue.LifoQueue[WorkerProcess] = queue.LifoQueue()
        for process in reversed(self._processes):
            self._idle.put(process)
        self._uploads = _Line(settings.workers, settings.work_seconds, "digitlab-worker")
        self._batches = _Line(settings.threads, settings.work_seconds, "digitlab-batch")

    async def ask(self, request: dict[str, Any], body: bytes | bytearray) -> Answer:
        """The answer of a worker process.

        Raises:
            RequestError: Too many requests wait, it took too long, or the request cannot be answered.
        """
        return await self._uploads.run(self._ask, request, body)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` gives, from a thread of the server's own process. `work` must let go of the interpreter's lock.

        Raises:
            RequestError: Too many requests wait, or it took too long.
        """
        return await self._batches.run(work, *args, **kwargs)

    def close(self) -> None:
        """End the processes, whatever they do. Requests that wait for one are answered with an error."""
        self._closed = True
        for process in self._processes:
            process.close()
        self._uploads.close()
        self._batches.close()
        for process in self._processes:
            process.end()

    def _ask(self, request: dict[str, Any], body: bytes | bytearray) -> Answer:
        process = self._idle.get()
        try:
            return process.ask(request, body)
        finally:
            self._idle.put(process)


class _Line:
    """Requests that wait for one of a few threads."""

    def __init__(self, threads: int, seconds: float, name: str) -> None:
        self._threads, self._seconds = ThreadPoolExecutor(threads, thread_name_prefix=name), seconds
        self._most = threads * WAITING
        self._pending = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pending >= self._most:
            raise RequestError(
                BUSY, f"expected fewer than {self._most} requests at once, got more", hint="try again soon"
            )
        try:
            future = self._threads.submit(work, *args, **kwargs)
        except RuntimeError:  # closed
            raise RequestError(BUSY, "expected a running server, but it is being stopped", hint="try again") from None
        self._count(1)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise RequestError(
                BUSY, f"expected an answer within {self._seconds:g} s, got none", hint="try again, or send less"
            ) from None

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _done(self, _: Future[Any]) -> None:
        # Work that nobody waits for any more counts until it ends, since it holds a worker until then.
        self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._pending += change
