"""A load of HTTP requests over connections that stay open: as many as can be, or so many a second."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field


@dataclass
class Answers:
    """What came back.

    Args:
        seconds: Of each answer, from the moment it was due.
        errors: Statuses other than 200, or what broke.
        duration: Of the whole load, in seconds.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    duration: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.duration

    def percentile(self, percent: float) -> float:
        """Milliseconds within which so many of a hundred were answered."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, math.ceil(percent / 100 * len(ordered)) - 1)]


def request_of(body: bytes, kind: str, accept: str = "*/*") -> bytes:
    """The bytes of a POST to /v1/predict."""
    head = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nAccept: {accept}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def load(port: int, request: bytes, *, seconds: float, connections: int, rate: float | None = None) -> Answers:
    """Ask for so long; each connection asks again when it is answered, or as soon as the next request is due."""
    return asyncio.run(_load(port, request, seconds, connections, rate))


async def _load(port: int, request: bytes, seconds: float, connections: int, rate: float | None) -> Answers:
    answers = Answers()
    started = time.perf_counter()
    due = Moments(started, rate)
    asking = [_ask(port, request, started + seconds, due, answers) for _ in range(connections)]
    await asyncio.gather(*asking)
    answers.duration = time.perf_counter() - started
    return answers


class Moments:
    """When each request is due: now, or evenly spaced."""

    def __init__(self, started: float, rate: float | None) -> None:
        self._started = started
        self._rate = rate
        self._number = 0

    def next(self) -> float:
        """The next one's, by `time.perf_counter`."""
        if self._rate is None:
            return time.perf_counter()
        self._number += 1
        return self._started + self._number / self._rate


async def _ask(port: int, request: bytes, end: float, due: Moments, answers: Answers) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        while (moment := due.next()) < end and time.perf_counter() < end:
            if (wait := moment - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            answers.seconds.append(time.perf_counter() - moment)
            if b" 200 " not in head[:20]:
                answers.errors.append(head[:15].decode())
    except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
        answers.errors.append(repr(error))
    finally:
        writer.close()
