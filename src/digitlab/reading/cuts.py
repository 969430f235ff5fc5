"""`find_cuts`: where digits that touch may be cut apart."""

from __future__ import annotations

import cv2
import numpy as np

from digitlab.reading.pieces import INKED, Piece

# In heights of the row: narrower pieces are one digit; cuts lie so far apart.
NARROW, APART = 0.55, 0.12
# So many cuts, and so many more for each height of width.
CUTS, MORE_CUTS = 2, 3


def find_cuts(piece: Piece, height: float) -> list[int]:
    """Columns of the piece's box to cut before: where least ink lies above one another, the best few, in order."""
    if piece.width < NARROW * height:
        return []
    profile = (piece.ink > INKED).sum(axis=0).astype(np.float32)
    profile = np.asarray(cv2.GaussianBlur(profile[None], (0, 0), max(0.5, 0.02 * height)))[0]
    apart = max(2, int(APART * height))
    lowest = np.asarray(cv2.erode(profile[None], np.ones((1, 2 * apart + 1), np.uint8)))[0]
    candidates = [x for x in range(apart, piece.width - apart) if profile[x] <= lowest[x] + 1e-6]
    chosen: list[int] = []
    for x in sorted(candidates, key=lambda x: float(profile[x])):
        if all(abs(x - other) >= apart for other in chosen):
            chosen.append(x)
        if len(chosen) >= CUTS + int(MORE_CUTS * piece.width / height):
            break
    return sorted(chosen)
