"""Learning-rate schedules: the rate of an epoch, as a function of its number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from digitlab.config import TrainConfig

# The share of the epochs over which the rate rises.
WARM_UP = 0.05


@dataclass(frozen=True)
class Cosine:
    """Rises evenly over the first twentieth of the epochs, then falls as half a cosine (Loshchilov, Hutter 2017).

    An epoch has the rate of its middle, so that the last is not wasted at nought.

    Args:
        peak: The highest rate.
        epochs: Of the whole training.
    """

    peak: float
    epochs: int

    def __call__(self, epoch: int) -> float:
        """The rate of epoch `epoch`, from 0."""
        warm_up = WARM_UP * self.epochs
        middle = epoch + 0.5
        if middle < warm_up:
            return self.peak * middle / warm_up
        return self.peak * 0.5 * (1 + math.cos(math.pi * (middle - warm_up) / (self.epochs - warm_up)))


def schedule_of(config: TrainConfig) -> Callable[[int], float] | None:
    """The schedule that a configuration asks for, `None` for a constant rate."""
    return Cosine(config.learning_rate, config.epochs) if config.schedule == "cosine" else None
