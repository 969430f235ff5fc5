"""BMP: run-length coding, which Pillow decodes in Python."""

from __future__ import annotations

import struct
from typing import BinaryIO

from digitlab.imaging.headers.header import Header, RefusedError

# Decoding takes up to 0.1 µs per pixel and 0.5 µs per two bytes.
MOST_PIXELS, MOST_BYTES = 4_000_000, 2 * 2**20
RUN_LENGTH = (1, 2)


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read size and compression."""
    head = file.read(34)
    if len(head) < 34:
        return Header()
    header_bytes, width, height, compression = struct.unpack_from("<IiixxxxI", head, 14)
    if header_bytes >= 40 and compression in RUN_LENGTH:
        pixels = abs(width * height)
        if pixels > MOST_PIXELS or file_bytes > MOST_BYTES:
            raise RefusedError(
                f"a BMP with run-length coding of at most {MOST_PIXELS:,} pixels and {MOST_BYTES >> 20} MiB",
                f"{pixels:,} pixels and {file_bytes:,} bytes",
            )
    return Header()
