"""`upright`: slanted writing is set upright, so that straight cuts part its digits."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from digitlab.imaging.ink import Ink
from digitlab.reading.pieces import INKED, Piece

# Slants that are tried, in columns to the left for each row down.
SLANTS = (-0.6, -0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
# How much a slant of 1 has to gain, so that writing that is upright stays as it is.
RELUCTANCE = 0.15
# They are tried on a picture of so many pixels a side at most.
ENOUGH_SIDE = 600


@dataclass(frozen=True)
class Slant:
    """A shear that sets writing upright: the upright column is ``x + columns * y + offset``.

    Args:
        columns: For each row.
        offset: So that nothing leaves the picture.
    """

    columns: float
    offset: float

    def box(self, piece: Piece) -> tuple[float, float, float, float]:
        """x, y, width and height of the upright piece's ink on the picture as it was."""
        rows, columns = np.nonzero(piece.ink > INKED)
        before = piece.x + columns - self.columns * (piece.y + rows) - self.offset
        left, right = float(before.min()), float(before.max()) + 1
        return left, float(piece.y), right - left, float(piece.height)

    def halfway_back(self, ink: Ink) -> Ink:
        """A digit's ink with half of its slant again: most of MNIST's lean a little, and the networks know it."""
        return _sheared(ink, _slant(-self.columns / 2, ink.shape[0]))


def upright(ink: Ink) -> tuple[Ink, Slant]:
    """The ink, float32 [h, w], wider by the shear, and the shear: the one whose columns differ most in their ink.

    After Vinciarelli, Luettin 2001 (Pattern Recognition Letters 22: 1043-1050), who take the share of full columns.
    """
    smaller = min(1.0, ENOUGH_SIDE / max(ink.shape))
    if round(min(ink.shape) * smaller) < 1:  # so thin that nothing would be left
        smaller = 1 / min(ink.shape)
    small: Ink = np.asarray(cv2.resize(ink, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA), np.float32)
    y, x = np.nonzero(small > INKED)
    weights = small[y, x]
    slant = _slant(max(SLANTS, key=lambda columns: _clearness(x, y, weights, columns)), ink.shape[0])
    return _sheared(ink, slant), slant


def _clearness(x: npt.NDArray[np.intp], y: npt.NDArray[np.intp], weights: Ink, columns: float) -> float:
    """The sum of the squares of each upright column's ink, at these places."""
    if len(x) == 0:
        return -abs(columns)
    upright = np.rint(x + columns * y).astype(np.intp)
    ink = np.bincount(upright - upright.min(), weights)
    return float(ink @ ink) * (1 - RELUCTANCE * abs(columns))


def _slant(columns: float, height: int) -> Slant:
    return Slant(columns, max(0.0, -columns) * height)


def _sheared(ink: Ink, slant: Slant) -> Ink:
    height, width = ink.shape
    wider = width + int(np.ceil(abs(slant.columns) * height))
    matrix = np.array([[1, slant.columns, slant.offset], [0, 1, 0]], np.float32)
    if slant.columns == 0:
        return ink
    return np.asarray(cv2.warpAffine(ink, matrix, (wider, height), flags=cv2.INTER_LINEAR), dtype=np.float32)
