"""`evaluate`: everything that is said of a classifier on a split."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from digitlab.data.split import DIGIT_NAMES, MAX_CLASSES, Images, Labels, Split
from digitlab.errors import ModelError
from digitlab.evaluation.calibration import (
    RISK_POINTS,
    ReliabilityBin,
    RiskPoint,
    expected_calibration_error,
    reliability_bins,
    risk_coverage_curve,
)
from digitlab.evaluation.intervals import Interval, wilson_interval
from digitlab.evaluation.overlap import count_trained_on, overlap_sentence
from digitlab.runs.checks import Check, fields, interval, list_of, number, optional, share, text, whole

Probabilities = npt.NDArray[np.floating]
Counts = npt.NDArray[np.integer]

MOST_CONFUSED = 10
MISTAKES = 200
# Keras clips probabilities so before it takes their logarithm; an infinite loss says nothing.
EPSILON = 1e-7


_name = text(1000)
# Probabilities are float32: those of one row may sum to a little more than 1.
_probability = number(0, 1.001)
_check_parts: Check[dict[str, Any]] = fields(
    {
        "n": whole(1),
        "accuracy": share,
        "accuracy_interval": interval(0, 1),
        "loss": number(0, 1000),
        "brier_score": number(0, 2.01),
        "expected_calibration_error": _probability,
        "class_names": list_of(_name, least=1, most=MAX_CLASSES),
        "per_class": list_of(
            fields(
                {
                    "name": _name,
                    "precision": share,
                    "recall": share,
                    "f1": share,
                    "support": whole(),
                    "recall_interval": interval(0, 1),
                }
            )
        ),
        "most_confused": list_of(
            fields({"true": _name, "predicted": _name, "count": whole(), "share": share}), most=MAX_CLASSES
        ),
        "reliability": list_of(
            fields(
                {"low": share, "high": share, "count": whole(), "confidence": _probability, "accuracy": share},
            ),
            most=1000,
        ),
        "risk_coverage": list_of(
            fields({"coverage": share, "risk": share, "threshold": _probability}), most=10 * RISK_POINTS
        ),
    }
)


def check_evaluation(values: object) -> dict[str, Any]:
    """Check what evaluation.json holds of one split.

    Args:
        values: An object of the file, as JSON gave it.

    Returns:
        The object, unchanged.

    Raises:
        CheckError: Names the key whose value digitlab does not write.
    """
    checked = _check_parts(values)
    k = len(checked["class_names"])
    label = whole(0, k - 1)
    mistake = fields(
        {
            "index": whole(),
            "true": label,
            "predicted": label,
            "probability": _probability,
            "true_probability": _probability,
        }
    )
    row = list_of(whole(), least=k, most=k)
    sized = {
        "confusion_matrix": list_of(row, least=k, most=k),
        "per_class": list_of(lambda entry: entry, least=k, most=k),
        "mistakes": list_of(mistake, most=10 * MISTAKES),
    }
    # Files of earlier versions do not say what the network was trained on.
    trained_on = optional(whole(0, checked["n"]))
    return fields(sized, {"trained_on": trained_on})(checked)


class SupportsPredictProba(Protocol):
    """Whatever gives a row of probabilities an image."""

    def predict_proba(self, images: Images) -> npt.NDArray[np.float32]:
        """uint8 [n, 28, 28] to float32 [n, k]."""
        ...


@dataclass(frozen=True)
class ClassScores:
    """One class: of the images called so, how many are (`precision`); of those that are, how many are called so."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    recall_interval: Interval


@dataclass(frozen=True)
class Confusion:
    """`count` images of the class `true` were taken for `predicted`, `share` of that class."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class Mistake:
    """One wrong answer: the image's index in the split, labels, and two of its probabilities."""

    index: int
    true: int
    predicted: int
    probability: float
    true_probability: float


