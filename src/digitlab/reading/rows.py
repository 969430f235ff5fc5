"""`find_rows`: the ink of a picture as rows of pieces, dots and dashes left out."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digitlab.imaging.ink import Ink
from digitlab.reading.pieces import Piece, find_pieces, join
from digitlab.reading.work import Work

# In heights of the row: lower pieces are no digits by themselves.
LOW = 0.5
# A low piece belongs to a tall one if it shares this much of the narrower one's columns, or if it begins so close
# to the upper part of it and is so much longer than high: the flag of a 5.
SHARED, CLOSE, FLAG = 0.5, 0.12, 1.2
# Lighter low pieces than this share of a digit are dirt; rows lighter than this share of the heaviest are none.
DIRT, LIGHT_ROW = 0.02, 0.15
# Two pieces are in one row if they share this much of the lower one's height.
SAME_ROW = 0.4


@dataclass(frozen=True, eq=False)
class Row:
    """Pieces from left to right.

    Args:
        pieces: Each a digit, a part of one, or several that touch.
        height: Of a digit, in pixels.
    """

    pieces: list[Piece]
    height: float


def find_rows(ink: Ink, work: Work | None = None) -> list[Row]:
    """Rows from top to bottom; none where there is no ink. `work` counts the pieces, where it is given."""
    pieces = find_pieces(ink, work)
    if not pieces:
        return []
    height = _usual_height(pieces)
    if work is not None:
        work.add_tall(sum(piece.height >= LOW * height for piece in pieces))
    rows = _in_rows(sorted(_tall(pieces, height), key=lambda p: p.y + p.height / 2))
    masses = [sum(piece.mass for piece in row) for row in rows]
    kept = [row for row, mass in zip(rows, masses, strict=True) if mass > LIGHT_ROW * max(masses)]
    kept.sort(key=lambda row: float(np.mean([piece.y for piece in row])))
    return [Row(sorted(row, key=lambda p: p.x), _usual_height(row)) for row in kept]


def _usual_height(pieces: Sequence[Piece]) -> float:
    """The height that half of the ink lies below."""
    heights, masses = np.array([p.height for p in pieces]), np.array([p.mass for p in pieces])
    order = np.argsort(heights)
    half = np.searchsorted(np.cumsum(masses[order]), masses.sum() / 2)
    return float(heights[order][half])


def _tall(pieces: Sequence[Piece], height: float) -> list[Piece]:
    """The tall pieces, each with the low ones that belong to it."""
    tall = [piece for piece in pieces if piece.height >= LOW * height]
    digit = _middle([piece.mass for piece in tall])
    lows = [piece for piece in pieces if piece.height < LOW * height and piece.mass >= DIRT * digit]
    # Only boxes grow at first. Pixels are joined once for each tall piece, however many low ones belong to it.
    boxes = np.array([(p.x, p.y, p.right, p.bottom) for p in tall])
    members = [[piece] for piece in tall]
    for low in sorted(lows, key=lambda p: -p.mass):
        owner = _owner(low, boxes, height)
        if owner is not None:
            members[owner].append(low)
            boxes[owner, :2] = np.minimum(boxes[owner, :2], (low.x, low.y))
            boxes[owner, 2:] = np.maximum(boxes[owner, 2:], (low.right, low.bottom))
    return [join(joined) if len(joined) > 1 else joined[0] for joined in members]


def _owner(low: Piece, boxes: npt.NDArray[np.int_], height: float) -> int | None:
    """The tall piece, of these boxes [n, 4], that a low piece belongs to: the one with most columns in common."""
    x, y, right, bottom = boxes.T
    shared = np.minimum(low.right, right) - np.maximum(low.x, x)
    near = (low.bottom >= y - 0.25 * height) & (low.y <= bottom + 0.1 * height)
    within = shared >= SHARED * np.minimum(low.width, right - x)
    upper = low.y + low.height / 2 < y + 0.4 * (bottom - y)
    flag = (shared > -CLOSE * height) & upper & (low.width > FLAG * low.height)
    candidates = np.flatnonzero(near & (within | flag))
    return int(candidates[shared[candidates].argmax()]) if len(candidates) else None


def _in_rows(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Each piece in the first row that it shares enough of its height with, or in a new one."""
    rows: list[list[Piece]] = []
    tops: list[list[int]] = []
    bottoms: list[list[int]] = []
    for piece in pieces:
        found = next((i for i in range(len(rows)) if _is_level(piece, _upper(tops[i]), _upper(bottoms[i]))), len(rows))
        if found == len(rows):
            rows.append([])
            tops.append([])
            bottoms.append([])
        rows[found].append(piece)
        insort(tops[found], piece.y)
        insort(bottoms[found], piece.bottom)
    return rows


def _is_level(piece: Piece, top: int, bottom: int) -> bool:
    shared = min(bottom, piece.bottom) - max(top, piece.y)
    return bool(shared >= SAME_ROW * min(piece.height, bottom - top))


def _upper(ordered: Sequence[int]) -> int:
    """The median of numbers in order, or of an even number the upper of the two."""
    return ordered[len(ordered) // 2]


def _middle(values: Sequence[float]) -> float:
    """The median, or of an even number the upper of the two."""
    return sorted(values)[len(values) // 2]
