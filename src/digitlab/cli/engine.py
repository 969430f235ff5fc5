"""``--engine`` and ``--address``: who does bulk work; and a bar of the parts that are done."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from digitlab.cli.clock import seconds_so_far
from digitlab.cli.console import stderr
from digitlab.cli.endings import PartsEnding
from digitlab.cli.interruption import interruption
from digitlab.errors import UsageError

if TYPE_CHECKING:
    from digitlab.bulk import Outcome
    from digitlab.bulk import Progress as PartsProgress
    from digitlab.bulk.job import Engine

LOCAL, RAY = "local", "ray"

Address = Annotated[
    str | None, typer.Option(help="Of a Ray cluster: auto, HOST:PORT, ray://HOST:PORT.  [default: Ray started here]")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Throw away what lies in --out.")]


def make_engine(engine: str, address: str | None) -> Engine:
    """The engine called so.

    Raises:
        UsageError: There is none, or an address for one that has none.
    """
    if engine not in (LOCAL, RAY):
        raise UsageError(f"--engine: expected local or ray, got {engine!r}", hint="leave it out for local")
    if engine == RAY:
        from digitlab.cluster.bulk import OnRay

        return OnRay(address)
    if address is not None:
        raise UsageError("--address: expected --engine ray beside it", hint="add --engine ray, or leave it out")
    from digitlab.bulk import Here

    return Here()


class PartsBar:
    """To be called after every part. Without a terminal nothing is shown but the last line, which `end` prints."""

    def __init__(self, what: str) -> None:
        columns = (
            TextColumn(f"  {what}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("parts"),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        self._task = self._bars.add_task(what, total=None)
        self._what = what
        self._ending = interruption.ending = PartsEnding()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, progress: PartsProgress) -> None:
        """Show how far it is; the bar appears with the first call, when the folder is this command's."""
        self._ending.has_begun = True
        self._bars.start()
        self._bars.update(self._task, total=progress.parts, completed=progress.parts_done)

    def end(self, outcome: Outcome) -> None:
        """What was done, in a line."""
        self._bars.stop()
        kept = f", {outcome.kept_parts:,} of them kept from before" if outcome.kept_parts else ""
        failed = f"; {outcome.errors:,} could not be read, see the column error" if outcome.errors else ""
        stderr.print(
            f"{outcome.rows:,} {self._what} in {outcome.parts:,} parts{kept}, {seconds_so_far():.1f} s{failed}"
            f" -> {outcome.out}",
            markup=False,
        )
