"""PNG: chunks beside the pixels.

Specification: ISO/IEC 15948 (PNG, third edition). Compressed pixels cannot grow past the size that the first chunk
names, which is checked elsewhere. Pillow limits each compressed text to 1 MiB, and not how many there are.
"""

from __future__ import annotations

from typing import BinaryIO

from digitlab.imaging.headers.header import MOST_EXIF_BYTES, Header, RefusedError

# libpng writes 8 KiB per chunk: 32,768 chunks for 256 MiB.
MOST_CHUNKS = 65_536
# Pillow keeps text as characters of up to 4 bytes each, and the bytes beside them.
TEXT_COPIES, CHUNK_COPIES = 6, 2
MOST_TEXT_BYTES = 2**20
TEXT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
PIXELS = (b"IDAT", b"fdAT")


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read the lengths of all chunks up to the end of the picture."""
    position, memory = 8, 0
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            return Header(memory=memory)
        if kind == b"eXIf" and length > MOST_EXIF_BYTES:
            raise RefusedError(f"at most {MOST_EXIF_BYTES >> 20} MiB of EXIF data", f"{length:,} bytes")
        if kind in TEXT:
            compressed = kind in (b"zTXt", b"iCCP") or (kind == b"iTXt" and _is_compressed(file))
            memory += TEXT_COPIES * (max(length, MOST_TEXT_BYTES) if compressed else length)
        elif kind not in PIXELS:
            memory += CHUNK_COPIES * length
        position += 12 + length
    raise RefusedError(f"a PNG of at most {MOST_CHUNKS:,} chunks", "more")


def _is_compressed(file: BinaryIO) -> bool:
    """Whether the international text at this position is compressed: the byte after its keyword, of up to 79 bytes."""
    keyword, _, rest = file.read(81).partition(b"\0")
    return len(keyword) > 79 or rest[:1] != b"\0"
