"""PPM and its relatives: headers that Pillow reads byte by byte, and pixels that it decodes in Python.

Specification: the manual pages pbm(5), pgm(5), ppm(5), pfm(5) of Netpbm.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from digitlab.imaging.headers.header import Header, RefusedError, damaged

MOST_HEAD_BYTES = 4096
# Pillow takes about 0.4 µs for each sample that it decodes in Python, and copies a block of 1 MiB for each comment.
MOST_SAMPLES, MOST_TEXT_BYTES, MOST_COMMENTS = 3_000_000, 16 * 2**20, 64
PLAIN, WITHOUT_MAXIMUM = (b"P1", b"P2", b"P3"), (b"P1", b"P4")
COLOUR = (b"P3", b"P6")
# Maxima that Pillow's C code decodes.
QUICK_MAXIMA = {b"P5": (255, 65_535), b"P6": (255,)}
_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([^\s#]+)")


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read size and largest value, and where Python decodes the pixels, the comments between them."""
    head = file.read(MOST_HEAD_BYTES)
    kind, numbers = head[:2], _numbers(head)
    samples = numbers[0] * numbers[1] * (3 if kind in COLOUR else 1)
    if kind in PLAIN:
        _check(kind, samples)
        if file_bytes > MOST_TEXT_BYTES:
            raise RefusedError(f"a plain PPM file of at most {MOST_TEXT_BYTES >> 20} MiB", f"{file_bytes:,} bytes")
        file.seek(0)
        if (comments := file.read().count(b"#")) > MOST_COMMENTS:
            raise RefusedError(f"a plain PPM file with at most {MOST_COMMENTS} comments", f"{comments:,}")
    elif kind in QUICK_MAXIMA and numbers[2] not in QUICK_MAXIMA[kind]:
        _check(kind, samples)
    return Header()


def _numbers(head: bytes) -> list[int]:
    """Return width, height and, of a binary format with whole numbers, the largest value."""
    wanted = 2 if head[:2] in WITHOUT_MAXIMUM or head[:2] == b"Pf" else 3
    found: list[int] = []
    position = 2
    while len(found) < wanted:
        token = _TOKEN.match(head, position)
        if token is None or token.end() == len(head) or not token[1].isdigit() or len(token[1]) > 10:
            raise damaged("a PPM header without width, height and largest value")
        found.append(int(token[1]))
        position = token.end()
    return found


def _check(kind: bytes, samples: int) -> None:
    if samples > MOST_SAMPLES:
        raise RefusedError(
            f"a PPM picture of this kind ({kind.decode()}) with at most {MOST_SAMPLES:,} values", f"{samples:,}"
        )
