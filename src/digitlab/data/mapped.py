"""Images that stay in their file and are read when they are used: `numpy.memmap`."""

from __future__ import annotations

from pathlib import Path

from digitlab.data.bounded import GZIP_MAGIC, most_bytes, read_start_as_it_is
from digitlab.data.split import IMAGE_SIDE, Split
from digitlab.errors import DataError

# Plain IDX files of so many bytes and more are not read when they are opened: five times MNIST's, which any machine
# has room for.
MAPPED_FROM = 256 * 2**20


def is_to_be_mapped(path: Path) -> bool:
    """Whether a file is so large, and not gzipped, that its images are to stay in it."""
    return path.stat().st_size >= MAPPED_FROM and read_start_as_it_is(path, 2) != GZIP_MAGIC


def refuse_larger_than_memory(split: Split, hint: str) -> None:
    """Raise `DataError` where the images lie in a file and are too many to be copied into memory."""
    came = len(split) * IMAGE_SIDE * IMAGE_SIDE
    if split.in_file and came > most_bytes():
        raise DataError(
            f"{split.name}: expected at most {most_bytes():,} bytes of images, half of this machine's memory, "
            f"got {came:,}",
            hint=hint,
        )
