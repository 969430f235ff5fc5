"""`add_strokes`: the hook and the foot of a European 1 and the bar of a 7.

MNIST's writers, Americans, mostly make a 1 of one stroke and a 7 without a bar. Much of the world does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from digitlab.data.split import IMAGE_SIDE
from digitlab.model.backend import keras
from digitlab.training.extent import rows_of

Tensor = Any
Uniform = Callable[..., Tensor]

ONE, SEVEN = 1, 7
# A stroke's place is the centre of the ink in a band of rows: a Gaussian so many rows wide.
BAND = 1.0
# Half the pen's width in pixels, from and to.
PEN = (0.6, 1.6)
# As shares of the digit's height, from and to: how far a hook reaches left and down, half a foot's and half a
# bar's width, how far down a bar is.
HOOK_LEFT, HOOK_DOWN, HALF_FOOT, HALF_BAR, BAR_DOWN = (0.1, 0.6), (0.05, 0.6), (0.1, 0.28), (0.12, 0.28), (0.4, 0.6)
# How much a bar or a foot may rise or fall over its half width.
TILT = 0.3
# The share of the hooked 1s that have a foot too.
FOOTED = 0.5


def add_strokes(images: Tensor, labels: Tensor, share: float, uniform: Uniform) -> Tensor:
    """Draw a hook on some 1s, and a foot under some of those, and a bar through some 7s.

    Args:
        images: float32 [n, 28, 28], 0 to 255.
        labels: One-hot [n, k]; columns 1 and 7 are the digits 1 and 7.
        share: How many of the 1s and of the 7s are changed, 0 to 1.
        uniform: ``uniform(index, *shape)`` gives float32 numbers from -1 to 1.

    Returns:
        float32 [n, 28, 28]; the other images as they were.
    """
    ops = keras.ops
    drawn = (uniform(3, 10, int(images.shape[0])) + 1) / 2  # 0 to 1
    chosen = ops.cast(drawn[0] < share, "float32")
    one = chosen * ops.cast(labels[:, ONE], "float32")
    seven = chosen * ops.cast(labels[:, SEVEN], "float32")
    footed = one * ops.cast(drawn[1] < FOOTED, "float32")
    pen = _between(drawn[2], PEN)
    top, bottom = rows_of(images)
    height = bottom - top

    x = _ink_at(images, top + 1)
    tip = (x - height * _between(drawn[3], HOOK_LEFT), top + 1 + height * _between(drawn[4], HOOK_DOWN))
    hook = _segment((x, top + 1), tip, pen)
    foot = _across(_ink_at(images, bottom), bottom, height * _between(drawn[5], HALF_FOOT), drawn[6], pen)
    middle = top + height * _between(drawn[7], BAR_DOWN)
    bar = _across(_ink_at(images, middle), middle, height * _between(drawn[8], HALF_BAR), drawn[9], pen)
    strokes = ((one, hook), (footed, foot), (seven, bar))
    for gate, stroke in strokes:
        images = ops.maximum(images, 255 * gate[:, None, None] * stroke)
    return images


def _between(drawn: Tensor, limits: tuple[float, float]) -> Tensor:
    return limits[0] + (limits[1] - limits[0]) * drawn


def _ink_at(images: Tensor, row: Tensor) -> Tensor:
    """The column of the ink's centre around a row, float32 [n]."""
    ops = keras.ops
    lines = np.arange(IMAGE_SIDE, dtype=np.float32)
    band = ops.exp(-0.5 * ((lines - row[:, None]) / BAND) ** 2)
    profile = ops.einsum("bi,bij->bj", band, images)
    return ops.sum(profile * lines, axis=1) / ops.maximum(ops.sum(profile, axis=1), 1.0)


def _across(x: Tensor, y: Tensor, half: Tensor, tilt: Tensor, pen: Tensor) -> Tensor:
    """A stroke from left to right through (x, y)."""
    rise = (2 * tilt - 1) * TILT * half
    return _segment((x - half, y + rise), (x + half, y - rise), pen)


def _segment(start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor], pen: Tensor) -> Tensor:
    """A straight stroke with soft edges, float32 [n, 28, 28] from 0 to 1; `pen` is half its width."""
    ops = keras.ops
    lines = np.arange(IMAGE_SIDE, dtype=np.float32)
    x, y = lines[None, None, :], lines[None, :, None]
    (from_x, from_y), (to_x, to_y) = ([a[:, None, None] for a in point] for point in (start, end))
    wide, high = to_x - from_x, to_y - from_y
    length = ops.maximum(wide**2 + high**2, 1e-3)
    along = ops.clip(((x - from_x) * wide + (y - from_y) * high) / length, 0, 1)
    distance = ops.sqrt((x - from_x - along * wide) ** 2 + (y - from_y - along * high) ** 2)
    return ops.clip(pen[:, None, None] + 0.5 - distance, 0, 1)
