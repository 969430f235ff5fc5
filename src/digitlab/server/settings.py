"""`Settings`: what a server allows."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MIB = 2**20


@dataclass(frozen=True)
class Settings:
    """Who may ask, and for how much.

    Args:
        hosts: Names that a request's ``Host`` may have, without the port; ``"*"`` for any.
        origins: Origins besides the server's own from which a page may ask.
        api_key: What requests to ``/v1`` and ``/metrics`` must bring; none by default.
        most_bytes: Of a request's body.
        most_images: Of a batch.
        body_seconds: How long a client may take to send its body.
        work_seconds: How long a request may wait for a free core and be worked on.
        workers: Pictures and large batches that are worked on at once.
    """

    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()
    api_key: str | None = None
    most_bytes: int = 32 * MIB
    most_images: int = 10_000
    body_seconds: float = 20.0
    work_seconds: float = 30.0
    workers: int = 2
