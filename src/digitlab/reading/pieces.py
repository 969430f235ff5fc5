"""`Piece`: some ink and where on the picture it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from digitlab.imaging.ink import Ink
from digitlab.reading.work import Work

# From so much ink on, a pixel belongs to a piece; a piece has at least so many such pixels.
INKED, LEAST_PIXELS = 0.25, 4
# Of what a cut leaves, parts smaller than this share of the largest are scraps.
SCRAP = 0.06


@dataclass(frozen=True, eq=False)
class Piece:
    """Ink in a box.

    Args:
        x: The box's left column.
        y: Its top row.
        ink: float32 [height, width], 0 where ink in the box is another piece's.
    """

    x: int
    y: int
    ink: Ink

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.ink.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.ink.shape[0])

    @property
    def right(self) -> int:
        """One more than the last column."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """One more than the last row."""
        return self.y + self.height

    @cached_property
    def mass(self) -> float:
        """The sum of its ink."""
        return float(self.ink.sum())


def find_pieces(ink: Ink, work: Work | None = None) -> list[Piece]:
    """The connected pieces of a picture's ink; `work` counts them, where it is given, before they are made."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > INKED).astype(np.uint8), connectivity=8)
    if work is not None:
        kept = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= LEAST_PIXELS].astype(np.int64)
        work.add_pieces(len(kept), int(kept[:, cv2.CC_STAT_WIDTH] @ kept[:, cv2.CC_STAT_HEIGHT]))
    pieces = []
    for label, (x, y, width, height, pixels) in zip(range(1, count), stats[1:].tolist(), strict=True):
        if pixels >= LEAST_PIXELS:
            box = np.s_[y : y + height, x : x + width]
            pieces.append(Piece(x, y, ink[box] * (labels[box] == label)))
    return pieces


def join(pieces: Sequence[Piece]) -> Piece:
    """All of them as one."""
    x, y = min(p.x for p in pieces), min(p.y for p in pieces)
    ink = np.zeros((max(p.bottom for p in pieces) - y, max(p.right for p in pieces) - x), np.float32)
    for piece in pieces:
        space = ink[piece.y - y : piece.bottom - y, piece.x - x : piece.right - x]
        np.maximum(space, piece.ink, out=space)
    return Piece(x, y, ink)


def columns(piece: Piece, first: int, last: int) -> Piece | None:
    """What lies in the columns `first` to `last` - 1 of its box, scraps left out; `None` where that is nothing."""
    ink = piece.ink[:, first:last]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > INKED).astype(np.uint8), connectivity=8)
    if count <= 1:
        return None
    kept = stats[:, 4] >= SCRAP * stats[1:, 4].max()
    kept[0] = False
    ink = ink * kept[labels]
    rows, across = (np.flatnonzero((ink > INKED).any(axis=axis)) for axis in (1, 0))
    cropped = ink[rows[0] : rows[-1] + 1, across[0] : across[-1] + 1]
    return Piece(piece.x + first + int(across[0]), piece.y + int(rows[0]), cropped)
