"""The range test: loss over learning rate, and the rates read off it."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from digitlab.report.scan import Scan
from digitlab.report.style import ACCENT, FAINT, INK, TRAINING, VALIDATION, new_figure

# Share of the panel that a name needs beside its line.
EDGE = 0.16
HALO = [withStroke(linewidth=3, foreground="white")]


def draw_range_test(scan: Scan) -> Figure:
    """The loss of each step's batch, smoothed and raw, with both suggestions marked by name."""
    figure = new_figure(9.6, 4.0)
    axes = figure.subplots()
    axes.plot(scan.learning_rates, scan.losses, color=TRAINING, alpha=0.28, linewidth=0.8, label="loss of a batch")
    axes.plot(scan.learning_rates, scan.smoothed, color=TRAINING, linewidth=2.2, label="smoothed")
    top = loss_ceiling(scan)
    axes.set_ylim(0, top)
    axes.set_xscale("log")
    first, last = scan.learning_rates[0], scan.learning_rates[-1]
    axes.set_xlim((first, last) if first < last else (first / 10, first * 10))
    for (rate, name, color), (left, height) in zip(_suggestions(scan), place_labels(scan), strict=True):
        _mark(axes, scan, rate, color)
        axes.annotate(
            f"{name}\n{rate:.2g}", (rate, height), xycoords=("data", "axes fraction"), xytext=(-6 if left else 6, 0),
            textcoords="offset points", ha="right" if left else "left", va="top", color=color, fontweight="bold",
            fontsize=9.5, path_effects=HALO, zorder=5,
        )  # fmt: skip
    if scan.diagnostics:
        _mark_trained(axes, scan)
    axes.set_title("Range test" + (": ended where the loss diverged" if scan.diverged else ""))
    axes.set_xlabel("learning rate, raised after every batch", color=FAINT)
    axes.set_ylabel("training loss", color=FAINT)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9, labelcolor=INK)
    return figure


def loss_ceiling(scan: Scan) -> float:
    """Up to where the loss is drawn: the rise at the end would press the fall flat.

    A fifth above the smoothed loss on its way to its lowest point.
    """
    smoothed = np.asarray(scan.smoothed)
    smoothed = np.where(np.isfinite(smoothed), smoothed, np.inf)
    falling = smoothed[: int(smoothed.argmin()) + 1]
    return 1.2 * float(falling[np.isfinite(falling)].max()) or 1.0


def place_labels(scan: Scan) -> list[tuple[bool, float]]:
    """For valley and steepest: whether its name stands left of its line, and how high, so that neither hides the other.

    The lower rate is named on the left and the higher on the right, unless the panel ends there.
    """
    low, high = math.log(scan.learning_rates[0]), math.log(scan.learning_rates[-1])
    across = [(math.log(rate) - low) / ((high - low) or 1.0) for rate in (scan.valley, scan.steepest)]
    sides = [across[0] <= across[1], across[0] > across[1]]
    sides = [where > 1 - EDGE or (left and where > EDGE) for where, left in zip(across, sides, strict=True)]
    crowded = sides[0] == sides[1] and abs(across[0] - across[1]) < EDGE
    return [(sides[0], 0.97), (sides[1], 0.8 if crowded else 0.97)]


def _suggestions(scan: Scan) -> tuple[tuple[float, str, str], ...]:
    return (scan.valley, "valley", VALIDATION), (scan.steepest, "steepest descent", ACCENT)


def _mark(axes: Axes, scan: Scan, rate: float, color: str) -> None:
    nearest = int(np.abs(np.log(np.asarray(scan.learning_rates) / rate)).argmin())
    axes.axvline(rate, color=color, linestyle="--", linewidth=1.2, zorder=1.5)
    axes.plot([rate], [scan.smoothed[nearest]], "o", markersize=8, color=color, markeredgecolor="white", zorder=4)


def _mark_trained(axes: Axes, scan: Scan) -> None:
    """The rates that were trained for some epochs, along the foot."""
    for rate in scan.drawn:
        taken = rate == scan.suggestion
        axes.plot(
            [rate], [0], "^", markersize=9, clip_on=False, zorder=6, color=INK if taken else "white",
            markeredgecolor=INK, transform=axes.get_xaxis_transform(),
            label="rate trained and suggested" if taken else "_" if rate != _other(scan) else "rate trained",
        )  # fmt: skip


def _other(scan: Scan) -> float | None:
    """The rate that stands in the legend for those trained and not suggested."""
    return next((rate for rate in scan.drawn if rate != scan.suggestion), None)
