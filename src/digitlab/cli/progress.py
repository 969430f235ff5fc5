"""Live progress of a training: a line an epoch, and under it the time that may remain."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from digitlab.cli.console import percent, stderr

if TYPE_CHECKING:
    from collections.abc import Callable

    from digitlab.training import EpochProgress


@contextlib.contextmanager
def epoch_progress() -> Iterator[Callable[[EpochProgress], None]]:
    """A function to call after every epoch. Without a terminal only the lines are printed."""
    columns = (
        TextColumn("  training"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remaining]}"),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task("training", total=None, remaining="")

        def show(progress: EpochProgress) -> None:
            if progress.row:
                stderr.print(_line(progress))
            remaining = "" if progress.remaining_s is None else f"at most {progress.remaining_s:.0f} s left"
            bar.update(task, total=progress.epochs, completed=progress.epoch, remaining=remaining)

        yield show


def _line(progress: EpochProgress) -> str:
    row = progress.row
    text = f"  epoch {progress.epoch:>3}   loss {row['loss']:.4f}   accuracy {percent(row['accuracy'])}"
    if "val_loss" in row:
        text += f"   val_loss {row['val_loss']:.4f}   val_accuracy {percent(row['val_accuracy'])}"
    mark = "  [green]best[/green]" if progress.best_epoch == progress.epoch else ""
    return f"{text}   {row['duration_s']:.2f} s{mark}"
