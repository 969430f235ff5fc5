"""Whether probabilities mean what they say: reliability bins, calibration error, risk and coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

BINS = 15
RISK_POINTS = 200


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose highest probability lies above `low` and up to `high`."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class RiskPoint:
    """Among the share `coverage` of the most confident answers, the share `risk` is wrong."""

    coverage: float
    risk: float
    threshold: float


def reliability_bins(y_true: Integers, probabilities: Floats, *, bins: int = BINS) -> list[ReliabilityBin]:
    """Mean confidence and accuracy in `bins` bins of equal width; empty ones are left out."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == y_true
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    filled = []
    for i in np.unique(index):
        chosen = index == i
        mean, accuracy = float(confidence[chosen].mean()), float(right[chosen].mean())
        filled.append(ReliabilityBin(i / bins, (i + 1) / bins, int(chosen.sum()), mean, accuracy))
    return filled


def expected_calibration_error(y_true: Integers, probabilities: Floats, *, bins: int = BINS) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, weighted by their counts.

    Naeini, Cooper, Hauskrecht 2015 (AAAI); Guo, Pleiss, Sun, Weinberger 2017 (ICML) with 15 bins.
    """
    found = reliability_bins(y_true, probabilities, bins=bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in found) / len(y_true)


def risk_coverage_curve(y_true: Integers, probabilities: Floats) -> list[RiskPoint]:
    """Error rate among the most confident share of the answers, for up to 200 shares.

    El-Yaniv, Wiener 2010 (JMLR 11: 1605-1641). Equally confident answers are taken together, since no
    threshold can part them.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    wrong = (probabilities.argmax(axis=1) != y_true)[order]
    sorted_confidence = confidence[order]
    last_of_ties = np.flatnonzero(np.append(np.diff(sorted_confidence) != 0, True))
    kept = last_of_ties[np.unique(np.linspace(0, len(last_of_ties) - 1, RISK_POINTS).astype(int))]
    errors = np.cumsum(wrong)
    n = len(y_true)
    return [RiskPoint((i + 1) / n, float(errors[i] / (i + 1)), float(sorted_confidence[i])) for i in kept]
