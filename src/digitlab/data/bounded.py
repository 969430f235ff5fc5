"""Reading a plain or gzipped file without ever holding more than it may hold."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

from digitlab.errors import DataError
from digitlab.runs.regular_file import open_regular
from digitlab.text import in_short

GZIP_MAGIC = b"\x1f\x8b"
_USUAL_MEMORY = 8 * 2**30
# Deflate, which gzip and zip use, makes no more than this of a byte. A header that promises more is wrong.
DEFLATE_MAX_RATIO = 1032
# A compressed file may unpack to this much whatever its size: nearly three times MNIST's 60,000 images.
SMALL_BYTES = 128 * 2**20
# Beyond that it must hold something: MNIST compresses to a fifth of its size, and one image over and over to a
# thousandth. Otherwise some hundred kilobytes would take half of the machine's memory.
PLAUSIBLE_RATIO = 100


def most_bytes() -> int:
    """How much one data set may unpack to: half of the machine's memory, since it is held there."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return _USUAL_MEMORY // 2


def most_unpacked(compressed: int) -> int:
    """How many bytes of images a compressed file of `compressed` bytes may unpack to."""
    return max(SMALL_BYTES, PLAUSIBLE_RATIO * compressed)


def refuse_implausible(unpacked: int, compressed: int, name: str) -> None:
    """Raise `DataError` if a compressed file of images would unpack to more than real images do.

    Args:
        unpacked: Bytes that the file says that it unpacks to.
        compressed: Its size in bytes.
        name: What to call it in messages.
    """
    most = min(compressed * DEFLATE_MAX_RATIO, most_unpacked(compressed))
    if unpacked > most:
        raise DataError(
            f"{name}: its header promises {unpacked:,} bytes, expected at most {most:,} from {compressed:,} compressed",
            hint="the file is damaged or was made to deceive; if it is neither, save it uncompressed",
        )


def open_data(path: Path) -> Any:
    """A regular file, open in binary mode.

    Raises:
        DataError: There is none, or it cannot be read.
    """
    try:
        return open_regular(path)
    except (OSError, ValueError) as error:
        raise _cannot_read(path, error) from error


def read_start_as_it_is(path: Path, size: int) -> bytes:
    """The first `size` bytes of the file itself, which are compressed if it is."""
    with open_data(path) as file:
        content: bytes = file.read(size)
        return content


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
    content: bytes
    with open_data(path) as file:
        try:
            zipped = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if not zipped:
                content = file.read(size)
                return content
            with gzip.open(file) as unzipped:
                content = unzipped.read(size)
                return content
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path}: expected a whole gzip file, got a damaged one: {in_short(error)}",
                hint="the download was probably cut short; fetch the file again",
            ) from error
        except OSError as error:
            raise _cannot_read(path, error) from error


def _cannot_read(path: Path, error: OSError | ValueError) -> DataError:
    why = getattr(error, "strerror", None) or error
    return DataError(f"cannot read {path}: {why}", hint="check the path and its rights")
