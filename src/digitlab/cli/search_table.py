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
    from digitlab.tuning.hyperband import Hyperband
    from digitlab.tuning.space import SearchSpace
    from digitlab.tuning.tune import SearchProgress


def show_plan(config: SearchConfig, space: SearchSpace, split: Split, lanes: int | None) -> None:
    """Print the exact plan of a search, and about how long it will take."""
    from digitlab.runs import available_cores
    from digitlab.tuning.estimate import estimate_seconds
    from digitlab.tuning.plan import plan_hyperband

    plan = plan_hyperband(config.max_epochs, config.factor, iterations=config.iterations, configurations=space.size)
    count = lanes or available_cores()
    images = round(len(split) * (1 - config.base.validation_fraction))
    seconds = estimate_seconds(plan, space, images, split.num_classes, count)
    stderr.print(
        f"[bold]plan[/bold]: {plan.trials} trials, {plan.epochs} epochs over {space.size} configurations,"
        f" {count} side by side, about {seconds:.0f} s; then {config.finalists} finalists"
        f" with {config.finalist_seeds} seeds each"
    )
    for rungs in plan.brackets:
        steps = " -> ".join(f"{rung.trials} to epoch {rung.last_epoch}" for rung in rungs)
        stderr.print(f"  bracket {rungs[0].bracket}: {steps}", highlight=False)


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
        assert progress.tuner is not None
        if stderr.is_terminal:
            self._show(_table(progress, progress.tuner))
        else:
            self._tell_rungs(progress.tuner)

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

    def _tell_rungs(self, tuner: Hyperband) -> None:
        schedule = tuner.oracle.schedule
        for rung in tuner.plan.rungs:
            key = (rung.iteration, rung.bracket, rung.number)
            members = schedule.members(rung)
            if key in self._told or not members or any(member not in schedule.scores for member in members):
                continue
            self._told.add(key)
            scores = [score for member in members if (score := schedule.scores[member]) is not None]
            best = percent(max(scores)) if scores else "all failed"
            stderr.print(f"  bracket {rung.bracket} rung {rung.number}: {len(members)} trials, best {best}")


def _table(progress: SearchProgress, tuner: Hyperband) -> Table:
    """The rungs as rows, the best so far and the time that may remain below them."""
    schedule = tuner.oracle.schedule
    remaining = "" if progress.remaining_s is None else f", at most {progress.remaining_s:.0f} s left"
    table = Table(
        "bracket", "rung", "to epoch", "trials", "running", "best validation",
        box=None, header_style="dim", caption_justify="left",
        caption=f"{progress.epochs} of {progress.of_epochs} epochs{remaining}{_best(tuner)}",
    )  # fmt: skip
    for rung in tuner.plan.rungs:
        members = schedule.members(rung) or []
        ended = [member for member in members if member in schedule.scores]
        scores = [score for member in ended if (score := schedule.scores[member]) is not None]
        running = sum(member in schedule.running for member in members)
        table.add_row(
            str(rung.bracket),
            str(rung.number),
            str(rung.last_epoch),
            f"{len(ended)}/{len(members) or rung.trials}",
            str(running or ""),
            percent(max(scores)) if scores else "",
            style="dim" if not ended and not running else None,
        )
    return table


def _best(tuner: Hyperband) -> str:
    best = [trial for trial in tuner.oracle.get_best_trials(1) if trial.score is not None]
    if not best:
        return ""
    config = tuner.hypermodel.config_for(best[0].hyperparameters)
    widths = "-".join(map(str, config.hidden_units))
    return f"\nbest so far {widths} at {config.learning_rate:g}: {percent(best[0].score)}"
