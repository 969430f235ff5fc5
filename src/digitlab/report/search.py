"""What run.json says of a run's search: the plan, the finalists and how sure the choice is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from digitlab.report.reading import finite, positive, reading, share
from digitlab.report.trials import FURTHER
from digitlab.runs import RunFolder


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


def read_search(folder: RunFolder, record: dict[str, Any]) -> Search | None:
    """The search of a run, `None` if it made none or has not ended it.

    Raises:
        RunError: run.json is damaged there.
    """
    told = record.get("search")
    if told is None:
        return None
    with reading(folder.record_path, "the file is damaged; restore it, or search again into a new folder"):
        finalists = tuple(_read_finalist(finalist) for finalist in told["finalists"])
        plan = told["plan"]
        return Search(
            brackets=_read_brackets([rung for rung in plan if rung["iteration"] == 0]),
            iterations=1 + max(int(rung["iteration"]) for rung in plan),
            trials=int(told["trials"]),
            epochs=int(told["epochs"]),
            finalists=finalists,
            winner={finalist.rank: finalist for finalist in finalists}[told["choice"]["winner"]],
            sentence=str(told["choice"]["sentence"]),
            space={str(name): list(values) for name, values in told["space"].items() if values},
            lanes=None if told["lanes"] is None else int(told["lanes"]),
            duration_s=finite(told["duration_s"]),
        )


def _read_brackets(plan: list[dict[str, Any]]) -> tuple[Bracket, ...]:
    rungs: dict[int, list[Rung]] = {}
    for told in plan:
        rung = Rung(int(told["trials"]), int(told["first_epoch"]), int(told["last_epoch"]))
        rungs.setdefault(int(told["bracket"]), []).append(rung)
    return tuple(Bracket(number, tuple(of_bracket)) for number, of_bracket in rungs.items())


def _read_finalist(told: dict[str, Any]) -> Finalist:
    accuracies = tuple(share(value) for value in told["accuracies"])
    if not accuracies or any(len(told[name]) != len(accuracies) for name in ("seeds", "losses", "epochs")):
        msg = "a finalist without as many scores as seeds"
        raise ValueError(msg)
    return Finalist(
        rank=int(told["rank"]),
        hidden_units=tuple(int(width) for width in told["hidden_units"]),
        learning_rate=positive(told["learning_rate"]),
        search_score=share(told["search_score"]),
        seeds=tuple(int(seed) for seed in told["seeds"]),
        accuracies=accuracies,
        losses=tuple(finite(loss) for loss in told["losses"]),
        epochs=tuple(int(epochs) for epochs in told["epochs"]),
        mean_accuracy=share(told["mean_accuracy"]),
        deviation=finite(told["deviation"]),
        further={name: finite(told[name]) for name in FURTHER if name in told},
    )
