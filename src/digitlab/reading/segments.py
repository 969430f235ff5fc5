"""`find_segments`: every stretch of a row that might be one digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from digitlab.reading.cuts import find_cuts
from digitlab.reading.pieces import Piece, columns, join
from digitlab.reading.rows import Row
from digitlab.reading.work import Work

# So many of the parts between two cuts make a digit at most, of so many pieces.
MOST_PARTS, MOST_PIECES = 8, 2
# In heights of the row: the gap within a digit, and its width.
WIDEST_GAP, WIDEST = 0.06, 1.5


@dataclass(frozen=True, eq=False)
class Segment:
    """The parts `first` to `last` - 1 of a row, as one piece."""

    first: int
    last: int
    piece: Piece


@dataclass(frozen=True)
class _Part:
    """Columns of one of the row's pieces, between two cuts."""

    piece: int
    first: int
    last: int


def find_segments(row: Row, work: Work | None = None) -> tuple[list[Segment], int]:
    """The segments in the order of their ends, and how many parts the row has; `work` counts them, where given."""
    parts = list(_parts(row, work))
    found = []
    for first in range(len(parts)):
        for last in range(first + 1, min(len(parts), first + MOST_PARTS) + 1):
            pieces = _joined_columns(row, parts[first:last])
            if pieces is None:
                break
            if pieces:
                joined = join(pieces)
                if joined.width > WIDEST * row.height:
                    break
                if work is not None:
                    work.add_segment(joined.ink.size)
                found.append(Segment(first, last, joined))
    return sorted(found, key=lambda segment: (segment.last, segment.first)), len(parts)


def _parts(row: Row, work: Work | None) -> Iterator[_Part]:
    for number, piece in enumerate(row.pieces):
        edges = [0, *find_cuts(piece, row.height), piece.width]
        if work is not None:
            work.add_parts(len(edges) - 1)
        for first, last in pairwise(edges):
            yield _Part(number, first, last)


def _joined_columns(row: Row, parts: list[_Part]) -> list[Piece] | None:
    """What lies in the parts, a piece for each of the row's; `None` for what can be no digit, nor with more of it."""
    numbers = sorted({part.piece for part in parts})
    if len(numbers) > MOST_PIECES:
        return None
    found = []
    for number in numbers:
        own = [part for part in parts if part.piece == number]
        piece = columns(row.pieces[number], own[0].first, own[-1].last)
        if piece is not None:
            found.append(piece)
    if len(found) > 1 and found[-1].x - found[0].right > WIDEST_GAP * row.height:
        return None
    return found
