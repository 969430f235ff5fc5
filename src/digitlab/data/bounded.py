"""Reading a plain or gzipped file without ever holding more than it may hold."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from digitlab.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
_USUAL_MEMORY = 8 * 2**30


def most_bytes() -> int:
    """How much one data set may unpack to: half of the machine's memory, since it is held there."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return _USUAL_MEMORY // 2


def read_start_as_it_is(path: Path, size: int) -> bytes:
    """The first `size` bytes of the file itself, which are compressed if it is."""
    with path.open("rb") as file:
        return file.read(size)


def read_start(path: Path, size: int) -> bytes:
    """The first `size` bytes of the content, decompressed; fewer if there are no more."""
    return _read(path, size)


def read_at_most(path: Path, size: int) -> bytes:
    """The whole content, decompressed; one byte more than `size` if there is more than that.

    The byte too many tells the caller that the file is too large, at no more memory than that: a
    gzip file may hold a thousand times what it weighs.

    Raises:
        DataError: The file is missing, unreadable or a damaged gzip file.
    """
    return _read(path, size + 1)


def _read(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            if file.read(2) != GZIP_MAGIC:
                file.seek(0)
                return file.read(size)
        with gzip.open(path) as file:
            return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: expected a whole gzip file, got a damaged one: {error}",
            hint="the download was probably cut short; fetch the file again",
        ) from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", hint="check the path and its rights"
        ) from error
