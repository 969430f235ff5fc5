"""JPEG: segments before the picture, scans and coefficients.

Specification: ITU-T T.81 (1992), annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from digitlab.imaging.headers.header import MOST_EXIF_BYTES, Header, RefusedError, damaged

# Cameras write some ten segments. Depth maps and extended XMP have been seen with hundreds of 64 KiB each.
MOST_SEGMENTS, MOST_SEGMENT_BYTES = 1024, 32 * 2**20
# Pillow skips junk between segments byte by byte.
MOST_JUNK = 65_536
# Each scan visits each block of 8x8 coefficients of its components, which takes libjpeg 16 to 45 ns where nothing is
# coded. The usual ten scans of 64 million pixels in colour are 16 million visits.
MOST_VISITS = 32_000_000
# libjpeg holds all coefficients of 2 bytes each where a picture has several scans.
COEFFICIENT_BYTES = 2
READ_BYTES = 2**20

SOI, EOI, SOS, APP1 = 0xD8, 0xD9, 0xDA, 0xE1
# Baseline, extended sequential and progressive DCT, Huffman-coded. No camera and no browser knows the others
# (arithmetic coding, lossless, hierarchical), whose decoding takes longer for each byte.
FRAMES = (0xC0, 0xC1, 0xC2)
OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
PROGRESSIVE = 0xC2
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
# In coded data FF is followed by 00 where it is data, and by D0 to D7 where it is a restart marker.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


@dataclass(frozen=True)
class Frame:
    """The frame header.

    Args:
        progressive: Whether the picture is coded in progressive scans.
        blocks: Blocks of 8x8 samples, by component.
    """

    progressive: bool
    blocks: dict[int, int]


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read up to the first scan, and on to the end of the picture where it has several scans.

    What follows the end of the first picture, such as a second one (MPO) or a film, is not looked at.
    """
    frame: Frame | None = None
    visits = 0
    for marker, content in _segments(file):
        if marker in OTHER_FRAMES:
            raise RefusedError("a baseline or progressive JPEG with Huffman coding", "another kind of JPEG")
        if marker in FRAMES:
            if frame is not None:
                raise damaged("two frame headers in a JPEG")
            frame = _frame(marker, content)
        elif marker == SOS:
            if frame is None:
                raise damaged("a JPEG scan before its frame header")
            components = _components(content)
            if not frame.progressive and len(components) == len(frame.blocks):
                return Header()  # a single scan, of which libjpeg holds a row of blocks at a time
            visits += sum(frame.blocks.get(component, 0) for component in components)
            if visits > MOST_VISITS:
                raise RefusedError("a JPEG with fewer scans", f"scans that visit over {MOST_VISITS:,} blocks")
            _skip_scan(file)
    return Header(memory=64 * COEFFICIENT_BYTES * sum(frame.blocks.values()) if frame else 0)


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the segments' markers and contents until the picture ends; of application segments none but counts."""
    file.seek(2)
    count = size = exif = junk = 0
    while True:
        marker, skipped = _next_marker(file)
        junk += skipped
        if junk > MOST_JUNK:
            raise damaged("a JPEG with junk between its segments")
        if marker is None or marker == EOI:
            return
        if marker in WITHOUT_LENGTH or marker == SOI:
            count += 1
            continue
        length = int.from_bytes(file.read(2), "big")
        if length < 2:
            raise damaged("a JPEG segment without a length")
        content = file.read(length - 2)
        count, size = count + 1, size + length
        exif += length if marker == APP1 and content.startswith(b"Exif\0\0") else 0
        if count > MOST_SEGMENTS or size > MOST_SEGMENT_BYTES:
            raise RefusedError(f"a JPEG of at most {MOST_SEGMENTS} segments and {MOST_SEGMENT_BYTES >> 20} MiB", "more")
        if exif > MOST_EXIF_BYTES:
            raise RefusedError(f"at most {MOST_EXIF_BYTES >> 20} MiB of EXIF data", "more")
        yield marker, content


def _next_marker(file: BinaryIO) -> tuple[int | None, int]:
    """Return the next marker, or None at the end of the file, and how many bytes before it belong to nothing."""
    skipped = 0
    while skipped <= MOST_JUNK:
        byte = file.read(1)
        if not byte:
            return None, skipped
        if byte != b"\xff":
            skipped += 1
            continue
        while (byte := file.read(1)) == b"\xff":
            skipped += 1
            if skipped > MOST_JUNK:
                break
        if byte and byte not in (b"\x00", b"\xff"):
            return byte[0], skipped
        skipped += 1
    return None, skipped


def _frame(marker: int, content: bytes) -> Frame:
    if len(content) < 6 or len(content) < 6 + 3 * content[5]:
        raise damaged("a JPEG frame header that is cut short")
    height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    components = [content[start : start + 2] for start in range(6, 6 + 3 * content[5], 3)]
    sampling = {component[0]: (component[1] >> 4, component[1] & 15) for component in components}
    if not sampling or not all(across and down for across, down in sampling.values()):
        raise damaged("a JPEG frame header without components or samples")
    most_across, most_down = (max(factors[i] for factors in sampling.values()) for i in (0, 1))
    blocks = {
        component: -(-width * across // (8 * most_across)) * -(-height * down // (8 * most_down))
        for component, (across, down) in sampling.items()
    }
    return Frame(marker == PROGRESSIVE, blocks)


def _components(content: bytes) -> set[int]:
    if not content or len(content) < 1 + 2 * content[0]:
        raise damaged("a JPEG scan header that is cut short")
    return {content[1 + 2 * number] for number in range(content[0])}


def _skip_scan(file: BinaryIO) -> None:
    """Move to the marker that ends the scan's coded data, or to the end of the file."""
    start, last = file.tell(), b""
    while block := file.read(READ_BYTES):
        found = _END_OF_SCAN.search(last + block)
        if found:
            file.seek(start - len(last) + found.start())
            return
        start += len(block)
        last = b"\xff" if block.endswith(b"\xff") else b""
