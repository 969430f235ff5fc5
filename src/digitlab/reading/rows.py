"""`find_rows`: the ink of a picture as rows of pieces, dots and dashes left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digitlab.imaging.ink import Ink
from digitlab.reading.pieces import Piece, find_pieces, join

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


def find_rows(ink: Ink) -> list[Row]:
    """Rows from top to bottom; none where there is no ink."""
    pieces = find_pieces(ink)
    if not pieces:
        return []
    height = _usual_height(pieces)
    rows: list[list[Piece]] = []
    for piece in sorted(_tall(pieces, height), key=lambda p: p.y + p.height / 2):
        row = next((row for row in rows if _in_row(piece, row)), None)
        if row is None:
            rows.append([piece])
        else:
            row.append(piece)
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
    for low in sorted((p for p in pieces if p.height < LOW * height), key=lambda p: -p.mass):
        if low.mass < DIRT * digit:
            continue
        owners = [(overlap, piece) for piece in tall if (overlap := _overlap(low, piece, height)) is not None]
        if owners:
            _, owner = max(owners, key=lambda pair: pair[0])
            tall = [join([piece, low]) if piece is owner else piece for piece in tall]
    return tall


def _overlap(low: Piece, tall: Piece, height: float) -> float | None:
    """Columns that a low piece shares with the tall one it belongs to, below 0 across a gap; `None` for no part."""
    shared = min(low.right, tall.right) - max(low.x, tall.x)
    if low.bottom < tall.y - 0.25 * height or low.y > tall.bottom + 0.1 * height:
        return None
    within = shared >= SHARED * min(low.width, tall.width)
    upper = low.y + low.height / 2 < tall.y + 0.4 * tall.height
    flag = shared > -CLOSE * height and upper and low.width > FLAG * low.height
    return float(shared) if within or flag else None


def _in_row(piece: Piece, row: Sequence[Piece]) -> bool:
    top, bottom = _middle([p.y for p in row]), _middle([p.bottom for p in row])
    shared = min(bottom, piece.bottom) - max(top, piece.y)
    return bool(shared >= SAME_ROW * min(piece.height, bottom - top))


def _middle(values: Sequence[float]) -> float:
    """The median, or of an even number the upper of the two."""
    return sorted(values)[len(values) // 2]
