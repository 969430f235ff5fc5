"""`Header`: what a picture file's headers say about the cost of decoding it."""

from __future__ import annotations

from dataclasses import dataclass

# Frames or pages are counted up to this number. A file with more than one is refused in any case.
MOST_COUNTED = 100
# Bytes that decoding may hold at once: less than the 500 MB that a call may take.
MOST_MEMORY = 460_000_000
# EXIF data are converted to Python objects of some 40 times their size. Cameras write at most 64 KiB.
MOST_EXIF_BYTES = 2**20


@dataclass(frozen=True)
class Header:
    """What is known of a file before it is decoded.

    Args:
        frames: Pictures in the file, counted up to 101. Defaults to 1.
        memory: Bytes that decoding needs beside the pixels as Pillow holds them. Defaults to 0.
    """

    frames: int = 1
    memory: int = 0


class RefusedError(ValueError):
    """A file is not handed to its decoder.

    Args:
        expected: What would have been accepted, as the rest of "expected ...".
        received: What the file holds.
    """

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"expected {expected}, got {received}")
        self.expected = expected
        self.received = received


def damaged(what: str) -> RefusedError:
    """Return the error for headers that cannot be followed."""
    return RefusedError("a picture", f"a damaged one: {what}")
