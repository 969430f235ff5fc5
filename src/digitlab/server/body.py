"""`read_body`: a request's body, no larger and no slower than is allowed."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from digitlab.server.problems import BAD, TIMEOUT, TOO_LARGE, RequestError
from digitlab.server.settings import Settings


async def read_body(request: Request, settings: Settings) -> bytes:
    """The whole body.

    Raises:
        RequestError: It is too large, by its own word or in fact, comes too slowly, or breaks off.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > settings.most_bytes:
        raise _too_large(settings, f"{int(declared):,} bytes")
    try:
        return await asyncio.wait_for(_collect(request, settings), settings.body_seconds)
    except TimeoutError:
        raise RequestError(
            TIMEOUT,
            f"expected the whole body within {settings.body_seconds:g} s, got a part of it",
            hint="send less at once, or over a quicker line",
        ) from None
    except ClientDisconnect:
        raise RequestError(BAD, "expected the whole body, got a part of it", hint="send it again") from None


async def _collect(request: Request, settings: Settings) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > settings.most_bytes:
            raise _too_large(settings, "more")
        parts.append(part)
    return b"".join(parts)


def _too_large(settings: Settings, came: str) -> RequestError:
    return RequestError(
        TOO_LARGE,
        f"expected a body of at most {settings.most_bytes:,} bytes, got {came}",
        hint="send fewer images, or a smaller picture",
    )
