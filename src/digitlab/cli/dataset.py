"""Loading a data set with a progress bar for what has to be fetched."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from digitlab.cli.console import stderr

if TYPE_CHECKING:
    from digitlab.data import Dataset


class DownloadBars:
    """A bar a file on standard error, made when its first bytes arrive and gone when all is fetched."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bars = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, file_name: str, done_bytes: int, total_bytes: int) -> None:
        """Show that `done_bytes` of `total_bytes` have come; 0 where the server did not say how many."""
        if not self._tasks:
            self._bars.start()
        if file_name not in self._tasks:
            self._tasks[file_name] = self._bars.add_task(file_name, total=total_bytes or None)
        self._bars.update(self._tasks[file_name], completed=done_bytes, total=total_bytes or None)


def load_with_progress(source: str) -> Dataset:
    """`digitlab.load_dataset`; its note, if it has one, goes to standard error at once."""
    from digitlab.data import load_dataset

    with DownloadBars() as bars:
        dataset = load_dataset(source, progress=bars)
    if dataset.note:
        stderr.print(f"note: {dataset.note}", style="yellow", markup=False)
    return dataset
