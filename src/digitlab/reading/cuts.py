"""`find_cuts`: where digits that touch may be cut apart."""

from __future__ import annotations

from bisect import bisect

import cv2
import numpy as np
import numpy.typing as npt

from digitlab.reading.pieces import INKED, Piece

# In heights of the row: narrower pieces are one digit; cuts lie so far apart.
NARROW, APART = 0.55, 0.12
# So many cuts by either measure, and so many more for each height of width.
CUTS, MORE_CUTS = 2, 3


def find_cuts(piece: Piece, height: float) -> list[int]:
    """Columns of the piece's box to cut before, in order.

    Two measures propose them: where least ink lies above one another, as on a thread between two digits, and where the
    outer contours come nearest one another, as where two 0s touch, whose middles hold less ink than their joint.
    """
    if piece.width < NARROW * height:
        return []
    inked = piece.ink > INKED
    rows = np.arange(piece.height)[:, None]
    extent = np.where(inked, rows, 0).max(axis=0) - np.where(inked, rows, piece.height).min(axis=0)
    apart = max(2, int(APART * height))
    most = CUTS + int(MORE_CUTS * piece.width / height)
    chosen: list[int] = []
    for measure in (inked.sum(axis=0), extent):
        chosen += _lowest(measure, height, apart, most, chosen)
    return sorted(chosen)


def _lowest(measure: npt.NDArray[np.int_], height: float, apart: int, most: int, taken: list[int]) -> list[int]:
    """The columns of the lowest local minima, none near another nor one that is taken."""
    smooth = cv2.GaussianBlur(measure[None].astype(np.float32), (0, 0), max(0.5, 0.02 * height))
    lowest = np.asarray(cv2.erode(smooth, np.ones((1, 2 * apart + 1), np.uint8)))[0]
    profile = np.asarray(smooth)[0]
    candidates = [x for x in range(apart, len(profile) - apart) if profile[x] <= lowest[x] + 1e-6]
    chosen: list[int] = []
    ordered = sorted(taken)
    for x in sorted(candidates, key=lambda x: float(profile[x])):
        place = bisect(ordered, x)
        if all(abs(x - other) >= apart for other in ordered[max(0, place - 1) : place + 1]):
            chosen.append(x)
            ordered.insert(place, x)
        if len(chosen) >= most:
            break
    return chosen
