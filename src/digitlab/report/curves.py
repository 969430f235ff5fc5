"""The learning curves: loss and accuracy, training beside validation, and the gap between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from digitlab.report.style import ACCENT, FAINT, TRAINING, VALIDATION, new_figure
from digitlab.report.words import evenly

# More epochs than a figure of this width can tell apart.
MOST_DRAWN = 1000

Rows = Sequence[dict[str, float]]


def draw_learning_curves(history: Rows, best_epoch: int | None) -> Figure:
    """Two panels over the epochs; the epoch whose weights were kept is marked.

    Args:
        history: The rows of history.csv, at least one.
        best_epoch: The epoch that was chosen by its validation loss, from 1; `None` marks none.
    """
    figure = new_figure(9.6, 3.8)
    kept = {*evenly(len(history), MOST_DRAWN), *(() if best_epoch is None else (best_epoch - 1,))}
    drawn = [history[index] for index in sorted(kept)]
    for axes, name, title in zip(figure.subplots(1, 2), ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True):
        _draw_panel(axes, drawn, name, best_epoch)
        axes.set_title(title)
    return figure


def _draw_panel(axes: Axes, history: Rows, name: str, best_epoch: int | None) -> None:
    epochs = [row["epoch"] for row in history]
    training = [row[name] for row in history]
    axes.plot(epochs, training, color=TRAINING, marker="o", markersize=3.5, label="training")
    if all(f"val_{name}" in row for row in history):
        validation = [row[f"val_{name}"] for row in history]
        axes.fill_between(epochs, training, validation, color=VALIDATION, alpha=0.12, linewidth=0, label="gap")
        axes.plot(epochs, validation, color=VALIDATION, marker="o", markersize=3.5, label="validation")
        if best_epoch is not None:
            kept = validation[epochs.index(best_epoch)]
            axes.axvline(best_epoch, color=ACCENT, linestyle="--", linewidth=1, zorder=1)
            axes.plot(
                [best_epoch], [kept], "o", markersize=9, markerfacecolor="none", markeredgecolor=ACCENT,
                label=f"kept: epoch {best_epoch}",
            )  # fmt: skip
    axes.set_xlabel("epoch", color=FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if len(epochs) == 1:
        axes.set_xlim(0.5, 1.5)
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.legend(loc="best", fontsize=9)


def chosen_epoch(record: Mapping[str, Any]) -> int | None:
    """The epoch that a run's record says was chosen by its validation loss; `None` where none was chosen."""
    config = record["config"]
    chooses = config.get("patience", 0) > 0 and config.get("validation_fraction", 0) > 0
    return record.get("best_epoch") if chooses else None


def read_curves(history: Rows, best_epoch: int | None, members: int = 1) -> str:
    """One sentence that says what the curves show.

    Args:
        history: The rows of history.csv, at least one.
        best_epoch: The epoch that was chosen by its validation loss, from 1; `None` where none was.
        members: Networks whose mean the rows are.
    """
    last = history[-1]
    if best_epoch is None or "val_loss" not in last:
        of_whom = f", the mean of {members} members," if members > 1 else ""
        words = f"After {len(history)} epochs the training loss{of_whom} is {last['loss']:.4f}"
        if "val_loss" in last:
            return f"{words}, and {last['val_loss']:.4f} on the images held out, which chose nothing."
        return f"{words}; nothing was held out to compare."
    kept = history[best_epoch - 1]
    gap = kept["accuracy"] - kept["val_accuracy"]
    words = (
        f"The validation loss was lowest after epoch {best_epoch} ({kept['val_loss']:.4f}), and those weights were"
        f" kept; there the network was {100 * abs(gap):.2f} points {'better' if gap >= 0 else 'worse'} on the images"
        f" it had trained on than on those held out."
    )
    if len(history) > best_epoch:
        words += (
            f" Until epoch {len(history)} the training loss went on to {last['loss']:.4f}, while the validation loss"
            f" came to {last['val_loss']:.4f} and never below its best."
        )
    return words
