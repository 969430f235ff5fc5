"""`keep_digit`: of everything inked on a picture of one digit, what belongs to the digit."""

from __future__ import annotations

import cv2
import numpy as np

from digitlab.imaging.ink import Ink

# From so much ink on, a pixel belongs to a blob.
INKED = 0.25
# A blob counts by its ink, and for less the further from the middle it lies, and where the border cuts it.
FAR, CUT = 2.0, 0.6
# Blobs of so much of the heaviest one's score belong to the digit; cut ones are others' unless so heavy.
PART, CUT_PART = 0.12, 0.5
# What is so flat and lies at an edge is a ruled line.
LINE_LENGTH, LINE_WIDTH, EDGE = 0.45, 0.12, 0.12
LINE_SCORE = 0.05


def keep_digit(ink: Ink) -> Ink:
    """The ink of one digit: specks, ruled lines and what a neighbour left at the border are taken away."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats((ink > INKED).astype(np.uint8), connectivity=8)
    if count <= 2:
        return ink
    x, y, wide, high, _ = stats[1:].T
    height, width = ink.shape
    mass = np.bincount(labels.ravel(), weights=ink.ravel(), minlength=count)[1:]
    away = np.hypot((centres[1:, 0] - width / 2) / width, (centres[1:, 1] - height / 2) / height)
    cut = (x == 0) | (y == 0) | (x + wide == width) | (y + high == height)
    level = (high <= LINE_WIDTH * height) & (wide > LINE_LENGTH * width) & _at_edge(y, high, height)
    plumb = (wide <= LINE_WIDTH / 2 * width) & (high > 2 * LINE_LENGTH * height) & _at_edge(x, wide, width)
    score = mass * np.exp(-FAR * away**2) * np.where(cut, CUT, 1) * np.where(level | plumb, LINE_SCORE, 1)
    main = int(score.argmax())
    kept = (score >= PART * score[main]) & ~(cut & (mass < CUT_PART * mass[main]))
    kept[main] = True
    return np.asarray(ink * np.concatenate([[False], kept])[labels], dtype=np.float32)


def _at_edge(start: np.ndarray, length: np.ndarray, whole: int) -> np.ndarray:
    return np.asarray((start < EDGE * whole) | (start + length > (1 - EDGE) * whole))
