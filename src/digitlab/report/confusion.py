"""The confusion matrix as a heat map with counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digitlab.report.style import ERRORS, FAINT, INK, drawable, new_figure

# More classes leave no room for a number in a cell, nor for every name along the edge.
COUNTED_UP_TO = 30
SHORT_NAME = 3


def draw_confusion(matrix: Sequence[Sequence[int]], class_names: Sequence[str], title: str) -> Figure:
    """Rows are the true classes, columns what they were taken for.

    Only the mistakes are coloured, on a scale of their own: beside the thousands on the diagonal none
    of them could be seen.
    """
    counts = np.asarray(matrix)
    class_names = [drawable(name) for name in class_names]
    k = len(counts)
    side = 1.0 + 0.06 * max(map(len, class_names)) + 0.42 * min(max(k, 6), 24)
    figure = new_figure(side, side)
    axes = figure.subplots()
    errors = np.where(np.eye(k, dtype=bool), np.nan, counts.astype(float))
    largest = max(1.0, float(np.nanmax(errors)))
    axes.imshow(errors, cmap=ERRORS, vmin=0, vmax=largest)
    if k <= COUNTED_UP_TO:
        _write_counts(axes, counts, largest)
    _label_axes(axes, class_names)
    axes.set_title(title)
    return figure


def _write_counts(axes: Axes, counts: npt.NDArray[np.integer], largest_error: float) -> None:
    size = 9 if len(counts) <= 12 else 6
    for (row, column), count in np.ndenumerate(counts):
        right = row == column
        on_dark = not right and count > 0.55 * largest_error
        axes.text(
            column,
            row,
            str(count) if count or right else "·",
            ha="center",
            va="center",
            color="white" if on_dark else INK if count else FAINT,
            fontsize=size,
            fontweight="bold" if right else "normal",
        )


def _label_axes(axes: Axes, class_names: Sequence[str]) -> None:
    k = len(class_names)
    many = k > COUNTED_UP_TO
    shown = range(0, k, 5 if many else 1)
    names = [class_names[i] for i in shown]
    long = max(map(len, class_names)) > SHORT_NAME
    axes.set_xticks(list(shown), names, rotation=40 if long else 0, ha="right" if long else "center")
    axes.set_yticks(list(shown), names)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a class may be called $
    axes.set_xlabel("taken for", color=FAINT)
    axes.set_ylabel("true class", color=FAINT)
    axes.tick_params(length=0, labelcolor=INK)
    axes.grid(visible=False)
    edges = np.arange(k + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(visible=True, which="minor", color="white", linewidth=0.3 if many else 1.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
