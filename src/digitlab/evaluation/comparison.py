"""`compare`: two classifiers on the same images, paired, since unpaired intervals see only large differences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from digitlab.data.split import Labels, Split
from digitlab.evaluation.evaluation import (
    EPSILON,
    Probabilities,
    SupportsPredictProba,
    check_probabilities,
    predict_probabilities,
)
from digitlab.evaluation.intervals import Interval
from digitlab.evaluation.overlap import count_trained_on


@dataclass(frozen=True)
class Comparison:
    """Classifier a beside classifier b on `n` images.

    Args:
        n: Images.
        both_right: Both are right.
        only_a: Only a is right.
        only_b: Only b is right.
        both_wrong: Neither is.
        accuracy_difference: Accuracy of a less that of b.
        accuracy_interval: 95 % interval of it for paired proportions (Agresti, Min 2005, Statistics in
            Medicine 24: 729-740: Wald's with half an observation added to each cell).
        p_value: McNemar's exact test (two-sided binomial) that both are equally often right.
        loss_difference: Mean log-loss of a less that of b; below 0, a is better.
        loss_interval: 95 % interval of it, from the paired differences' standard error.
        trained_on_a: How many of the images were in the training of a or of its teacher; `None` where that is not
            known. A network is at an advantage on images that it was trained on.
        trained_on_b: The same of b.
    """

    n: int
    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    accuracy_difference: float
    accuracy_interval: Interval
    p_value: float
    loss_difference: float
    loss_interval: Interval
    trained_on_a: int | None = None
    trained_on_b: int | None = None


def compare(a: SupportsPredictProba, b: SupportsPredictProba, split: Split) -> Comparison:
    """Compare two classifiers on a split's images.

    Raises:
        ModelError: One of them gives something else than `n` rows of `k` probabilities.
        RunError: The file of fingerprints beside a network is damaged.
    """
    probabilities = [predict_probabilities(classifier, split) for classifier in (a, b)]
    trained_on = [count_trained_on(classifier, split) for classifier in (a, b)]
    return compare_probabilities(split.labels, *probabilities, trained_on=(trained_on[0], trained_on[1]))


def compare_probabilities(
    y_true: Labels,
    a: Probabilities,
    b: Probabilities,
    *,
    trained_on: tuple[int | None, int | None] = (None, None),
) -> Comparison:
    """Compare two sets of probabilities [n, k] for the same labels [n]; see `compare`.

    `trained_on` has how many of the images were in the training of a and of b.
    """
    from scipy.stats import binomtest

    for probabilities in (a, b):
        check_probabilities(probabilities, len(y_true), a.shape[1])
    right_a, right_b = a.argmax(axis=1) == y_true, b.argmax(axis=1) == y_true
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    discordant, n = only_a + only_b, len(y_true)
    losses = [-np.log(np.clip(p[np.arange(n), y_true].astype(float), EPSILON, 1 - EPSILON)) for p in (a, b)]
    difference = losses[0] - losses[1]
    error = float(difference.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    return Comparison(
        n=n,
        both_right=int((right_a & right_b).sum()),
        only_a=only_a,
        only_b=only_b,
        both_wrong=int((~right_a & ~right_b).sum()),
        accuracy_difference=(only_a - only_b) / n,
        accuracy_interval=_paired_interval(only_a, only_b, n),
        p_value=float(binomtest(only_a, discordant).pvalue) if discordant else 1.0,
        loss_difference=float(difference.mean()),
        loss_interval=_around(float(difference.mean()), error),
        trained_on_a=trained_on[0],
        trained_on_b=trained_on[1],
    )


def _paired_interval(only_a: int, only_b: int, n: int) -> Interval:
    b, c, total = only_a + 0.5, only_b + 0.5, n + 2
    centre = (b - c) / total
    low, high = _around(centre, math.sqrt(max(0.0, (b + c) / total - centre**2) / total))
    return max(-1.0, low), min(1.0, high)


def _around(centre: float, standard_error: float) -> Interval:
    half = NormalDist().inv_cdf(0.975) * standard_error
    return centre - half, centre + half
