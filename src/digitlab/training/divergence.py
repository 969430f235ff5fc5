"""When a range test ends: the loss, smoothed over the steps, has risen to a multiple of its lowest.

Written with `keras.ops` for the loop of either backend; every value is a scalar tensor.
"""

from __future__ import annotations

from typing import Any

from digitlab.model.backend import keras

Tensor = Any

DIVERGED, SMOOTHING = 4.0, 0.95
# So many steps are made in any case: the first losses say little.
FIRST_STEPS = 10


def add_loss(mean: Tensor, loss: Tensor) -> Tensor:
    """The running mean, which begins at 0, after one more loss."""
    return SMOOTHING * mean + (1 - SMOOTHING) * loss


def smoothed(mean: Tensor, steps: Tensor) -> Tensor:
    """The running mean after `steps` losses, at least 1, without its bias towards the 0 it began at."""
    return mean / (1 - SMOOTHING ** keras.ops.cast(steps, "float32"))


def goes_on(steps: Tensor, mean: Tensor, lowest: Tensor) -> Tensor:
    """Whether another step follows `steps` of them, where the smoothed loss was never below `lowest`."""
    latest = smoothed(mean, keras.ops.maximum(steps, 1))
    # NaN compares false with everything, so it ends the loop too.
    return (steps < FIRST_STEPS) | (latest <= DIVERGED * lowest)
