"""`Settings`: what a server allows."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MIB = 2**20
# The environment variable with the key; never an option, since everybody on the machine can read a command line.
API_KEY = "DIGITLAB_API_KEY"
# Bodies of more than this many times `Settings.most_bytes` are never held in memory at once.
BODIES_HELD = 3


@dataclass(frozen=True)
class Settings:
    """Who may ask, and for how much.

    Args:
        hosts: Names that a request's ``Host`` may have, without the port; ``"*"`` for any.
        origins: Origins besides the server's own from which a page may ask.
        api_key: What requests to ``/v1`` and ``/metrics`` must bring; none by default.
        most_bytes: Largest body of a request. All bodies that are being received or wait hold at most three times as
            much memory. Defaults to 32 MiB.
        most_images: Largest batch. Defaults to 10,000.
        body_seconds: How long a client may take to send its body. Defaults to 20.
        work_seconds: How long a request may wait for a worker and be worked on. Defaults to 30.
        workers: Processes that parse and read uploads. Defaults to 2.
        worker_seconds: How long a worker may take for one upload before it is ended. Defaults to 10.
        worker_bytes: Memory that a worker may take for one upload, beyond what it holds when it is idle and beyond
            the body. Defaults to 480 MiB. Enforced on Linux.
        threads: Threads of the server's own process that classify large batches of bytes. Defaults to 2.
    """

    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()
    api_key: str | None = None
    most_bytes: int = 32 * MIB
    most_images: int = 10_000
    body_seconds: float = 20.0
    work_seconds: float = 30.0
    workers: int = 2
    worker_seconds: float = 10.0
    worker_bytes: int = 480 * MIB
    threads: int = 2
