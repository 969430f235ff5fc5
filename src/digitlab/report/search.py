"""What run.json says of a run's search: the plan, the finalists and how sure the choice is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digitlab.report.trials import FURTHER

# More than the brackets of any plan have; a record may state any number.
MOST_RUNGS = 1000


@dataclass(frozen=True)
class Rung:
    """`trials` networks went on from `first_epoch` to `last_epoch`."""

    trials: int
    first_epoch: int
    last_epoch: int

    @property
    def epochs(self) -> int:
        """Epochs trained in it, over all its trials."""
        return self.trials * (self.last_epoch - self.first_epoch)


@dataclass(frozen=True)
class Bracket:
    """The rungs that one set of networks goes through.

    Args:
        number: 0 is plain random search.
        rungs: In their order.
    """

    number: int
    rungs: tuple[Rung, ...]

    @property
    def trials(self) -> int:
        """Trials over its rungs."""
        return sum(rung.trials for rung in self.rungs)

    @property
    def epochs(self) -> int:
        """Epochs over its trials."""
        return sum(rung.epochs for rung in self.rungs)


@dataclass(frozen=True)
class Finalist:
    """A configuration that was trained again over several seeds.

    Args:
        rank: Its place in the search, from 0.
        hidden_units: Units of each hidden layer.
        learning_rate: Adam's step size.
        search_score: What the search had scored it with.
        seeds: One training each.
        accuracies: Validation accuracy of each.
        losses: Validation loss of each.
        epochs: Epochs of each.
        mean_accuracy: Mean of the accuracies.
        deviation: Their standard deviation.
        further: What else was searched, by name.
    """

    rank: int
    hidden_units: tuple[int, ...]
    learning_rate: float
    search_score: float
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    epochs: tuple[int, ...]
    mean_accuracy: float
    deviation: float
    further: dict[str, float]


@dataclass(frozen=True)
class Search:
    """A search from its plan to its winner.

    Args:
        brackets: Of one pass over all of them.
        iterations: How many passes there were.
        trials: Trials in all.
        epochs: Epochs in all, those of the finalists too.
        finalists: In the search's order.
        winner: One of them.
        sentence: How sure the choice is.
        space: Values by hyperparameter.
        lanes: Processes that trained side by side; `None` where Ray gave the work out.
        duration_s: Seconds in all.
    """

    brackets: tuple[Bracket, ...]
    iterations: int
    trials: int
    epochs: int
    finalists: tuple[Finalist, ...]
    winner: Finalist
    sentence: str
    space: dict[str, list[Any]]
    lanes: int | None
    duration_s: float


def read_search(record: Mapping[str, Any]) -> Search | None:
    """The search of a checked record, `None` if the run made none or has not ended it."""
    values = record.get("search")
    if values is None:
        return None
    finalists = tuple(_read_finalist(finalist) for finalist in values["finalists"])
    plan = values["plan"]
    return Search(
        brackets=_read_brackets([rung for rung in plan if rung["iteration"] == 0]),
        iterations=1 + max(rung["iteration"] for rung in plan),
        trials=values["trials"],
        epochs=values["epochs"],
        finalists=finalists,
        winner=finalists[values["choice"]["winner"]],
        sentence=values["choice"]["sentence"],
        space={name: list(choices) for name, choices in values["space"].items() if choices},
        lanes=values["lanes"],
        duration_s=float(values["duration_s"]),
    )


def _read_brackets(plan: Sequence[Mapping[str, Any]]) -> tuple[Bracket, ...]:
    rungs: dict[int, list[Rung]] = {}
    for values in plan[:MOST_RUNGS]:
        rung = Rung(values["trials"], values["first_epoch"], values["last_epoch"])
        rungs.setdefault(values["bracket"], []).append(rung)
    return tuple(Bracket(number, tuple(of_bracket)) for number, of_bracket in rungs.items())


def _read_finalist(values: Mapping[str, Any]) -> Finalist:
    return Finalist(
        rank=values["rank"],
        hidden_units=tuple(values["hidden_units"]),
        learning_rate=float(values["learning_rate"]),
        search_score=float(values["search_score"]),
        seeds=tuple(values["seeds"]),
        accuracies=tuple(map(float, values["accuracies"])),
        losses=tuple(map(float, values["losses"])),
        epochs=tuple(values["epochs"]),
        mean_accuracy=float(values["mean_accuracy"]),
        deviation=float(values["deviation"]),
        further={name: float(values[name]) for name in FURTHER if name in values},
    )
