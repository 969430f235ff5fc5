"""The trials of a search as parallel coordinates, drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from digitlab.report.coordinates import Axis, best_trial, trial_axes
from digitlab.report.style import ACCENT, FAINT, INK, SCORES, VALIDATION, new_figure
from digitlab.report.trials import Trial

WIDTH, AXIS_WIDTH, HEIGHT = 9.6, 1.55, 4.6
# More lines could not be followed, and each takes a kilobyte of the page.
MOST_LINES = 1000
HALO = [withStroke(linewidth=3, foreground="white")]


def draw_trials(trials: Sequence[Trial]) -> Figure:
    """A line a trial, through its hyperparameters to its score.

    The colour is the score. The more epochs a trial has behind it, the stronger its line: those that were
    promoted to the end stand out, those that were dropped early remain as a background. The best is orange.

    Args:
        trials: At least one.
    """
    trials = best_of(trials, MOST_LINES)
    axes = trial_axes(trials)
    figure = new_figure(max(WIDTH, AXIS_WIDTH * len(axes)), HEIGHT)
    panel = figure.subplots()
    best = best_trial(trials)
    _draw_lines(panel, trials, axes, best)
    for x, axis in enumerate(axes[:-1]):
        _draw_axis(panel, x, axis)
    _draw_score_axis(panel, len(axes) - 1, axes[-1])
    panel.set_axis_off()
    panel.set_xlim(-0.42, len(axes) - 1 + 0.5)
    panel.set_ylim(-0.17 if any(trial.score is None for trial in trials) else -0.08, 1.15)
    figure.legend(handles=_legend(trials, best), loc="outside lower center", ncols=5, fontsize=8.5, labelcolor=INK)
    return figure


def best_of(trials: Sequence[Trial], most: int) -> Sequence[Trial]:
    """At most `most` trials, those with the best scores, in the order given."""
    if len(trials) <= most:
        return trials
    ordered = sorted(range(len(trials)), key=lambda index: (-(trials[index].score or 0.0), index))
    return [trials[index] for index in sorted(ordered[:most])]


def _draw_lines(panel: Axes, trials: Sequence[Trial], axes: Sequence[Axis], best: int | None) -> None:
    # The best last, so that nothing lies over it; below it the long trained over the short, the good over the bad.
    order = sorted(
        range(len(trials)),
        key=lambda i: (i == best, trials[i].score is None, trials[i].last_epoch, trials[i].score or 0.0, i),
    )
    crowd = min(1.0, (60 / len(trials)) ** 0.5)
    most = max(trial.last_epoch for trial in trials)
    colors, line_widths, styles = [], [], []
    for index in order:
        trial, strength = trials[index], trials[index].last_epoch / max(most, 1)
        if index == best:
            colors.append(to_rgba(VALIDATION))
            line_widths.append(2.6)
        elif trial.score is None:
            colors.append(to_rgba(ACCENT, 0.8))
            line_widths.append(1.0)
        else:
            colors.append(to_rgba(SCORES(axes[-1].heights[index]), (0.3 + 0.65 * strength) * (0.55 + 0.45 * crowd)))
            line_widths.append((0.7 + 1.3 * strength) * (0.4 + 0.6 * crowd))
        styles.append((0.0, (3.0, 2.0)) if trial.score is None else "-")
    paths = [_curve([axis.heights[index] for axis in axes]) for index in order]
    panel.add_collection(
        PathCollection(
            paths, facecolors="none", edgecolors=colors, linewidths=line_widths, linestyles=styles, zorder=2
        ),
        autolim=False,
    )


def _curve(heights: Sequence[float]) -> Path:
    """A line that leaves and meets every axis level, so that it can be followed through a crossing."""
    points, codes = [(0.0, heights[0])], [Path.MOVETO]
    for x, (left, right) in enumerate(itertools.pairwise(heights)):
        points += [(x + 0.45, left), (x + 0.55, right), (x + 1.0, right)]
        codes += [Path.CURVE4] * 3
    return Path(points, codes)


def _draw_axis(panel: Axes, x: int, axis: Axis) -> None:
    panel.plot([x, x], [-0.05, 1.05], color=FAINT, linewidth=1, zorder=3)
    _write_title(panel, x, axis.title)
    for height, text in axis.ticks:
        panel.plot([x - 0.02, x], [height, height], color=FAINT, linewidth=1, zorder=3)
        panel.text(
            x - 0.04, height, text, ha="right", va="center", fontsize=9, color=INK, zorder=4, path_effects=HALO
        )  # fmt: skip


def _draw_score_axis(panel: Axes, x: int, axis: Axis) -> None:
    """The last axis is its own key to the colours."""
    panel.imshow(
        np.linspace(0, 1, 256)[:, None], cmap=SCORES, extent=(x, x + 0.06, 0, 1), origin="lower", aspect="auto",
        zorder=3,
    )  # fmt: skip
    _write_title(panel, x, axis.title)
    for height, text in axis.ticks:
        failed, top = height < 0, height == 1
        panel.text(
            x + 0.1, height, text, ha="left", va="center", fontsize=9, zorder=4,
            color=ACCENT if failed else VALIDATION if top else INK, fontweight="bold" if top else "normal",
        )  # fmt: skip


def _write_title(panel: Axes, x: float, title: str) -> None:
    panel.text(x, 1.1, title, ha="center", va="bottom", fontsize=9.5, fontweight="bold", color=INK)


def _legend(trials: Sequence[Trial], best: int | None) -> list[Line2D]:
    scored = [trial for trial in trials if trial.score is not None]
    most = max(trial.last_epoch for trial in trials)
    middle = SCORES(0.75)
    handles = []
    for epochs in sorted({min(trial.last_epoch for trial in scored), most}) if scored else ():
        strength = epochs / max(most, 1)
        handles.append(
            Line2D([], [], color=middle, alpha=0.3 + 0.65 * strength, linewidth=0.7 + 1.3 * strength,
                   label=f"after {epochs} epochs")
        )  # fmt: skip
    if best is not None:
        handles.append(Line2D([], [], color=VALIDATION, linewidth=2.6, label="best score"))
    if len(scored) < len(trials):
        handles.append(Line2D([], [], color=ACCENT, linewidth=1, linestyle=(0, (3, 2)), label="failed"))
    return handles
