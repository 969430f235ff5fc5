"""`Workers`: what takes longer than a moment is done beside the loop that answers requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from digitlab.server.problems import BUSY, RequestError
from digitlab.server.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
# So many requests for each worker may wait; more are turned away at once, sooner than each waits longer.
WAITING = 32


class Workers:
    """A few threads. ONNX Runtime, OpenCV and Pillow let go of the interpreter while they work.

    Args:
        settings: How many, and for how long a request may take.
    """

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.work_seconds
        self._most = settings.workers * WAITING
        self._workers = settings.workers
        self._pool: ThreadPoolExecutor | None = None
        self._pending = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` gives.

        Raises:
            RequestError: Too many wait already, or it took too long.
        """
        if self._pending >= self._most:
            raise RequestError(
                BUSY, f"expected fewer than {self._most} requests at once, got more", hint="try again soon"
            )
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="digitlab")
        self._pending += 1
        future = self._pool.submit(work, *args, **kwargs)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise RequestError(
                BUSY, f"expected an answer within {self._seconds:g} s, got none", hint="try again, or send less"
            ) from None

    def close(self) -> None:
        """End the threads when they are done; the next work starts others."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _done(self, _: object) -> None:
        # An abandoned thread counts until it ends, since it holds a core until then.
        self._pending -= 1
