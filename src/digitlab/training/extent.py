"""Where in a picture its ink begins and ends, inside the compiled step."""

from __future__ import annotations

from typing import Any

from digitlab.data.split import IMAGE_SIDE
from digitlab.model.backend import keras

Tensor = Any

# A row or a column belongs to the digit where it holds the ink of so many full pixels.
LEAST_INK = 0.5 * 255


def rows_of(images: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last row that hold ink, float32 [n] each; images float32 [n, 28, 28]."""
    return _ends(images, across=2)


def columns_of(images: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last column that hold ink."""
    return _ends(images, across=1)


def _ends(images: Tensor, across: int) -> tuple[Tensor, Tensor]:
    ops = keras.ops
    inked = ops.cast(ops.sum(images, axis=across) > LEAST_INK, "float32")
    first, last = ops.argmax(inked, axis=1), IMAGE_SIDE - 1 - ops.argmax(inked[:, ::-1], axis=1)
    return ops.cast(first, "float32"), ops.cast(last, "float32")
