"""Parallel coordinates: which axes there are, and where a trial crosses them."""

import itertools
import math

import pytest

from digitlab.report.coordinates import FAILED, best_trial, trial_axes
from digitlab.report.trials import Trial


def network(units=(64,), learning_rate=0.001, score=0.9, **changes):
    return Trial(
        "t", units, learning_rate, batch_size=changes.get("batch_size", 32), dropout=changes.get("dropout", 0.0),
        distortion=changes.get("distortion", 0.0),
        weight_decay=changes.get("weight_decay", 0.0), rung=0, last_epoch=10, score=score, best_epoch=1, val_loss=0.1,
    )  # fmt: skip


def titles(trials):
    return [axis.title for axis in trial_axes(trials)]


def test_widths_and_rate_come_first_and_the_score_last():
    assert titles([network((64, 32)), network((32, 32))]) == [
        "hidden layer 1", "hidden layer 2", "learning rate", "validation accuracy",
    ]  # fmt: skip


def test_what_varies_has_an_axis_and_what_does_not_has_none():
    trials = [network(dropout=0.1, distortion=1.0), network(dropout=0.2, distortion=0.0)]
    assert {"dropout", "distortion"} <= set(titles(trials))
    assert "batch size" not in titles(trials)


def test_a_softmax_regression_has_no_axis_of_layers():
    assert titles([network(())]) == ["learning rate", "validation accuracy"]


def test_rates_are_as_far_apart_as_their_logarithms():
    axis = trial_axes([network(learning_rate=rate) for rate in (0.0001, 0.001, 0.1)])[1]
    assert axis.heights == pytest.approx((0.0, 1 / 3, 1.0))
    assert [text for _, text in axis.ticks] == ["0.0001", "0.001", "0.1"]


def test_a_layer_that_a_network_lacks_stands_at_the_foot_below_the_narrowest():
    axis = trial_axes([network((64,)), network((64, 32)), network((64, 256))])[1]
    assert axis.heights[0] == 0.0
    assert 0 < axis.heights[1] < axis.heights[2] == 1.0
    assert [text for _, text in axis.ticks] == ["none", "32", "256"]


def test_no_weight_decay_has_its_place_on_the_logarithmic_axis():
    axis = trial_axes([network(weight_decay=decay) for decay in (0.0, 1e-5, 1e-4)])[-2]
    assert [text for _, text in axis.ticks] == ["0", "1e-05", "0.0001"]


def test_trials_of_one_value_are_fanned_out_by_their_score():
    axis = trial_axes([network(score=0.9), network(score=0.8), network((128,)), network(score=None)])[0]
    best, worse, _, failed = axis.heights
    assert failed < worse < best
    assert max(abs(height) for height in (best, worse, failed)) < 0.05


@pytest.mark.parametrize("count", [2, 50, 300])
def test_the_fans_of_neighbouring_values_never_meet(count):
    narrow = [network((32,), score=i / count) for i in range(count)]
    wide = [network((64,), score=i / count) for i in range(count)]
    axis = trial_axes([*narrow, *wide, network((512,))])[0]
    assert max(axis.heights[:count]) < min(axis.heights[count : 2 * count])


def test_scores_are_as_far_apart_as_the_logarithms_of_their_errors():
    axis = trial_axes([network(score=score) for score in (0.0, 0.9, 0.99)])[-1]
    assert axis.heights == pytest.approx((0.0, 0.5, 1.0))


def test_a_failed_trial_ends_below_the_axis():
    axis = trial_axes([network(score=None), network(score=0.8), network(score=0.9)])[-1]
    assert axis.heights[0] == FAILED < 0
    assert axis.ticks[0] == (FAILED, "failed")


@pytest.mark.parametrize("scores", [[None], [None, None], [1.0], [1.0, 1.0], [1.0, 0.99999], [0.0, 1.0]])
def test_extreme_scores_have_finite_heights(scores):
    trials = [network(score=score) for score in scores]
    assert all(math.isfinite(height) for axis in trial_axes(trials) for height in axis.heights)


def test_ticks_keep_their_distance_and_name_both_ends():
    axis = trial_axes([network((width,)) for width in range(1, 401)])[0]
    heights = [height for height, _ in axis.ticks]
    assert min(b - a for a, b in itertools.pairwise(heights)) > 0.05
    assert [axis.ticks[0][1], axis.ticks[-1][1]] == ["1", "400"]


def test_the_best_is_the_first_of_equals_and_nobody_if_all_failed():
    assert best_trial([network(score=0.8), network(score=0.9), network(score=0.9)]) == 1
    assert best_trial([network(score=None)]) is None
