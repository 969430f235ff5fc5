"""Scores, intervals, calibration and comparison, against figures worked out by hand or by other programs."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from digitlab.data import Split
from digitlab.errors import ModelError
from digitlab.evaluation import (
    Evaluation,
    compare,
    compare_probabilities,
    evaluate,
    evaluate_probabilities,
    expected_calibration_error,
    reliability_bins,
    risk_coverage_curve,
    wilson_interval,
)


def labels_of(*values):
    return np.array(values, dtype=np.uint8)


def certain(predicted, classes):
    """Probabilities of a classifier that is sure of what it says."""
    return np.eye(classes, dtype=np.float32)[list(predicted)]


def of_first(*values):
    """Two classes: the probability of the first, row by row."""
    return np.array([[value, 1 - value] for value in values])


def drawn(n, classes, seed, sharpness=3.0):
    """Labels, and probabilities that are right more often than not."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n).astype(np.uint8)
    scores = rng.normal(size=(n, classes)) + sharpness * np.eye(classes)[labels] * rng.random((n, 1))
    exponentials = np.exp(scores)
    return labels, exponentials / exponentials.sum(axis=1, keepdims=True)


classified = st.builds(drawn, st.integers(1, 60), st.integers(2, 12), st.integers(0, 2**31 - 1))


def names(count):
    return tuple(f"class {i}" for i in range(count))


# Wilson's interval


@pytest.mark.parametrize(("errors", "low", "high"), [(70, 0.55, 0.88), (35, 0.25, 0.49)])
def test_errors_in_ten_thousand_have_the_published_interval(errors, low, high):
    interval = wilson_interval(errors, 10_000)
    assert [round(100 * bound, 2) for bound in interval] == [low, high]


@given(n=st.integers(1, 20_000), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
@settings(deadline=None)
def test_the_interval_is_scipys(n, share, confidence):
    successes = round(n * share)
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(n=st.integers(1, 10**9), share=st.floats(0, 1))
def test_the_interval_contains_the_proportion_and_lies_between_0_and_1(n, share):
    successes = round(n * share)
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high <= 1


def test_no_success_and_nothing_but_success_reach_the_ends_exactly():
    # z^2 / (n + z^2) with z = 1.959964 and n = 10
    assert wilson_interval(0, 10) == (0.0, pytest.approx(3.841459 / 13.841459, abs=1e-6))
    assert wilson_interval(10, 10) == (pytest.approx(10 / 13.841459, abs=1e-6), 1.0)


@pytest.mark.parametrize(("successes", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 0, 0.95), (1, 5, 1.0)])
def test_counts_that_cannot_be_are_refused(successes, n, confidence):
    with pytest.raises(ValueError, match="expected 0 <= successes <= n"):
        wilson_interval(successes, n, confidence)


# the scores


def test_accuracy_loss_and_brier_score_are_those_worked_out_by_hand():
    evaluation = evaluate_probabilities(labels_of(0, 0, 1, 1), of_first(0.9, 0.4, 0.2, 0.5), class_names=("a", "b"))
    assert evaluation.n == 4
    assert evaluation.accuracy == 0.5  # 0.5 beside 0.5 is an answer for the first
    assert evaluation.loss == pytest.approx(-(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.5)) / 4)
    # 2 * (0.1^2 + 0.6^2 + 0.2^2 + 0.5^2) / 4
    assert evaluation.brier_score == pytest.approx(2 * (0.01 + 0.36 + 0.04 + 0.25) / 4)


def test_being_sure_and_wrong_costs_a_finite_loss_and_the_worst_brier_score():
    evaluation = evaluate_probabilities(labels_of(0, 1), certain([1, 0], 2), class_names=("a", "b"))
    assert evaluation.loss == pytest.approx(-math.log(1e-7))
    assert (evaluation.brier_score, evaluation.accuracy) == (2.0, 0.0)