@dataclass(frozen=True)
class Evaluation:
    """Scores of a classifier on `n` images.

    Args:
        n: Images.
        accuracy: Share of right answers.
        accuracy_interval: Wilson's 95 % interval of it.
        loss: Mean negative log-likelihood in nats, probabilities clipped at 1e-7 as Keras does.
        brier_score: Mean squared distance of the probabilities from the one-hot label, 0 to 2 (Brier 1950).
        expected_calibration_error: Over 15 bins of equal width.
        confusion_matrix: Counts, a row a true class, a column a predicted one.
        per_class: Scores of each class.
        most_confused: The most frequent confusions, at most ten.
        reliability: The bins of the reliability diagram.
        risk_coverage: Error rate among the most confident share.
        mistakes: Wrong answers, the most confident first, at most 200.
        class_names: In the order of the labels.
        trained_on: How many of the images were in the network's training or in its teacher's, as exact copies; `None`
            where that is not known. Above 0, the scores say less about new images, or nothing; see `overlap`.
    """

    n: int
    accuracy: float
    accuracy_interval: Interval
    loss: float
    brier_score: float
    expected_calibration_error: float
    confusion_matrix: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScores, ...]
    most_confused: tuple[Confusion, ...]
    reliability: tuple[ReliabilityBin, ...]
    risk_coverage: tuple[RiskPoint, ...]
    mistakes: tuple[Mistake, ...]
    class_names: tuple[str, ...]
    trained_on: int | None = None

    @property
    def overlap(self) -> str:
        """What a reader of these scores must know if images were in the training; empty if none was."""
        return overlap_sentence(self.trained_on, self.n)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """What `to_dict` gave, also after a round through JSON.

        Raises:
            CheckError: It is something else. The error names the key, what was expected and what was received.
        """
        known = {"trained_on": None, **check_evaluation(values)}
        chosen = {field.name: _tuples(known[field.name]) for field in dataclasses.fields(cls)}
        for name, kind in _PARTS.items():
            names = [field.name for field in dataclasses.fields(kind)]
            chosen[name] = tuple(kind(**{n: _tuples(entry[n]) for n in names}) for entry in known[name])
        return cls(**chosen)


# The kinds of the entries of an evaluation's lists.
_PARTS: dict[str, Any] = {
    "per_class": ClassScores,
    "most_confused": Confusion,
    "reliability": ReliabilityBin,
    "risk_coverage": RiskPoint,
    "mistakes": Mistake,
}


def evaluate(classifier: SupportsPredictProba, split: Split) -> Evaluation:
    """Score a classifier on a split.

    Args:
        classifier: Anything with ``predict_proba(images) -> [n, k]``. If it has ``training_fingerprints`` too, as
            what `load_classifier` opens has, the result says how many of the images it was trained on.
        split: Its number of classes must be the classifier's.

    Raises:
        ModelError: The classifier gives something else than `n` rows of `k` probabilities.
        RunError: The file of fingerprints beside the network is damaged.
    """
    return evaluate_probabilities(
        split.labels,
        predict_probabilities(classifier, split),
        class_names=split.class_names,
        trained_on=count_trained_on(classifier, split),
    )


def predict_probabilities(classifier: SupportsPredictProba, split: Split) -> Probabilities:
    """What a classifier says of a split, [n, k]; the split may be larger than memory.

    Raises:
        ModelError: It gives something else than `n` rows of `k` probabilities.
    """
    given = []
    for piece in split.pieces():
        given.append(classifier.predict_proba(piece))
        check_probabilities(given[-1], len(piece), split.num_classes)
    return np.concatenate(given)


