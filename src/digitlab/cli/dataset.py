"""Loading a data set with a progress bar for what has to be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from digitlab.cli.console import stderr

if TYPE_CHECKING:
    from digitlab.data import Dataset


class DownloadBars:
    """A bar a file, made when its first bytes arrive."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, file_name: str, done_bytes: int, total_bytes: int) -> None:
        """Show that `done_bytes` of `total_bytes` have come; 0 where the server did not say how many."""
        if file_name not in self._tasks:
            self._tasks[file_name] = self._bars.add_task(file_name, total=total_bytes or None)
        self._bars.update(self._tasks[file_name], completed=done_bytes, total=total_bytes or None)


def download_bars() -> Progress:
    """Bars on standard error that vanish when all is fetched; none without a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)


def load_with_progress(source: str) -> Dataset:
    """`digitlab.load_dataset`; its note, if it has one, goes to standard error at once."""
    from digitlab.data import load_dataset

    with download_bars() as bars:
        dataset = load_dataset(source, progress=DownloadBars(bars))
    if dataset.note:
        stderr.print(f"note: {dataset.note}", style="yellow", markup=False)
    return dataset