def test_knowing_nothing_of_ten_classes_costs_the_logarithm_of_ten():
    evaluation = evaluate_probabilities(labels_of(*range(10)), np.full((10, 10), 0.1))
    assert evaluation.loss == pytest.approx(math.log(10))
    assert evaluation.brier_score == pytest.approx(0.9)  # 0.9^2 + 9 * 0.1^2


def test_a_row_is_a_true_class_and_a_column_a_predicted_one():
    y_true, y_pred = labels_of(0, 0, 0, 1, 2), [0, 1, 1, 1, 0]
    evaluation = evaluate_probabilities(y_true, certain(y_pred, 3), class_names=("a", "b", "c"))
    assert evaluation.confusion_matrix == ((1, 2, 0), (0, 1, 0), (1, 0, 0))


def test_a_class_that_does_not_occur_keeps_its_row_and_nothing_is_known_of_its_recall():
    evaluation = evaluate_probabilities(labels_of(0, 2), certain([0, 2], 3), class_names=("a", "b", "c"))
    assert evaluation.confusion_matrix == ((1, 0, 0), (0, 0, 0), (0, 0, 1))
    absent = evaluation.per_class[1]
    assert (absent.name, absent.support, absent.recall, absent.recall_interval) == ("b", 0, 0.0, (0.0, 1.0))


def test_precision_and_recall_are_those_worked_out_by_hand():
    y_true, y_pred = labels_of(0, 0, 0, 0, 1, 1), [0, 0, 0, 1, 1, 0]
    first, second = evaluate_probabilities(y_true, certain(y_pred, 2), class_names=("a", "b")).per_class
    assert (first.precision, first.recall, first.f1, first.support) == (0.75, 0.75, 0.75, 4)
    assert (second.precision, second.recall, second.f1, second.support) == (0.5, 0.5, 0.5, 2)
    assert first.recall_interval == wilson_interval(3, 4)


@given(classified)
@settings(deadline=None, max_examples=40)
def test_the_scores_are_scikit_learns(data):
    y_true, probabilities = data
    classes = probabilities.shape[1]
    y_pred = probabilities.argmax(axis=1)
    evaluation = evaluate_probabilities(y_true, probabilities, class_names=names(classes))
    assert evaluation.accuracy == pytest.approx(accuracy_score(y_true, y_pred))
    assert evaluation.loss == pytest.approx(log_loss(y_true, probabilities, labels=range(classes)))
    expected = precision_recall_fscore_support(y_true, y_pred, labels=range(classes), zero_division=0.0)
    ours = [(scores.precision, scores.recall, scores.f1, scores.support) for scores in evaluation.per_class]
    np.testing.assert_allclose(ours, np.transpose(expected))
    assert [scores.name for scores in evaluation.per_class] == list(names(classes))


@given(classified)
@settings(deadline=None, max_examples=40)
def test_whatever_is_scored_the_figures_agree_with_each_other(data):
    y_true, probabilities = data
    evaluation = evaluate_probabilities(y_true, probabilities, class_names=names(probabilities.shape[1]))
    matrix = np.array(evaluation.confusion_matrix)
    n = evaluation.n
    assert matrix.sum() == n == len(y_true)
    assert matrix.sum(axis=1).tolist() == [scores.support for scores in evaluation.per_class]
    assert np.trace(matrix) / n == evaluation.accuracy
    low, high = evaluation.accuracy_interval
    assert 0 <= low <= evaluation.accuracy <= high <= 1
    for scores in evaluation.per_class:
        assert scores.recall_interval[0] <= scores.recall <= scores.recall_interval[1]
    assert len(evaluation.mistakes) == n - np.trace(matrix)
    assert sum(b.count for b in evaluation.reliability) == n
    last = evaluation.risk_coverage[-1]
    assert (last.coverage, last.risk) == (1.0, pytest.approx(1 - evaluation.accuracy))
    assert 0 <= evaluation.expected_calibration_error <= 1
    assert 0 <= evaluation.brier_score <= 2


