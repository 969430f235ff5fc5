"""What decoding a picture file will cost, read from its headers before Pillow is handed the file.

Pillow's limits count pixels. A few hundred bytes can still ask for minutes or gigabytes: by thousands of scans, frames
or chunks, by canvases and coefficients that are held beside the pixels, or by decoders that are written in Python.
Each module here knows one format, reads in linear time, and raises `RefusedError` where a bound is exceeded.
"""

from __future__ import annotations

from importlib import import_module
from typing import BinaryIO

from digitlab.imaging.headers.header import Header

_MODULES = {name: f"{__name__}.{name.lower()}" for name in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")}


def read_header(file: BinaryIO, kind: str, file_bytes: int) -> Header:
    """Read the headers of a picture file.

    Args:
        file: The file, seekable; its position changes.
        kind: Its format, one of `FORMATS`.
        file_bytes: Its size.

    Returns:
        What the headers say.

    Raises:
        RefusedError: Decoding would exceed a bound, or the headers are damaged.
    """
    file.seek(0)
    header: Header = import_module(_MODULES[kind]).read_header(file, file_bytes)
    return header
