"""The learning rates that were trained for some epochs, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from digitlab.report.scan import Scan
from digitlab.report.style import FAINT, INK, RATES, new_figure

# Losses further apart than this are drawn on a logarithmic axis.
FAR_APART = 8.0


def draw_learning_rates(scan: Scan) -> Figure:
    """Loss and accuracy over the epochs, a colour a rate: validation strong, training faint.

    Args:
        scan: With at least one rate that was trained.
    """
    figure = new_figure(9.6, 4.2)
    colors = rate_colors(len(scan.drawn))
    for axes, name, title in zip(figure.subplots(1, 2), ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True):
        _draw_panel(axes, scan, name, colors)
        axes.set_title(title)
    figure.legend(handles=_legend(scan, colors), loc="outside lower center", ncols=5, fontsize=9, labelcolor=INK)
    return figure


def rate_colors(count: int) -> list[str]:
    """Colours from the lowest rate to the highest."""
    return [to_hex(RATES(index / max(count - 1, 1))) for index in range(count)]


def _draw_panel(axes: Axes, scan: Scan, name: str, colors: Sequence[str]) -> None:
    drawn = []
    for (rate, rows), color in zip(scan.drawn.items(), colors, strict=True):
        epochs = [row["epoch"] for row in rows]
        training, validation = ([row[key] for row in rows] for key in (name, f"val_{name}"))
        taken = rate == scan.suggestion
        axes.plot(epochs, training, color=color, alpha=0.45, linewidth=1.2, linestyle="--", zorder=2)
        axes.plot(
            epochs, validation, color=color, marker="o", markersize=5 if taken else 3.5,
            linewidth=2.6 if taken else 1.5, zorder=4 if taken else 3,
        )  # fmt: skip
        drawn += [*training, *validation]
    axes.set_xlabel("epoch", color=FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    else:
        _scale_losses(axes, [loss for loss in drawn if math.isfinite(loss) and loss > 0])


def _scale_losses(axes: Axes, losses: Sequence[float]) -> None:
    if losses and max(losses) > FAR_APART * min(losses):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(scan: Scan, colors: Sequence[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=color, marker="o", markersize=4, linewidth=2.6 if rate == scan.suggestion else 1.5,
               label=f"{rate:g}{' (suggested)' if rate == scan.suggestion else ''}")
        for rate, color in zip(scan.drawn, colors, strict=True)
    ]  # fmt: skip
    return [
        *handles,
        Line2D([], [], color=FAINT, linewidth=1.5, label="validation"),
        Line2D([], [], color=FAINT, linewidth=1.2, linestyle="--", label="training"),
    ]