def test_the_most_frequent_confusions_come_first_with_their_share_of_the_true_class():
    y_true = labels_of(*[0] * 10, *[1] * 5, *[2] * 2)
    y_pred = [0] * 6 + [1] * 3 + [2] + [1] * 3 + [0] * 2 + [2, 0]
    confused = evaluate_probabilities(y_true, certain(y_pred, 3), class_names=("a", "b", "c")).most_confused
    assert [dataclasses.astuple(entry) for entry in confused] == [
        ("a", "b", 3, 0.3),
        ("b", "a", 2, 0.4),
        ("a", "c", 1, 0.1),
        ("c", "a", 1, 0.5),
    ]


def test_at_most_ten_confusions_are_listed():
    y_true = np.arange(10, dtype=np.uint8).repeat(2)
    y_pred = np.column_stack([np.arange(1, 11), np.arange(2, 12)]).ravel() % 10
    assert len(evaluate_probabilities(y_true, certain(y_pred, 10)).most_confused) == 10


def test_mistakes_come_with_the_most_confident_first_and_equals_in_order():
    probabilities = np.array([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    mistakes = evaluate_probabilities(labels_of(1, 0, 1, 1, 0), probabilities, class_names=("a", "b")).mistakes
    assert [dataclasses.astuple(mistake) for mistake in mistakes] == [
        (1, 0, 1, 0.9, 0.1),
        (4, 0, 1, 0.7, 0.3),
        (0, 1, 0, 0.6, 0.4),
        (3, 1, 0, 0.6, 0.4),
    ]


def test_the_200_most_confident_mistakes_are_kept():
    confidence = np.linspace(0.5001, 0.9999, 300)
    mistakes = evaluate_probabilities(
        np.ones(300, dtype=np.uint8), of_first(*confidence), class_names=("a", "b")
    ).mistakes
    assert [mistake.index for mistake in mistakes] == list(range(299, 99, -1))


def test_probabilities_are_left_as_they_were_given():
    y_true, probabilities = drawn(30, 10, seed=0)
    before = probabilities.copy()
    evaluate_probabilities(y_true, probabilities)
    np.testing.assert_array_equal(probabilities, before)


@given(classified)
@settings(deadline=None, max_examples=40)
def test_an_evaluation_survives_the_way_through_json(data):
    y_true, probabilities = data
    evaluation = evaluate_probabilities(
        y_true, probabilities.astype(np.float32), class_names=names(probabilities.shape[1])
    )
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    assert Evaluation.from_dict(json.loads(text)) == evaluation


class Canned:
    """A classifier that has its answers ready."""

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def predict_proba(self, images):
        return self.probabilities


def split_of(labels, class_names=tuple("0123456789")):
    return Split(np.zeros((len(labels), 28, 28), dtype=np.uint8), labels, "canned", class_names)


def test_a_classifier_is_scored_on_a_split_under_its_class_names():
    evaluation = evaluate(Canned(certain([0, 1, 1], 2)), split_of(labels_of(0, 0, 1), ("cat", "dog")))
    assert evaluation.accuracy == pytest.approx(2 / 3)
    assert [scores.name for scores in evaluation.per_class] == ["cat", "dog"]
    assert dataclasses.astuple(evaluation.most_confused[0]) == ("cat", "dog", 1, 0.5)


# what is no table of probabilities


@pytest.mark.parametrize(
    ("probabilities", "came"),
    [
        (np.full((3, 9), 1 / 9), r"\[3, 9\]"),
        (np.full((2, 10), 0.1), r"\[2, 10\]"),
        (np.full(30, 0.1), r"\[30\]"),
        (np.full((3, 10, 1), 0.1), r"\[3, 10, 1\]"),
        (np.float64(0.1), r"\[\]"),
        ([[0.1] * 10] * 3, "no array"),
        (None, "no array"),
    ],
)
def test_another_shape_is_refused_with_what_came(probabilities, came):
    with pytest.raises(ModelError, match=rf"expected probabilities of the shape \[3, 10\], got {came}\nhint: "):
        evaluate(Canned(probabilities), split_of(labels_of(0, 1, 2)))


def spoiled(value):
    probabilities = np.full((3, 10), 0.1)
    probabilities[1, 4] = value
    return probabilities


@pytest.mark.parametrize(
    "probabilities",
    [
        spoiled(np.nan),
        spoiled(np.inf),
        spoiled(0.2),
        spoiled(0.0),
        np.log(np.full((3, 10), 0.1)),
        np.random.default_rng(0).normal(size=(3, 10)),
        np.tile([-1.0, 2.0, *[0.0] * 8], (3, 1)),
        np.zeros((3, 10)),
    ],
    ids=["nan", "infinite", "over 1", "below 1", "log-probabilities", "logits", "negative but sums to 1", "zeros"],
)
def test_what_does_not_sum_to_one_is_refused_with_a_hint_on_softmax(probabilities):
    with pytest.raises(ModelError, match=r"expected probabilities that sum to 1 in every row.*\nhint: .*softmax"):
        evaluate(Canned(probabilities), split_of(labels_of(0, 1, 2)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_rounding_of_a_float_type_is_no_fault(dtype):
    y_true, probabilities = drawn(50, 10, seed=1)
    assert evaluate(Canned(probabilities.astype(dtype)), split_of(y_true)).n == 50


# calibration


def test_bins_hold_the_mean_confidence_and_accuracy_worked_out_by_hand():
    # of four bins: 0.6 and 0.7 lie above 0.5 and up to 0.75, as 0.75 does; 0.8 above 0.75; one of each kind is wrong
    y_true, probabilities = labels_of(0, 0, 1, 1), of_first(0.6, 0.7, 0.75, 0.2)
    third, fourth = reliability_bins(y_true, probabilities, bins=4)
    assert (third.low, third.high, third.count) == (0.5, 0.75, 3)
    assert third.confidence == pytest.approx((0.6 + 0.7 + 0.75) / 3)
    assert third.accuracy == pytest.approx(2 / 3)
    assert dataclasses.astuple(fourth) == (0.75, 1.0, 1, pytest.approx(0.8), 1.0)


def test_the_calibration_error_is_that_worked_out_by_hand():
    # ten bins: 0.95 twice, once right: |0.95 - 0.5|; 0.65 twice, both right: |0.65 - 1|
    y_true, probabilities = labels_of(0, 1, 0, 0), of_first(0.95, 0.95, 0.65, 0.65)
    assert expected_calibration_error(y_true, probabilities, bins=10) == pytest.approx((2 * 0.45 + 2 * 0.35) / 4)


def test_full_confidence_lies_in_the_last_bin():
    (only,) = reliability_bins(labels_of(0, 1), certain([0, 1], 2))
    assert dataclasses.astuple(only) == (14 / 15, 1.0, 2, 1.0, 1.0)


def test_a_classifier_that_means_what_it_says_has_a_small_calibration_error_and_a_boaster_a_large_one():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 40_000)
    y_true = (rng.random(40_000) >= confidence).astype(np.uint8)  # 0, the answer, as often as it says
    assert expected_calibration_error(y_true, of_first(*confidence)) < 0.02
    # saying 0.99 where 0.75 is meant on average
    assert expected_calibration_error(y_true, of_first(*[0.99] * 40_000)) == pytest.approx(0.24, abs=0.01)


def test_the_risk_among_the_most_confident_is_that_worked_out_by_hand():
    # by confidence: 0.9 right, 0.8 wrong, 0.7 right, 0.6 wrong
    y_true, probabilities = labels_of(1, 0, 0, 1), of_first(0.6, 0.9, 0.7, 0.8)
    points = [dataclasses.astuple(point) for point in risk_coverage_curve(y_true, probabilities)]
    assert points == [
        (0.25, 0.0, 0.9),
        (0.5, 0.5, 0.8),
        (0.75, pytest.approx(1 / 3), 0.7),
        (1.0, 0.5, 0.6),
    ]


@pytest.mark.parametrize("y_true", [labels_of(0, 1, 1, 0), labels_of(0, 1, 0, 1), labels_of(0, 0, 1, 1)])
def test_equally_confident_answers_are_taken_together_in_whatever_order_they_come(y_true):
    # 0.9 is right; of three 0.6, two are wrong
    points = risk_coverage_curve(y_true, of_first(0.9, 0.6, 0.6, 0.6))
    assert [dataclasses.astuple(point) for point in points] == [(0.25, 0.0, 0.9), (1.0, 0.5, 0.6)]


def test_answers_all_alike_have_one_risk():
    (only,) = risk_coverage_curve(labels_of(0, 1, 1, 1), of_first(1.0, 1.0, 1.0, 1.0))
    assert dataclasses.astuple(only) == (1.0, 0.75, 1.0)


def test_a_long_curve_is_thinned_to_200_points_and_keeps_its_ends():
    y_true, probabilities = drawn(5_000, 10, seed=2)
    points = risk_coverage_curve(y_true, probabilities)
    coverage = [point.coverage for point in points]
    assert len(points) == 200
    assert coverage == sorted(coverage)
    assert (coverage[0], coverage[-1]) == (1 / 5_000, 1.0)
    assert points[-1].threshold == pytest.approx(probabilities.max(axis=1).min())


# comparison


def two_classifiers(both_right, only_a, only_b, both_wrong):
    """Labels and the sure answers of two classifiers with these counts."""
    counts = (both_right, only_a, only_b, both_wrong)
    right_a, right_b = np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)
    y_true = np.zeros(sum(counts), dtype=np.uint8)
    return y_true, certain(np.where(right_a, 0, 1), 3), certain(np.where(right_b, 0, 2), 3)


def test_the_four_counts_are_those_of_the_answers():
    comparison = compare_probabilities(*two_classifiers(50, 8, 2, 5))
    assert (comparison.n, comparison.both_right, comparison.only_a, comparison.only_b, comparison.both_wrong) == (
        65,
        50,
        8,
        2,
        5,
    )
    assert comparison.accuracy_difference == pytest.approx(6 / 65)


def test_mcnemars_p_value_is_that_worked_out_by_hand():
    # of 10 answers that differ, 8 or more one way or the other: 2 * (45 + 10 + 1) / 2^10
    comparison = compare_probabilities(*two_classifiers(50, 8, 2, 5))
    assert comparison.p_value == pytest.approx(112 / 1024)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))
