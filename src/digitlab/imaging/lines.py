"""`without_lines`: ruled and printed lines taken out of the ink, the strokes that cross them left whole."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digitlab.imaging.ink import Ink

# In a picture of so few pixels a bar of a digit is as long as a line.
LEAST_SIDE = 100
# From so much ink on, a pixel can be a line's.
INKED = 0.25
# A level line is as long as this share of the picture's width; a plumb one, which might be a 1, of its height.
LEVEL, PLUMB = 0.3, 0.85
# A line is no thicker than this share of the picture's height, and than so many pixels.
THICKEST, LEAST_THICKEST = 0.08, 4


def without_lines(ink: Ink) -> Ink:
    """The ink, float32 [h, w], without straight level and plumb lines."""
    height, width = ink.shape
    if max(height, width) <= LEAST_SIDE:
        return ink
    marks = (ink > INKED).astype(np.uint8)
    thickest = max(LEAST_THICKEST, round(THICKEST * height))
    level = _lines(marks, round(LEVEL * width), thickest)
    plumb = _lines(np.ascontiguousarray(marks.T), round(PLUMB * height), thickest).T
    return np.asarray(ink * ~(level | plumb), dtype=np.float32)


def _lines(marks: npt.NDArray[np.uint8], length: int, thickest: int) -> npt.NDArray[np.bool_]:
    """Which pixels belong to level lines of at least `length` and to nothing else."""
    if length < 2:
        return np.zeros(marks.shape, bool)
    # Closed by a little first, since a line of the camera's climbs by a pixel now and then.
    smoothed = cv2.dilate(marks, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(smoothed, cv2.MORPH_OPEN, np.ones((1, length), np.uint8)) & marks
    runs = cv2.dilate(runs, np.ones((3, 1), np.uint8)) & marks
    # What is thick there is no line: a bar of a digit with its stem, say.
    thick = cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((thickest + 1, 1), np.uint8))
    rest = marks & ~runs
    crossing = cv2.dilate(rest, np.ones((2 * thickest + 1, 1), np.uint8)) & runs
    return np.asarray((runs & ~thick & ~crossing) > 0)
