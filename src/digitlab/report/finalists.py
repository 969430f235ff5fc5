"""The finalists: each seed, their mean, and how sure the mean is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from digitlab.report.search import Finalist, Search
from digitlab.report.style import FAINT, INK, TRAINING, VALIDATION, new_figure
from digitlab.report.words import widths

ROW_HEIGHT, MOST_HEIGHT = 0.52, 16.0


def draw_finalists(search: Search) -> Figure:
    """A row a finalist, the winner's in orange: seeds as dots, the mean as a bar with its interval."""
    ordered = ranking(search.finalists)
    figure = new_figure(9.6, min(1.5 + ROW_HEIGHT * len(ordered), MOST_HEIGHT))
    axes = figure.subplots()
    for row, finalist in enumerate(ordered):
        _draw_row(axes, row, finalist, VALIDATION if finalist.rank == search.winner.rank else TRAINING)
    axes.set_ylim(len(ordered) - 0.4, -0.6)
    axes.set_yticks(range(len(ordered)), [network_name(finalist, ordered) for finalist in ordered])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=2))
    axes.margins(x=0.06)
    axes.set_xlabel("validation accuracy", color=FAINT)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4, fontsize=9, labelcolor=INK)
    return figure


def ranking(finalists: Sequence[Finalist]) -> list[Finalist]:
    """By mean accuracy, the best first; equals in the search's order."""
    return sorted(finalists, key=lambda finalist: (-finalist.mean_accuracy, finalist.rank))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean accuracy, within [0, 1]; `None` for one value."""
    if len(values) < 2:
        return None
    from scipy.stats import t

    mean = statistics.fmean(values)
    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return max(0.0, mean - half), min(1.0, mean + half)


def network_name(finalist: Finalist, among: Sequence[Finalist]) -> str:
    """Widths and rate, and whatever else tells it from the others."""
    apart = [n for n, value in finalist.further.items() if any(f.further.get(n) != value for f in among)]
    further = "".join(f", {name.replace('_', ' ')} {finalist.further[name]:g}" for name in apart)
    return f"{widths(finalist.hidden_units)}, rate {finalist.learning_rate:g}{further}"


def _draw_row(axes: Axes, row: int, finalist: Finalist, color: str) -> None:
    interval = mean_interval(finalist.accuracies)
    if interval:
        axes.plot(interval, [row, row], color=color, alpha=0.28, linewidth=7, solid_capstyle="butt", zorder=2)
    axes.plot([finalist.mean_accuracy], [row], "|", color=color, markersize=20, markeredgewidth=2.5, zorder=3)
    axes.plot(
        finalist.accuracies, [row] * len(finalist.accuracies), "o", color=color, markersize=7,
        markeredgecolor="white", markeredgewidth=1, linestyle="none", zorder=4,
    )  # fmt: skip
    axes.plot([finalist.search_score], [row], "D", markersize=6, color="white", markeredgecolor=FAINT, zorder=3.5)


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], marker="o", linestyle="none", color=FAINT, markersize=7, label="a seed"),
        Line2D([], [], marker="|", linestyle="none", color=FAINT, markersize=14, markeredgewidth=2.5, label="mean"),
        Line2D([], [], color=FAINT, alpha=0.28, linewidth=7, label="95 % interval of the mean"),
        Line2D([], [], marker="D", linestyle="none", color="white", markeredgecolor=FAINT, markersize=6,
               label="score in the search"),
    ]  # fmt: skip
