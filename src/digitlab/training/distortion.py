"""`distort`: every image bent anew in every epoch, as another hand might have written it.

Simard, Steinkraus, Platt 2003 (ICDAR: 958-963) for the elastic part; the strengths are near those of
Ciresan, Meier, Gambardella, Schmidhuber 2010 (Neural Computation 22: 3207-3220).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.data.split import IMAGE_SIDE
from digitlab.model.backend import keras

Tensor = Any
Uniform = Callable[..., Tensor]

# At strength 1: radians, shares, pixels.
ROTATION, SCALING, SHEAR, SHIFT = 0.26, 0.15, 0.2, 1.5
# The field is white noise, smoothed by a Gaussian of this width in pixels and then so many pixels high.
ELASTIC_WIDTH, ELASTIC_HEIGHT = 5.5, 36.0
CENTRE = (IMAGE_SIDE - 1) / 2


def distort(images: Tensor, strength: float, uniform: Uniform) -> Tensor:
    """Rotate, scale, shear, shift and bend each image by an amount of its own.

    Args:
        images: float32 [n, 28, 28]; what lies outside is 0.
        strength: 0 leaves them as they are, 1 is the usual; every amount is drawn evenly up to it.
        uniform: ``uniform(index, *shape)`` gives float32 numbers from -1 to 1, others for another index.

    Returns:
        float32 [n, 28, 28], read from the originals bilinearly.
    """
    x, y = _where_to_read(int(images.shape[0]), strength, uniform)
    return _read(images, x, y)


def _where_to_read(count: int, strength: float, uniform: Uniform) -> tuple[Tensor, Tensor]:
    """The point of the original that each pixel comes from, two arrays [n, 28, 28] in pixels."""
    ops = keras.ops
    amounts = uniform(0, 6, count, 1, 1) * strength
    angle, shear = amounts[0] * ROTATION, amounts[1] * SHEAR
    wide, high = 1 / (1 + amounts[2] * SCALING), 1 / (1 + amounts[3] * SCALING)
    lines = np.arange(IMAGE_SIDE, dtype=np.float32) - CENTRE
    across, down = (np.broadcast_to(a, (IMAGE_SIDE, IMAGE_SIDE)) for a in (lines[None, :], lines[:, None]))
    x = (ops.cos(angle) * across + ops.sin(angle) * down) * wide
    y = (-ops.sin(angle) * across + ops.cos(angle) * down) * high
    bend = _smooth(uniform(1, 2 * count, IMAGE_SIDE, IMAGE_SIDE)) * (ELASTIC_HEIGHT * strength)
    x = x + shear * y + bend[:count] + amounts[4] * SHIFT + CENTRE
    y = y + bend[count:] + amounts[5] * SHIFT + CENTRE
    return x, y


def _smooth(noise: Tensor) -> Tensor:
    """Gaussian smoothing of [m, 28, 28] as two small matrix products."""
    blur = _blur()
    return keras.ops.einsum("ij,bjk,lk->bil", blur, noise, blur)


def _blur() -> npt.NDArray[np.float32]:
    places = np.arange(IMAGE_SIDE)
    weights = np.exp(-0.5 * ((places[:, None] - places[None]) / ELASTIC_WIDTH) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _read(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The images' values at (x, y), bilinear between the four pixels around; 0 outside."""
    ops = keras.ops
    side = IMAGE_SIDE + 2  # a black edge, so that every point has four neighbours
    flat = ops.reshape(ops.pad(images, ((0, 0), (1, 1), (1, 1))), (-1, side * side))
    x, y = ops.clip(x + 1, 0, side - 1), ops.clip(y + 1, 0, side - 1)
    left, top = ops.minimum(ops.floor(x), side - 2), ops.minimum(ops.floor(y), side - 2)
    fx, fy = x - left, y - top
    corner = ops.reshape(ops.cast(top * side + left, "int32"), (-1, IMAGE_SIDE * IMAGE_SIDE))

    def at(offset: int) -> Tensor:
        return ops.reshape(ops.take_along_axis(flat, corner + offset, axis=1), (-1, IMAGE_SIDE, IMAGE_SIDE))

    upper = (1 - fx) * at(0) + fx * at(1)
    lower = (1 - fx) * at(side) + fx * at(side + 1)
    return (1 - fy) * upper + fy * lower
