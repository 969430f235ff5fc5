"""`plan_hyperband`: what a Hyperband search will do, before it does it.

Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar 2018 (JMLR 18: 1-52), with KerasTuner's rounding: a
bracket begins with many configurations and few epochs, or with few and many, and after each rung goes
on with the best of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from digitlab.errors import ConfigError


@dataclass(frozen=True)
class Rung:
    """One step of a bracket: `trials` networks go on from `first_epoch` to `last_epoch`.

    Args:
        iteration: Which pass over all brackets, from 0.
        bracket: The bracket's number; the first to run has the highest, bracket 0 is plain random search.
        number: Which rung of the bracket, from 0.
        trials: Networks trained in it.
        first_epoch: Epochs they have behind them.
        last_epoch: Epochs they have behind them when it ends.
    """

    iteration: int
    bracket: int
    number: int
    trials: int
    first_epoch: int
    last_epoch: int

    @property
    def epochs(self) -> int:
        """Epochs trained in the rung, over all its trials."""
        return self.trials * (self.last_epoch - self.first_epoch)


@dataclass(frozen=True)
class Plan:
    """All rungs of a search, bracket by bracket in the order in which brackets begin."""

    rungs: tuple[Rung, ...]

    @property
    def trials(self) -> int:
        """Trials over all rungs; a network that is promoted counts once a rung, as in KerasTuner."""
        return sum(rung.trials for rung in self.rungs)

    @property
    def epochs(self) -> int:
        """Epochs over all trials."""
        return sum(rung.epochs for rung in self.rungs)

    @property
    def brackets(self) -> list[list[Rung]]:
        """The rungs of each bracket."""
        found: dict[tuple[int, int], list[Rung]] = {}
        for rung in self.rungs:
            found.setdefault((rung.iteration, rung.bracket), []).append(rung)
        return list(found.values())


def plan_hyperband(max_epochs: int, factor: int = 3, *, iterations: int = 1, configurations: int | None = None) -> Plan:
    """The brackets and rungs of a search.

    Args:
        max_epochs: Epochs of a network that reaches the end, at least 1.
        factor: Of how many networks one goes on, at least 2; epochs grow by it.
        iterations: How often all brackets are gone through.
        configurations: How many the space holds, `None` for no bound. A rung that wants more has as many.

    Raises:
        ConfigError: An argument is out of its range.
    """
    for name, value, least in (("max_epochs", max_epochs, 1), ("factor", factor, 2), ("iterations", iterations, 1)):
        if type(value) is not int or value < least:
            raise ConfigError(f"{name}: expected a whole number from {least}, got {value!r}", hint=f"change {name}")
    rungs = [
        Rung(iteration, bracket, number, trials, first, last)
        for iteration in range(iterations)
        for bracket in reversed(range(count_brackets(max_epochs, factor)))
        for number, (trials, first, last) in enumerate(_bracket(bracket, max_epochs, factor, configurations))
    ]
    return Plan(tuple(rungs))


def count_brackets(max_epochs: int, factor: int) -> int:
    """How often `max_epochs` can be divided by `factor` and leave at least an epoch, and once more."""
    count, epochs = 0, max_epochs
    while epochs >= 1:
        # Whole numbers, where KerasTuner's repeated division can come out just below 1.
        count, epochs = count + 1, epochs // factor
    return count


def _bracket(bracket: int, max_epochs: int, factor: int, configurations: int | None) -> list[tuple[int, int, int]]:
    # As many networks reach the end of a bracket as make all brackets cost about the same.
    last_size = math.ceil(1 + math.log(max_epochs, factor)) / (bracket + 1)
    rungs, first, most = [], 0, configurations
    for number in range(bracket + 1):
        trials = math.ceil(last_size * factor ** (bracket - number))
        if most is not None:
            trials = min(trials, most)
        last = math.ceil(max_epochs / factor ** (bracket - number))
        rungs.append((trials, first, last))
        first, most = last, trials
    return rungs
