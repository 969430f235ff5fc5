"""The reliability diagram and the risk-coverage curve."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from digitlab.evaluation import Evaluation
from digitlab.report.style import FAINT, INK, TRAINING, VALIDATION, new_figure

Named = Sequence[tuple[str, Evaluation]]
_COLORS = {"validation": VALIDATION, "test": TRAINING}


def draw_calibration(evaluations: Named) -> Figure:
    """Accuracy over confidence; on the diagonal, 90 % sure is right nine times in ten."""
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="perfectly calibrated")
    for name, evaluation in evaluations:
        bins = evaluation.reliability
        axes.plot([b.confidence for b in bins], [b.accuracy for b in bins], color=_COLORS[name], linewidth=1)
        # The area of a dot is the share of the images; without a floor the small bins would vanish.
        sizes = [12 + 220 * b.count / evaluation.n for b in bins]
        axes.scatter(
            [b.confidence for b in bins], [b.accuracy for b in bins], s=sizes, color=_COLORS[name], alpha=0.7,
            label=f"{name}: error {100 * evaluation.expected_calibration_error:.2f} %",
        )  # fmt: skip
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), title="Calibration")
    axes.set_xlabel("probability that the network gives", color=FAINT)
    axes.set_ylabel("share that is right", color=FAINT)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="best", fontsize=9)
    return figure


def draw_risk_coverage(evaluations: Named) -> Figure:
    """Error rate among the most confident share of the answers."""
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    for name, evaluation in evaluations:
        points = evaluation.risk_coverage
        axes.plot([p.coverage for p in points], [p.risk for p in points], color=_COLORS[name], label=name)
    axes.set(xlim=(0, 1.0), title="Risk and coverage")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("share of the images answered, surest first", color=FAINT)
    axes.set_ylabel("share of those answers that is wrong", color=FAINT)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.legend(loc="upper left", fontsize=9, labelcolor=INK)
    return figure
