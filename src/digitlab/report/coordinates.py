"""Parallel coordinates of trials, computed: which axes there are, and where each trial crosses them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digitlab.report.trials import Trial, varying
from digitlab.report.words import percent

# A value that a trial does not have, such as the width of a layer it lacks, stands at the foot of the axis and
# the others above this height.
ABOVE_NONE = 0.14
FAILED = -0.12
# Trials of one value are fanned out around it, so that each remains a line to be followed.
FAN, FAN_STEP = 0.045, 0.012
# Hyperparameters whose values double or grow tenfold.
GROWING = ("batch_size", "weight_decay")
NEAREST_TICKS = 0.055
SMALLEST_ERROR = 1e-4
NICE_ACCURACIES = (
    0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.965, 0.97, 0.975, 0.98, 0.9825, 0.985, 0.9875,
    0.99, 0.992, 0.994, 0.995, 0.996, 0.997, 0.998, 0.999, 0.9995,
)  # fmt: skip

Tick = tuple[float, str]


@dataclass(frozen=True)
class Axis:
    """One upright axis.

    Args:
        title: What it is of.
        heights: Where each trial crosses it: 0 is its foot, 1 its head, `FAILED` below it.
        ticks: Heights with what stands there.
    """

    title: str
    heights: tuple[float, ...]
    ticks: tuple[Tick, ...]


def trial_axes(trials: Sequence[Trial]) -> list[Axis]:
    """An axis for each hidden layer, the learning rate, whatever else varies, and last the score.

    Args:
        trials: At least one. The depth may differ, and any may have failed.
    """
    depth = max(len(trial.hidden_units) for trial in trials)
    axes = [
        _value_axis(f"hidden layer {layer + 1}", trials, [_width(trial, layer) for trial in trials], none="none")
        for layer in range(depth)
    ]
    axes.append(_value_axis("learning rate", trials, [trial.learning_rate for trial in trials], scale=math.log))
    for name in varying(trials):
        values = [float(getattr(trial, name)) for trial in trials]
        apart = math.log if name in GROWING else None
        shown = [value if apart is None or value > 0 else None for value in values]
        axes.append(_value_axis(name.replace("_", " "), trials, shown, scale=apart or float, none="0"))
    return [*axes, _score_axis(trials)]


def best_trial(trials: Sequence[Trial]) -> int | None:
    """Which trial has the highest score, the first of equals; `None` if all failed."""
    scored = [index for index, trial in enumerate(trials) if trial.score is not None]
    return max(scored, key=lambda index: (trials[index].score or 0.0, -index), default=None)


def _width(trial: Trial, layer: int) -> float | None:
    return float(trial.hidden_units[layer]) if layer < len(trial.hidden_units) else None


def _value_axis(
    title: str,
    trials: Sequence[Trial],
    values: Sequence[float | None],
    *,
    scale: Callable[[float], float] = float,
    none: str = "none",
) -> Axis:
    """An axis of values, of which some may be missing (`None`)."""
    present = sorted({value for value in values if value is not None})
    foot = ABOVE_NONE if None in values else 0.0
    height = dict(zip(present, _rescale([scale(value) for value in present], foot), strict=True))
    marks: list[Tick] = [(height[value], f"{value:g}") for value in present]
    if None in values:
        marks.insert(0, (0.0, none))
    at = [0.0 if value is None else height[value] for value in values]
    return Axis(title, tuple(_fan_out(at, trials)), tuple(_thin(marks)))


def _rescale(values: Sequence[float], foot: float) -> list[float]:
    """Ascending values between `foot` and 1; one alone stands in the middle."""
    low, high = (values[0], values[-1]) if values else (0.0, 0.0)
    if high == low:
        return [(1 + foot) / 2] * len(values)
    return [foot + (1 - foot) * (value - low) / (high - low) for value in values]


def _fan_out(heights: Sequence[float], trials: Sequence[Trial]) -> list[float]:
    """Trials at one height, side by side around it by their score, within reach of no other value."""
    places = sorted(set(heights))
    gap = min((b - a for a, b in itertools.pairwise(places)), default=1.0)
    reach = min(FAN, 0.35 * gap)
    fanned = list(heights)
    for place in places:
        group = [index for index, height in enumerate(heights) if height == place]
        group.sort(key=lambda index: (trials[index].score is not None, trials[index].score or 0.0, -index))
        step = min(FAN_STEP, 2 * reach / max(len(group) - 1, 1))
        for rank, index in enumerate(group):
            fanned[index] = place + step * (rank - (len(group) - 1) / 2)
    return fanned


def _score_axis(trials: Sequence[Trial]) -> Axis:
    """Validation accuracy over the logarithm of the error, which draws the good ones apart."""
    scores = [trial.score for trial in trials]
    present = sorted({score for score in scores if score is not None})
    height = dict(zip(present, _rescale([_log_error(score) for score in present], 0.0), strict=True))
    at = [FAILED if score is None else height[score] for score in scores]
    ticks = _score_ticks(present[0], present[-1]) if present else []
    if None in scores:
        ticks = [(FAILED, "failed"), *ticks]
    return Axis("validation accuracy", tuple(at), tuple(ticks))


def _log_error(score: float) -> float:
    return -math.log(max(1 - score, SMALLEST_ERROR))


def _score_ticks(lowest: float, highest: float) -> list[Tick]:
    if lowest == highest:
        return [(0.5, percent(highest))]
    ends = _log_error(lowest), _log_error(highest)
    if ends[0] == ends[1]:
        return [(0.5, percent(highest))]
    nice = [score for score in NICE_ACCURACIES if lowest < score < highest]
    marks = [(((_log_error(s) - ends[0]) / (ends[1] - ends[0])), f"{100 * s:g} %") for s in nice]
    return _thin([(0.0, percent(lowest)), *marks, (1.0, percent(highest))])


def _thin(ticks: Sequence[Tick]) -> list[Tick]:
    """Of ascending ticks, both ends and as many between as can be read."""
    if len(ticks) < 2:
        return list(ticks)
    kept = [ticks[0]]
    for tick in ticks[1:-1]:
        if min(tick[0] - kept[-1][0], ticks[-1][0] - tick[0]) >= NEAREST_TICKS:
            kept.append(tick)
    return [*kept, ticks[-1]]
