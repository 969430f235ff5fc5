"""`without_lines` and `without_sides`: ruled and printed lines, and what lies along a border, taken out of the ink."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digitlab.imaging.ink import Ink

Marks = npt.NDArray[np.uint8]

# In a picture of so few pixels a bar of a digit is as long as a line.
LEAST_SIDE = 100
# From so much ink on, a pixel can be a line's.
INKED = 0.25
# A level line is as long as this share of the picture's width and longer than the ink is high, or it might be the bar
# of a 7, unless it goes nearly all the way; a plumb one, which might be a 1, is as long as this share of the height.
LEVEL, ALL_THE_WAY, PLUMB = 0.3, 0.85, 0.85
# A line is no thicker than this share of the picture's height, and than so many pixels.
THICKEST, LEAST_THICKEST = 0.08, 4
# What touches the left or right border with more than this share of its height lies along it.
ALONG = 0.7


def without_lines(ink: Ink) -> Ink:
    """The ink, float32 [h, w], without straight level and plumb lines; strokes that cross them are left whole."""
    height, width = ink.shape
    if max(height, width) <= LEAST_SIDE:
        return ink
    marks = (ink > INKED).astype(np.uint8)
    thickest = max(LEAST_THICKEST, round(THICKEST * height))
    rows = np.flatnonzero(marks.any(axis=1))
    high = rows[-1] - rows[0] if len(rows) else 0
    level = _lines(marks, round(min(ALL_THE_WAY * width, max(LEVEL * width, high))), thickest)
    plumb = _lines(np.ascontiguousarray(marks.T), round(PLUMB * height), thickest).T
    return np.asarray(ink * ~(level | plumb), dtype=np.float32)


def without_sides(ink: Ink) -> Ink:
    """The ink without what lies along the left or right border: a shadow there, or the edge of something else."""
    marks = (ink > INKED).astype(np.uint8)
    if not marks[:, [0, -1]].any():
        return ink
    count, labels, stats, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    gone = np.zeros(count, bool)
    for border in (labels[:, 0], labels[:, -1]):
        touching = np.bincount(border, minlength=count)
        gone |= touching > ALONG * stats[:, cv2.CC_STAT_HEIGHT]
    gone[0] = False
    return np.asarray(ink * ~gone[labels], dtype=np.float32)


def _lines(marks: Marks, length: int, thickest: int) -> npt.NDArray[np.bool_]:
    """Which pixels belong to level lines of at least `length` and to nothing else."""
    # Widened by a little first, since a line of the camera's climbs by a pixel now and then.
    wider = _dilated(marks, 3)
    if length < 2 or wider.sum(axis=1).max() < length:  # no row holds that much ink: most pictures
        return np.zeros(marks.shape, bool)
    runs = _dilated(_opened(wider, 1, length) & marks, 3) & marks
    # What is thick there is no line: a bar of a digit with its stem, say.
    thick = _opened(marks, thickest + 1, 1)
    crossing = _dilated(marks & ~runs, 2 * thickest + 1) & runs
    return np.asarray((runs & ~thick & ~crossing) > 0)


def _opened(marks: Marks, height: int, width: int) -> Marks:
    """What is at least so high and so wide."""
    return np.asarray(cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((height, width), np.uint8)), dtype=np.uint8)


def _dilated(marks: Marks, height: int) -> Marks:
    """Spread up and down."""
    return np.asarray(cv2.dilate(marks, np.ones((height, 1), np.uint8)), dtype=np.uint8)