def evaluate_probabilities(
    y_true: Labels,
    probabilities: Probabilities,
    *,
    class_names: Sequence[str] = DIGIT_NAMES,
    trained_on: int | None = None,
) -> Evaluation:
    """Score probabilities [n, k] against labels [n]; see `evaluate`. `trained_on` is passed on as it is."""
    names = tuple(class_names)
    check_probabilities(probabilities, len(y_true), len(names))
    y_pred = probabilities.argmax(axis=1)
    matrix = _confusion_matrix(y_true, y_pred, len(names))
    right = int(np.trace(matrix))
    n = len(y_true)
    return Evaluation(
        n=n,
        accuracy=right / n,
        accuracy_interval=wilson_interval(right, n),
        loss=_negative_log_likelihood(y_true, probabilities),
        brier_score=_brier_score(y_true, probabilities),
        expected_calibration_error=expected_calibration_error(y_true, probabilities),
        confusion_matrix=tuple(tuple(int(count) for count in row) for row in matrix),
        per_class=_per_class(matrix, names),
        most_confused=_most_confused(matrix, names),
        reliability=tuple(reliability_bins(y_true, probabilities)),
        risk_coverage=tuple(risk_coverage_curve(y_true, probabilities)),
        mistakes=_mistakes(y_true, y_pred, probabilities),
        class_names=names,
        trained_on=trained_on,
    )


def check_probabilities(probabilities: object, n: int, k: int) -> None:
    """Raise `ModelError` unless `probabilities` is [n, k], finite and each row sums to 1."""
    hint = "is this model made for this data set, with its classes in the same order?"
    shape = getattr(probabilities, "shape", None)
    if not isinstance(probabilities, np.ndarray) or shape != (n, k):
        came = "no array" if shape is None else str(list(shape))
        raise ModelError(f"expected probabilities of the shape [{n}, {k}], got {came}", hint=hint)
    in_range = np.isfinite(probabilities).all() and (probabilities >= 0).all()
    if not in_range or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ModelError(
            "expected probabilities that sum to 1 in every row, got something else",
            hint="the network must end in softmax; did its training diverge?",
        )


def _negative_log_likelihood(y_true: Labels, probabilities: Probabilities) -> float:
    chosen = probabilities[np.arange(len(y_true)), y_true].astype(np.float64)
    return float(-np.log(np.clip(chosen, EPSILON, 1 - EPSILON)).mean())


def _brier_score(y_true: Labels, probabilities: Probabilities) -> float:
    distance = probabilities.astype(np.float64)
    distance[np.arange(len(y_true)), y_true] -= 1
    return float((distance**2).sum(axis=1).mean())


def _confusion_matrix(y_true: Labels, y_pred: Counts, k: int) -> Counts:
    """Counts [k, k], a row per true class and a column per predicted one."""
    # Not scikit-learn's: it takes a second to import, and whoever only scores need not have it.
    return np.bincount(k * y_true.astype(np.int64) + y_pred, minlength=k * k).reshape(k, k)


def _per_class(matrix: Counts, names: tuple[str, ...]) -> tuple[ClassScores, ...]:
    right, support, called = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    # A class that nothing is called, or that does not occur, has a precision or recall of 0.
    precision, recall = right / np.maximum(called, 1), right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(called + support, 1)
    return tuple(
        ClassScores(
            name=name,
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
            support=int(support[i]),
            # Of a class that does not occur, nothing is known.
            recall_interval=wilson_interval(int(right[i]), int(support[i])) if support[i] else (0.0, 1.0),
        )
        for i, name in enumerate(names)
    )


def _most_confused(matrix: Counts, names: tuple[str, ...]) -> tuple[Confusion, ...]:
    off_diagonal = matrix.copy()
    np.fill_diagonal(off_diagonal, 0)
    order = np.argsort(-off_diagonal, axis=None, kind="stable")[:MOST_CONFUSED]
    pairs = [divmod(int(flat), len(names)) for flat in order]
    return tuple(
        Confusion(names[i], names[j], int(matrix[i, j]), float(matrix[i, j] / matrix[i].sum()))
        for i, j in pairs
        if off_diagonal[i, j]
    )


def _mistakes(y_true: Labels, y_pred: npt.NDArray[np.integer], probabilities: Probabilities) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero(y_pred != y_true)
    confidence = probabilities[wrong, y_pred[wrong]]
    worst = wrong[np.argsort(-confidence, kind="stable")][:MISTAKES]
    return tuple(
        Mistake(
            int(i),
            int(y_true[i]),
            int(y_pred[i]),
            float(probabilities[i, y_pred[i]]),
            float(probabilities[i, y_true[i]]),
        )
        for i in worst
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value
