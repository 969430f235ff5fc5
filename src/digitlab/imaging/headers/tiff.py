"""TIFF: tags, strips and tiles, and pages.

Specification: TIFF 6.0 (Adobe 1992). Pillow converts each tag that it needs to Python objects and makes an object for
each strip. libtiff holds a whole strip or tile, which may be the whole picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from digitlab.imaging.headers.header import MOST_COUNTED, Header, RefusedError, damaged

# Tags in a directory: TIFF 6.0 and its usual extensions define some hundred.
MOST_TAGS = 1024
# Values of a tag that become Python objects; strips and tiles among them.
MOST_VALUES = 65_536
# Tags of bytes: colour profiles, XMP, layers of image editors.
MOST_TAG_BYTES = 32 * 2**20
WIDTH, LENGTH, BITS, COMPRESSION, SAMPLES = 256, 257, 258, 259, 277
STRIP_ROWS, PLANAR, TILE_WIDTH, TILE_LENGTH = 278, 284, 322, 323
WANTED = (WIDTH, LENGTH, BITS, COMPRESSION, SAMPLES, STRIP_ROWS, PLANAR, TILE_WIDTH, TILE_LENGTH)
# Uncompressed, CCITT (three kinds), LZW, JPEG, Deflate (two numbers) and PackBits. The others are not found in
# pictures of writing, and LZMA and Zstandard choose their own memory.
RAW = 1
COMPRESSIONS = (RAW, 2, 3, 4, 5, 7, 8, 32946, 32771, 32773)
JPEG, JPEG_BYTES = 7, 4  # libtiff converts its colours by a strip of 4 bytes per pixel
# Bytes of a value by the number of its type, and the types that Pillow keeps as bytes.
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
BYTES_TYPES = (1, 2, 7)
WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q"}
# Pillow decodes no more samples per pixel, and logs an error where there are.
MOST_SAMPLES = 6


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read the first directory, and count the others."""
    layout = _Layout(file)
    tags, following = layout.directory(layout.first)
    pages = 1 + sum(1 for _ in layout.chain(layout.first, following))
    return Header(frames=pages, memory=_memory(tags, file_bytes))


def _memory(tags: dict[int, tuple[int, ...]], file_bytes: int) -> int:
    """Return the bytes that libtiff holds beside the picture."""
    bits = tags.get(BITS, (1,))
    samples = tags.get(SAMPLES, (len(bits),))[0]
    if samples > MOST_SAMPLES:
        raise RefusedError(f"a TIFF of at most {MOST_SAMPLES} samples per pixel", f"{samples:,}")
    compression = tags.get(COMPRESSION, (RAW,))[0]
    if compression not in COMPRESSIONS:
        raise RefusedError("a TIFF with LZW, Deflate, JPEG, PackBits, CCITT or no compression", f"kind {compression}")
    if compression == RAW:
        return 0  # Pillow decodes it by itself, row by row
    width, length = (tags.get(tag, (0,))[0] for tag in (WIDTH, LENGTH))
    across = tags.get(TILE_WIDTH, (width,))[0]
    down = tags[TILE_LENGTH][0] if TILE_LENGTH in tags else min(length, tags.get(STRIP_ROWS, (length,))[0])
    pixel_bits = max(bits) * (1 if tags.get(PLANAR, (1,))[0] == 2 else samples)
    strip = across * down * (max(pixel_bits, 8 * JPEG_BYTES) if compression == JPEG else pixel_bits) // 8
    return strip + file_bytes


class _Layout:
    """The byte order and the kind of a file, and what is read by them.

    Args:
        file: The file, at its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        head = file.read(16)
        self._file = file
        self._order = "<" if head[:2] == b"II" else ">"
        self._big = head[2] == 43 or head[3] == 43
        self.first = self._number("Q", head[8:16]) if self._big else self._number("I", head[4:8])

    def directory(self, offset: int) -> tuple[dict[int, tuple[int, ...]], int]:
        """Read the wanted tags at this offset, and the offset of the next directory; check the size of all tags."""
        tags: dict[int, tuple[int, ...]] = {}
        size = 0
        for tag, kind, count, value in self._entries(offset):
            length = count * TYPE_BYTES.get(kind, 0)
            size += length
            if size > MOST_TAG_BYTES or (count > MOST_VALUES and kind not in BYTES_TYPES):
                raise RefusedError(
                    f"a TIFF with tags of at most {MOST_VALUES:,} values and {MOST_TAG_BYTES >> 20} MiB", "more"
                )
            if tag in WANTED and tag not in tags and kind in WHOLE_NUMBERS and count:
                tags[tag] = self._values(WHOLE_NUMBERS[kind], count, length, value)
        return tags, self.next(offset)

    def chain(self, first: int, following: int) -> Iterator[int]:
        """Yield the offsets of further directories, each once, and no more than are counted."""
        seen = {first}
        while following and following not in seen and len(seen) <= MOST_COUNTED:
            seen.add(following)
            yield following
            following = self.next(following)

    def next(self, offset: int) -> int:
        """Return the offset that stands behind the directory at this offset; 0 for none, or where the file ends."""
        count = self._count(offset)
        if count is None:
            return 0
        self._file.seek(self._start(offset) + count * self._entry_bytes)
        rest = self._file.read(self._offset_bytes)
        return self._number("Q" if self._big else "I", rest) if len(rest) == self._offset_bytes else 0

    @property
    def _entry_bytes(self) -> int:
        return 20 if self._big else 12

    @property
    def _offset_bytes(self) -> int:
        return 8 if self._big else 4

    def _start(self, offset: int) -> int:
        return offset + (8 if self._big else 2)

    def _count(self, offset: int) -> int | None:
        if offset >= 2**63:
            return None
        self._file.seek(offset)
        content = self._file.read(8 if self._big else 2)
        return self._number("Q" if self._big else "H", content) if len(content) == (8 if self._big else 2) else None

    def _entries(self, offset: int) -> Iterator[tuple[int, int, int, bytes]]:
        count = self._count(offset)
        if count is None:
            raise damaged("a TIFF without a directory")
        if count > MOST_TAGS:
            raise RefusedError(f"a TIFF of at most {MOST_TAGS:,} tags", f"{count:,}")
        content = self._file.read(count * self._entry_bytes)
        layout = struct.Struct(self._order + ("HHQ8s" if self._big else "HHI4s"))
        for start in range(0, len(content) - self._entry_bytes + 1, self._entry_bytes):
            yield layout.unpack_from(content, start)

    def _values(self, code: str, count: int, length: int, value: bytes) -> tuple[int, ...]:
        if length > len(value):
            here = self._number("Q" if self._big else "I", value)
            if here >= 2**63:
                return (0,)
            self._file.seek(here)
            value = self._file.read(length)
        return struct.unpack_from(f"{self._order}{count}{code}", value) if len(value) >= length else (0,)

    def _number(self, code: str, content: bytes) -> int:
        return int(struct.unpack(self._order + code, content)[0])
