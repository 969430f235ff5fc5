"""`Bodies`: the bodies of requests, no larger and no slower than is allowed, one by one and all together."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from digitlab.server.problems import BAD, BUSY, TIMEOUT, TOO_LARGE, RequestError
from digitlab.server.settings import BODIES_HELD, Settings

# Bodies up to this size are worked on in the event loop, since handing them on takes longer, and are not counted.
SMALL_BYTES = 32 * 1024
# More digits than a number of bytes can have.
LONGEST_LENGTH = 15


class Bodies:
    """Receives bodies, and counts the bytes of all that are being received or wait for a worker.

    Args:
        settings: The largest body, and the seconds that one may take.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._most_held = BODIES_HELD * settings.most_bytes
        self.held = 0

    async def receive(self, request: Request) -> bytes | bytearray:
        """The whole body. Of a body above `SMALL_BYTES`, `release` must be called when it is no longer needed.

        Raises:
            RequestError: It is too large, by its own word or in fact, comes too slowly, or breaks off; or too many
                bytes of other bodies are held.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdecimal():
            if len(declared) > LONGEST_LENGTH:
                raise self._too_large(f"a length of {len(declared)} digits")
            if int(declared) > self._settings.most_bytes:
                raise self._too_large(f"{int(declared):,} bytes")
        try:
            async with asyncio.timeout(self._settings.body_seconds):  # wait_for would start a task
                return await self._collect(request)
        except TimeoutError:
            raise RequestError(
                TIMEOUT,
                f"expected the whole body within {self._settings.body_seconds:g} s, got a part of it",
                hint="send less at once, or over a quicker line",
            ) from None
        except ClientDisconnect:
            raise RequestError(BAD, "expected the whole body, got a part of it", hint="send it again") from None

    def release(self, body: bytes | bytearray) -> None:
        """A received body is no longer needed."""
        if len(body) > SMALL_BYTES:
            self.held -= len(body)

    async def _collect(self, request: Request) -> bytes | bytearray:
        body: bytes | bytearray = b""
        try:
            async for part in request.stream():
                if not part:
                    continue
                if not body:
                    body = part
                else:
                    if isinstance(body, bytes):
                        body = bytearray(body)
                    body += part
                self._hold(len(part), len(body))
        except BaseException:
            self.held -= len(body)
            raise
        if len(body) <= SMALL_BYTES:
            self.held -= len(body)
        return body

    def _hold(self, more: int, size: int) -> None:
        self.held += more
        if size > self._settings.most_bytes:
            raise self._too_large("more")
        if self.held > self._most_held:
            raise RequestError(
                BUSY,
                f"expected at most {self._most_held:,} bytes of all bodies at once, got more",
                hint="try again soon",
            )

    def _too_large(self, received: str) -> RequestError:
        return RequestError(
            TOO_LARGE,
            f"expected a body of at most {self._settings.most_bytes:,} bytes, got {received}",
            hint="send fewer images, or a smaller picture",
        )
