"""WebP: canvases. libwebp allocates them when the file is opened, before Pillow can be asked for the size.

Specification: RFC 9649.
"""

from __future__ import annotations

from typing import BinaryIO

from digitlab.imaging.headers.header import MOST_EXIF_BYTES, MOST_MEMORY, Header, RefusedError, damaged

# libwebp holds two canvases of 4 bytes per pixel, the lossless decoder its own pixels, and Pillow the decoded frame
# beside its picture, which is counted elsewhere.
CANVAS_BYTES = 13
# Beside them stand Pillow's pixels and the grey ones.
PICTURE_BYTES = 5
# Pillow reads the whole file, and copies it once.
FILE_COPIES = 2
MOST_CHUNKS = 1000


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read the size of the canvas, and of the chunks."""
    width, height = _canvas(file.read(30))
    memory = CANVAS_BYTES * width * height + FILE_COPIES * file_bytes
    if memory + PICTURE_BYTES * width * height > MOST_MEMORY:
        raise RefusedError("a WebP picture of at most 24 million pixels", f"{width}x{height} pixels")
    _check_chunks(file)
    return Header(memory=memory)


def _canvas(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if len(head) == 30 and kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if len(head) == 30 and kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    if len(head) >= 25 and kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise damaged("a WebP file without a picture")


def _check_chunks(file: BinaryIO) -> None:
    position = 12
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8:
            return
        if head[:4] == b"EXIF" and length > MOST_EXIF_BYTES:
            raise RefusedError(f"at most {MOST_EXIF_BYTES >> 20} MiB of EXIF data", f"{length:,} bytes")
        position += 8 + length + length % 2
    raise RefusedError(f"a WebP file of at most {MOST_CHUNKS:,} chunks", "more")