@settings(deadline=None)
def test_mcnemars_p_value_is_the_binomial_tests(only_a, only_b, both):
    comparison = compare_probabilities(*two_classifiers(both, only_a, only_b, 1))
    n = only_a + only_b
    # twice the smaller tail of n fair coins, summed term by term
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    assert comparison.p_value == pytest.approx(min(1.0, 2 * tail))
    if n:
        assert comparison.p_value == pytest.approx(binomtest(only_a, n, 0.5).pvalue)


def test_the_interval_of_the_difference_is_agrestis_and_mins():
    # 8.5 and 2.5 of 67: centre 6 / 67, variance (11 / 67 - (6 / 67)^2) / 67
    centre, error = 6 / 67, math.sqrt((11 / 67 - (6 / 67) ** 2) / 67)
    expected = (centre - 1.959964 * error, centre + 1.959964 * error)
    assert compare_probabilities(*two_classifiers(50, 8, 2, 5)).accuracy_interval == pytest.approx(expected, abs=1e-6)


def test_the_loss_difference_and_its_interval_are_those_worked_out_by_hand():
    y_true, a, b = labels_of(0, 0, 0), of_first(0.5, 0.5, 0.5), of_first(0.5, 0.25, 0.125)
    comparison = compare_probabilities(y_true, a, b)
    # a loses ln 2 a row; b ln 2, 2 ln 2, 3 ln 2: differences 0, -1, -2 ln 2, mean -1, deviation 1
    assert comparison.loss_difference == pytest.approx(-math.log(2))
    half = 1.959964 * math.log(2) / math.sqrt(3)
    expected = (-math.log(2) - half, -math.log(2) + half)
    assert comparison.loss_interval == pytest.approx(expected, abs=1e-6)


