"""Live progress of a training: a line an epoch, and under it the time that may remain."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from digitlab.cli.console import percent, stderr

if TYPE_CHECKING:
    from digitlab.training.callbacks import EpochProgress


class EpochBar:
    """To be called after every epoch. Without a terminal only the lines are printed."""

    def __init__(self) -> None:
        columns = (
            TextColumn("  training"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remaining]}"),
        )
        self._bars = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        self._task = self._bars.add_task("training", total=None, remaining="compiling")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, progress: EpochProgress) -> None:
        """Show the epoch that has ended; the bar appears with the first call."""
        self._bars.start()
        if progress.row:
            stderr.print(_line(progress))
        remaining = progress.remaining_s
        words = "compiling" if remaining is None else f"at most {remaining:.0f} s left"
        self._bars.update(self._task, total=progress.epochs, completed=progress.epoch, remaining=words)

    def end(self) -> None:
        """Training is over; the bar would only say how many epochs were not needed."""
        self._bars.update(self._task, visible=False)


def _line(progress: EpochProgress) -> str:
    row = progress.row
    text = f"  epoch {progress.epoch:>3}   loss {row['loss']:.4f}   accuracy {percent(row['accuracy'])}"
    if "val_loss" in row:
        text += f"   val_loss {row['val_loss']:.4f}   val_accuracy {percent(row['val_accuracy'])}"
    mark = "  [green]best[/green]" if progress.best_epoch == progress.epoch else ""
    return f"{text}   {row['duration_s']:.2f} s{mark}"
