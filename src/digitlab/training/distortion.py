"""`distort`: every image bent anew in every epoch, as another hand might have written it.

Simard, Steinkraus, Platt 2003 (ICDAR: 958-963) for the elastic part; the strengths are near those of
Ciresan, Meier, Gambardella, Schmidhuber 2010 (Neural Computation 22: 3207-3220).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.config import Distortion
from digitlab.data.split import IMAGE_SIDE
from digitlab.model.backend import keras
from digitlab.training.extent import columns_of
from digitlab.training.strokes import add_strokes

Tensor = Any
Uniform = Callable[..., Tensor]

# At a bend of 1: radians, shares, pixels.
ROTATION, SCALING, SHEAR, SHIFT = 0.26, 0.15, 0.2, 1.5
# The elastic field is drawn on a coarse grid, whose points lie a Gaussian's width apart, and is smooth between
# them: so many pixels wide, and so many high, as a standard deviation.
ELASTIC_WIDTH, ELASTIC_HEIGHT, ELASTIC_POINTS = 5.5, 1.07, 8
CENTRE = (IMAGE_SIDE - 1) / 2
# The longer side of a digit in MNIST's frame; a 1 is made no wider than so many times.
DIGIT_SIDE, MOST_WIDENING = 20, 4.0


def distort(images: Tensor, labels: Tensor, distortion: Distortion, uniform: Uniform) -> Tensor:
    """Change each image by an amount of its own: turn, scale, slant, shift, bend, widen; other and thicker strokes.

    Args:
        images: float32 [n, 28, 28], 0 to 255; what lies outside is 0.
        labels: One-hot [n, k]; read only where strokes are added.
        distortion: How strongly; every amount is drawn evenly up to it.
        uniform: ``uniform(index, *shape)`` gives float32 numbers from -1 to 1, others for another index.

    Returns:
        float32 [n, 28, 28], read from the originals bilinearly.
    """
    count = int(images.shape[0])
    if distortion.strokes:
        images = _settled(add_strokes(images, labels, distortion.strokes, uniform))
    if distortion.thickness:
        images = _settled(_thicken(images, uniform(2, count, 1, 1) * distortion.thickness))
    if distortion.bend or distortion.stretch:
        x, y = _where_to_read(count, distortion.bend, uniform)
        if distortion.stretch:
            x = CENTRE + (x - CENTRE) / _widening(images, distortion.stretch, uniform)
        images = _read(images, x, y)
    return images


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
    bend = _smooth(uniform(1, 2 * count, ELASTIC_POINTS, ELASTIC_POINTS)) * (ELASTIC_HEIGHT * strength)
    x = x + shear * y + bend[:count] + amounts[4] * SHIFT + CENTRE
    y = y + bend[count:] + amounts[5] * SHIFT + CENTRE
    return x, y


def _widening(images: Tensor, share: float, uniform: Uniform) -> Tensor:
    """How many times as wide each image is made, [n, 1, 1]: of some, up to where the digit fills the frame."""
    ops = keras.ops
    drawn = (uniform(4, 2, int(images.shape[0])) + 1) / 2  # 0 to 1
    first, last = columns_of(images)
    fills = ops.clip(DIGIT_SIDE / (last - first + 1), 1, MOST_WIDENING)
    return ops.where(drawn[0] < share, fills ** drawn[1], 1.0)[:, None, None]


def _smooth(grid: Tensor) -> Tensor:
    """A field [m, 28, 28] of variance 1 from numbers [m, 8, 8] drawn evenly from -1 to 1."""
    spread = _spread()
    return keras.ops.einsum("ij,bjk,lk->bil", spread, grid, spread)


def _spread() -> npt.NDArray[np.float32]:
    """How much each point of the grid counts in each row, [28, 8]."""
    points = CENTRE + ELASTIC_WIDTH * (np.arange(ELASTIC_POINTS) - (ELASTIC_POINTS - 1) / 2)
    weights = np.exp(-0.5 * ((np.arange(IMAGE_SIDE)[:, None] - points[None]) / ELASTIC_WIDTH) ** 2)
    # The variance of such a number is 1/3; the two products multiply the sums of squares.
    return np.asarray(weights / np.sqrt((weights**2).sum(axis=1, keepdims=True)) * 3**0.25, dtype=np.float32)


def _thicken(images: Tensor, amounts: Tensor) -> Tensor:
    """Strokes a share of a pixel thicker on either side, or thinner where the amount, [n, 1, 1], is below 0."""
    ops = keras.ops
    thick, thin = _over_neighbours(images, ops.maximum), _over_neighbours(images, ops.minimum)
    return images + ops.relu(amounts) * (thick - images) - ops.relu(-amounts) * (images - thin)


def _settled(images: Tensor) -> Tensor:
    """The images as they are, worked out once: a product with the identity.

    XLA would else work out strokes and neighbourhoods anew for every pixel read from them, four times as long.
    """
    return keras.ops.einsum("bij,jk->bik", images, np.eye(IMAGE_SIDE, dtype=np.float32))


def _over_neighbours(images: Tensor, fold: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The largest or smallest among each pixel and the four beside it."""
    ops = keras.ops
    edged = ops.pad(images, ((0, 0), (1, 1), (1, 1)))
    beside = fold(edged[:, 1:-1, :-2], edged[:, 1:-1, 2:])
    above = fold(edged[:, :-2, 1:-1], edged[:, 2:, 1:-1])
    return fold(images, fold(beside, above))


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
