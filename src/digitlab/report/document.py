"""The document's figures beside a run's own, where both were measured on the same data."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitlab.evaluation import Evaluation
from digitlab.report.search import Search
from digitlab.report.words import percent, spread, widths


@dataclass(frozen=True)
class Document:
    """The published study that digitlab starts from."""

    validation_accuracy: float
    test_accuracy: float
    test_loss: float
    hidden_units: tuple[int, ...]
    learning_rate: float


@dataclass(frozen=True)
class Seeds:
    """The winner's networks on the test set, a seed each."""

    seeds: tuple[int, ...]
    test_accuracies: tuple[float, ...]
    test_losses: tuple[float, ...]


@dataclass(frozen=True)
class Line:
    """One line of the table; a cell that has nothing to say is empty."""

    what: str
    document: str
    network: str
    over_seeds: str


def read_document(record: Mapping[str, Any]) -> Document | None:
    """The document's figures from a checked record, `None` in a run that is not compared with it."""
    values = record.get("document")
    if values is None:
        return None
    return Document(
        validation_accuracy=float(values["validation_accuracy"]),
        test_accuracy=float(values["test_accuracy"]),
        test_loss=float(values["test_loss"]),
        hidden_units=tuple(values["hidden_units"]),
        learning_rate=float(values["learning_rate"]),
    )


def read_seeds(record: Mapping[str, Any]) -> Seeds | None:
    """The winner's test scores over its seeds, `None` where the test split was not opened for them."""
    values = record.get("seeds")
    if values is None:
        return None
    return Seeds(
        tuple(values["seeds"]),
        tuple(map(float, values["test_accuracies"])),
        tuple(map(float, values["test_losses"])),
    )


def beside_document(
    document: Document, search: Search, evaluations: dict[str, Evaluation], seeds: Seeds | None
) -> list[Line]:
    """The table: the document, this run's network, and the winner over its seeds."""
    winner = search.winner
    validation, test = evaluations.get("validation"), evaluations.get("test")
    return [
        Line(
            "validation accuracy",
            percent(document.validation_accuracy),
            percent(validation.accuracy) if validation else "",
            spread([100 * accuracy for accuracy in winner.accuracies], 2, " %"),
        ),
        Line(
            "test accuracy",
            percent(document.test_accuracy),
            percent(test.accuracy) if test else "",
            spread([100 * accuracy for accuracy in seeds.test_accuracies], 2, " %") if seeds else "",
        ),
        Line(
            "test loss",
            f"{document.test_loss:.4f}",
            f"{test.loss:.4f}" if test else "",
            spread(seeds.test_losses, 4) if seeds else "",
        ),
        Line("hidden layers", widths(document.hidden_units), widths(winner.hidden_units), ""),
        Line("learning rate", f"{document.learning_rate:g}", f"{winner.learning_rate:g}", ""),
    ]


def read_beside(document: Document, evaluations: dict[str, Evaluation], seeds: Seeds | None) -> str:
    """What the table says of the test accuracy, in a sentence; empty without one."""
    test = evaluations.get("test")
    if test is None:
        return ""
    ours = statistics.fmean(seeds.test_accuracies) if seeds else test.accuracy
    points = 100 * (ours - document.test_accuracy)
    low, high = test.accuracy_interval
    said = (
        f"On the test images the {'mean over seeds' if seeds else 'network'} is {abs(points):.2f} points"
        f" {'above' if points >= 0 else 'below'} the document's accuracy."
        f" The 95 % interval of this run's network, {percent(low)} to {percent(high)},"
    )
    if low <= document.test_accuracy <= high:
        return f"{said} holds the document's figure: the two cannot be told apart on {test.n:,} images."
    return f"{said} does not hold the document's figure, which is itself as uncertain."