def test_a_classifier_is_no_better_than_itself():
    y_true, probabilities = drawn(200, 10, seed=3)
    comparison = compare_probabilities(y_true, probabilities, probabilities)
    assert (comparison.only_a, comparison.only_b, comparison.p_value) == (0, 0, 1.0)
    assert (comparison.accuracy_difference, comparison.loss_difference) == (0.0, 0.0)
    assert comparison.loss_interval == (0.0, 0.0)
    low, high = comparison.accuracy_interval
    assert low == -high < 0


def test_what_is_clearly_better_has_an_interval_above_zero_and_what_may_be_equal_one_around_it():
    clearly = compare_probabilities(*two_classifiers(900, 60, 20, 20))
    assert clearly.accuracy_interval[0] > 0
    assert clearly.p_value < 0.001
    perhaps = compare_probabilities(*two_classifiers(900, 42, 38, 20))
    assert perhaps.accuracy_interval[0] < 0 < perhaps.accuracy_interval[1]
    assert perhaps.p_value > 0.5


def test_a_single_image_says_nothing_of_the_loss():
    comparison = compare_probabilities(labels_of(0), of_first(0.9), of_first(0.6))
    assert comparison.loss_interval == (-math.inf, math.inf)


@given(st.integers(2, 60), st.integers(2, 12), st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_swapping_the_two_turns_every_sign(n, classes, seed):
    y_true, a = drawn(n, classes, seed)
    b = np.random.default_rng(seed).permutation(a)
    one, other = compare_probabilities(y_true, a, b), compare_probabilities(y_true, b, a)
    assert (one.only_a, one.only_b, one.both_right, one.both_wrong) == (
        other.only_b,
        other.only_a,
        other.both_right,
        other.both_wrong,
    )
    assert one.both_right + one.only_a + one.only_b + one.both_wrong == one.n == n
    assert one.p_value == pytest.approx(other.p_value)
    assert one.accuracy_difference == -other.accuracy_difference
    assert one.loss_difference == pytest.approx(-other.loss_difference)
    for ours, theirs in ((one.accuracy_interval, other.accuracy_interval), (one.loss_interval, other.loss_interval)):
        assert ours == pytest.approx((-theirs[1], -theirs[0]))
    assert -1 <= one.accuracy_interval[0] <= one.accuracy_difference <= one.accuracy_interval[1] <= 1
    assert one.loss_interval[0] <= one.loss_difference <= one.loss_interval[1]


def test_two_classifiers_are_compared_on_a_split():
    y_true, a, b = two_classifiers(5, 3, 1, 1)
    assert compare(Canned(a), Canned(b), split_of(y_true, ("a", "b", "c"))) == compare_probabilities(y_true, a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.full((3, 10), 0.1), np.full((3, 9), 1 / 9)),
        (np.full((3, 10), 0.1), np.full((2, 10), 0.1)),
        (np.full((3, 9), 1 / 9), np.full((3, 9), 1 / 9)),
        (np.full((3, 2), 0.5), np.full((3, 2), 0.5)),
        (np.full(30, 0.1), np.full((3, 10), 0.1)),
        ([[0.1] * 10] * 3, np.full((3, 10), 0.1)),
        (np.full((3, 10), 0.1), np.zeros((3, 10))),
    ],
    ids=["k of b", "n of b", "k of both", "k below the labels", "a flat", "a no array", "b no probabilities"],
)
def test_classifiers_made_for_other_data_are_not_compared(a, b):
    with pytest.raises(ModelError, match=r"expected probabilities .*\nhint: "):
        compare(Canned(a), Canned(b), split_of(labels_of(0, 1, 2)))
