"""What the losses of a range test suggest: smoothing, and two rules for reading a rate off the curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMOOTHING = 0.95
# The first rates move nothing and the last are on the way to divergence; neither is to be suggested.
SKIPPED_AT_START, SKIPPED_AT_END = 0.05, 0.02


def smooth(losses: Floats, smoothing: float = SMOOTHING) -> Floats:
    """Exponentially weighted mean of the losses so far, [n], free of the bias towards its start.

    Args:
        losses: One a step, [n].
        smoothing: Weight of the past, from 0 to below 1.
    """
    smoothed, mean = np.empty(len(losses)), 0.0
    for step, loss in enumerate(losses):
        mean = smoothing * mean + (1 - smoothing) * loss
        smoothed[step] = mean / (1 - smoothing ** (step + 1))
    return smoothed


def steepest(learning_rates: Floats, losses: Floats) -> float:
    """The rate at which the smoothed loss falls fastest over the logarithm of the rate.

    Smith 2015 (arXiv 1506.01186) reads the range off this curve by eye; this is its usual automatic form.

    Args:
        learning_rates: Ascending, [n].
        losses: Smoothed, [n].
    """
    kept = _kept(len(losses))
    slope = np.gradient(losses[kept], np.log(learning_rates[kept]))
    return float(learning_rates[kept][int(slope.argmin())])


def valley(learning_rates: Floats, losses: Floats) -> float:
    """The rate two thirds along the longest falling stretch of the smoothed loss, more careful than `steepest`.

    The rule is ESRI's, known from fastai's learning-rate finder: the longest strictly falling subsequence,
    not contiguous, so that noise does not break it.

    Args:
        learning_rates: Ascending, [n].
        losses: Smoothed, [n].
    """
    kept = _kept(len(losses))
    falling = _longest_fall(losses[kept])
    section = (falling[-1] - falling[0]) // 3
    index = falling[0] + section + section // 2
    return float(learning_rates[kept][index])


def _kept(count: int) -> slice:
    return slice(int(count * SKIPPED_AT_START), max(count - int(count * SKIPPED_AT_END), 2))


def _longest_fall(losses: Floats) -> tuple[int, int]:
    """First and last index of the longest strictly falling subsequence, in n log n."""
    tails: list[float] = []  # of a fall of each length, the highest last loss, negated so that it ascends
    ends: list[int] = []
    before = np.full(len(losses), -1)
    for index, loss in enumerate(losses):
        place = int(np.searchsorted(tails, -loss, side="left"))
        before[index] = ends[place - 1] if place else -1
        if place == len(tails):
            tails.append(-loss)
            ends.append(index)
        else:
            tails[place], ends[place] = -loss, index
    first = last = ends[-1]
    while before[first] >= 0:
        first = int(before[first])
    return first, last
