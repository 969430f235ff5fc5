"""`frame_ink`: ink becomes 28x28 pixels as MNIST's own digits were framed.

MNIST (LeCun, Cortes, Burges 1998) fitted each digit into 20x20 pixels, its proportions kept and its edges smoothed, and
put its centre of mass into the middle of 28x28.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digitlab.imaging.blobs import keep_digit
from digitlab.imaging.ink import FLAT_SIDE, Grey, Ink, find_ink
from digitlab.imaging.mnist import IMAGE_SIDE

Framed = npt.NDArray[np.uint8]

# A picture of one digit is looked at in so many pixels a side at most.
WORK_SIDE = 320
# Strokes are measured and mended on a digit of so many pixels, four times MNIST's.
DIGIT_SIDE, FINE_SIDE, MARGIN = 20, 80, 16
INKED = 0.15
# Of 1,000 of MNIST's images, 19 in 20 have strokes of 7.5 fine pixels and more.
THINNEST = 7.5
# A bitmap that was enlarged by more than this shows its steps.
STEPS = 1.5
# A square bitmap of at most `FLAT_SIDE` pixels a side that a digit fills to all four edges was stretched to it; half of
# MNIST's digits are narrower than 0.8 of their height, and those that were stretched most are narrower still.
NATURAL_WIDTH = 0.75


def frame_picture(grey: Grey) -> Framed:
    """The digit on a picture of one digit, uint8 [28, 28]; all 0 where there is no ink."""
    return frame_ink(_in_proportion(keep_digit(find_ink(_reduced(grey)))))


def frame_ink(ink: Ink) -> Framed:
    """Ink of one digit, float32 [h, w] from 0 to 1, as uint8 [28, 28]; all 0 where there is none."""
    cropped = _crop(ink)
    if cropped is None:
        return np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    scale = FINE_SIDE / max(cropped.shape)
    fine: Ink = np.pad(_resize(cropped, FINE_SIDE), MARGIN)
    if scale > STEPS:
        fine = np.clip(2 * cv2.GaussianBlur(fine, (0, 0), 0.5 * scale) - 0.5, 0, 1)
    cropped = _crop(_thick_enough(fine))
    if cropped is None:
        return np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    return _centred(_resize(cropped, DIGIT_SIDE))


def _reduced(grey: Grey) -> Grey:
    if max(grey.shape) <= WORK_SIDE:
        return grey
    return np.asarray(_resize(grey, WORK_SIDE), dtype=np.uint8)


def _in_proportion(ink: Ink) -> Ink:
    """A digit that was stretched to fill a square bitmap, made as wide as digits are; every other as it is."""
    height, width = ink.shape
    cropped = _crop(ink)
    if width != height or height > FLAT_SIDE or cropped is None or cropped.shape != ink.shape:
        return ink
    size = (round(NATURAL_WIDTH * FINE_SIDE), FINE_SIDE)
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32).clip(0, 1)


def _crop(ink: Ink) -> Ink | None:
    rows, columns = (np.flatnonzero((ink > INKED).any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resize(pixels: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """The longer side made `side`."""
    scale = side / max(pixels.shape)
    height, width = (max(1, round(length * scale)) for length in pixels.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method)).clip(
        0, 255 if pixels.dtype == np.uint8 else 1
    )


def _thick_enough(fine: Ink) -> Ink:
    """Strokes thinner than nearly all of MNIST's are made as thick as those."""
    distances = cv2.distanceTransform((fine > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    inside = distances[distances > 0]
    # Across a stroke the distance to its edge rises from 1 and falls again: its mean is a quarter of the width.
    width = 4 * float(inside.mean()) - 1 if len(inside) else THINNEST
    if width >= THINNEST:
        return fine
    reach = int(np.ceil((THINNEST - width) / 2))
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(fine, pen), dtype=np.float32)


def _centred(digit: Ink) -> Framed:
    """A digit of 20 pixels with its centre of mass in the middle of 28x28, full ink at 255."""
    # Not `cv2.moments`, which takes a picture of one column for a contour.
    x, y = (float(digit.sum(axis=axis) @ np.arange(digit.shape[1 - axis]) / digit.sum()) for axis in (0, 1))
    middle = (IMAGE_SIDE - 1) / 2
    shift = np.array([[1, 0, middle - x], [0, 1, middle - y]], dtype=np.float32)
    placed = cv2.warpAffine(digit, shift, (IMAGE_SIDE, IMAGE_SIDE), flags=cv2.INTER_LINEAR)
    return np.asarray(np.rint(255 * placed / placed.max()), dtype=np.uint8)
