"""A search on the terminal: its plan before it begins, and a live table of its rungs while it runs."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table

from digitlab.cli.console import percent, stderr

if TYPE_CHECKING:
    from digitlab.data import Split
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.plan import Plan
    from digitlab.tuning.progress import SearchProgress
    from digitlab.tuning.space import SearchSpace


def show_plan(config: SearchConfig, space: SearchSpace, split: Split, lanes: int | None, address: str | None) -> None:
    """Print the plan of a search, and on this machine about how long it will take."""
    from digitlab.runs import available_cores

    count = lanes or available_cores()
    plan = _plan(config, space)
    where = f"on Ray at {address}" if address else f"{count} side by side"
    least = "at most " if config.scheduler == "asha" else ""
    stderr.print(
        f"[bold]plan[/bold]: {least}{plan.trials} trials, {plan.epochs} epochs over {space.size} configurations,"
        f" {where}{'' if address else _about(plan, space, config, split, count)}; then {config.finalists} finalists"
        f" with {config.finalist_seeds} seeds each"
    )
    for rungs in plan.brackets:
        steps = " -> ".join(f"{rung.trials} to epoch {rung.last_epoch}" for rung in rungs)
        stderr.print(f"  bracket {rungs[0].bracket}: {steps}", highlight=False)


def _plan(config: SearchConfig, space: SearchSpace) -> Plan:
    if config.engine == "ray":
        from digitlab.cluster.plan import plan_on_ray

        return plan_on_ray(config)
    from digitlab.tuning.plan import plan_hyperband

    return plan_hyperband(config.max_epochs, config.factor, iterations=config.iterations, configurations=space.size)


def _about(plan: Plan, space: SearchSpace, config: SearchConfig, split: Split, count: int) -> str:
    from digitlab.tuning.estimate import estimate_seconds

    images = round(len(split) * (1 - config.base.validation_fraction))
    return f", about {estimate_seconds(plan, space, images, split.num_classes, count):.0f} s"


class SearchTable:
    """To be told of a study's progress. Without a terminal a line is printed for every rung that ends."""

    def __init__(self, config: SearchConfig) -> None:
        self._config = config
        self._live: Live | None = None
        self._told: set[tuple[int, int, int]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def scanned(self, done: int, of: int) -> None:
        """So many epochs of the scanned rates are trained."""
        self._show(f"  rates side by side: {done} of {of} epochs")

    def searched(self, progress: SearchProgress) -> None:
        """The search stands so."""
        if progress.finalists is not None:
            done, of = progress.finalists
            if done == 0:
                self.end()
                stderr.print("[dim]training the finalists[/dim]")
            self._show(f"  finalists: {done} of {of} trainings")
            return
        if stderr.is_terminal:
            self._show(_table(progress))
        else:
            self._tell_rungs(progress)

    def end(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _show(self, content: Table | str) -> None:
        if not stderr.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=stderr, refresh_per_second=4)
            self._live.start()
        self._live.update(content)

    def _tell_rungs(self, progress: SearchProgress) -> None:
        for state in progress.rungs:
            rung = state.rung
            key = (rung.iteration, rung.bracket, rung.number)
            if key in self._told or not state.is_done:
                continue
            self._told.add(key)
            best = "all failed" if state.best is None else f"best {percent(state.best)}"
            stderr.print(f"  bracket {rung.bracket} rung {rung.number}: {state.trials} trials, {best}")


def _table(progress: SearchProgress) -> Table:
    """The rungs as rows, the best so far and the time that may remain below them."""
    remaining = "" if progress.remaining_s is None else f", at most {progress.remaining_s:.0f} s left"
    table = Table(
        "bracket", "rung", "to epoch", "trials", "running", "best validation",
        box=None, header_style="dim", caption_justify="left",
        caption=f"{progress.epochs} of {progress.of_epochs} epochs{remaining}{_best(progress)}",
    )  # fmt: skip
    for state in progress.rungs:
        table.add_row(
            str(state.rung.bracket),
            str(state.rung.number),
            str(state.rung.last_epoch),
            f"{state.ended}/{state.trials or state.rung.trials}",
            str(state.running or ""),
            "" if state.best is None else percent(state.best),
            style="dim" if not state.ended and not state.running else None,
        )
    return table


def _best(progress: SearchProgress) -> str:
    if progress.best is None:
        return ""
    config, score = progress.best
    widths = "-".join(map(str, config.hidden_units))
    return f"\nbest so far {widths} at {config.learning_rate:g}: {percent(score)}"
