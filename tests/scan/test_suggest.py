"""Rates are read off curves whose answer is known by construction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from digitlab.scan.result import ScanResult, write_scan
from digitlab.scan.suggest import smooth, steepest, valley


def test_smoothing_is_the_weighted_mean_worked_out_by_hand():
    # Weights 0.5**age over their sum: 1; (0.5, 1) / 1.5; (0.25, 0.5, 1) / 1.75
    assert smooth(np.array([8.0, 2.0, 5.0]), 0.5) == pytest.approx([8, (4 + 2) / 1.5, (2 + 1 + 5) / 1.75])


def test_without_weight_on_the_past_nothing_is_smoothed():
    losses = np.array([3.0, 1.0, 2.0])
    np.testing.assert_array_equal(smooth(losses, 0.0), losses)


@given(arrays.arrays(float, st.integers(1, 60), elements=st.floats(0, 20)))
def test_the_smoothed_loss_lies_between_the_lowest_and_the_highest_so_far(losses):
    smoothed = smooth(losses)
    assert len(smoothed) == len(losses)
    assert np.all(smoothed >= np.minimum.accumulate(losses) - 1e-9)
    assert np.all(smoothed <= np.maximum.accumulate(losses) + 1e-9)


def test_a_constant_loss_stays_what_it_is_from_the_first_step():
    np.testing.assert_allclose(smooth(np.full(50, 2.3)), 2.3)


RATES = np.geomspace(1e-6, 1.0, 601)  # a factor of ten every hundred steps


def test_the_steepest_descent_of_a_logistic_fall_is_its_middle():
    losses = 2.3 - 2 / (1 + np.exp(-3 * (np.log10(RATES) + 3)))
    assert steepest(RATES, losses) == pytest.approx(1e-3, rel=0.05)


def test_the_slope_is_over_the_logarithm_of_the_rate():
    # Linear in the logarithm but for a stretch three times as steep between 1e-4 and 1e-3.
    slopes = np.where((RATES > 1e-4) & (RATES < 1e-3), -0.6, -0.2)
    losses = 3 + np.cumsum(slopes) * 0.01
    assert 1e-4 <= steepest(RATES, losses) <= 1e-3


def test_the_steepest_fall_at_the_very_ends_is_not_suggested():
    losses = np.full(601, 2.0)
    losses[:3] = (9, 6, 3)  # within the first 5 per cent
    losses[-5:] = (1.5, 1.0, 0.5, 0.2, 0.1)  # within the last 2 per cent
    losses[300:] -= 0.1
    assert steepest(RATES, losses) == pytest.approx(RATES[300], rel=0.05)


def test_the_valley_lies_half_way_along_the_fall():
    # Flat until 1e-4, falling until 1e-2, then rising: the fall is 200 steps from step 200. The rule takes
    # its middle third's middle: 200 + 66 + 33.
    steps = np.arange(601)
    losses = np.where(steps < 200, 2.3 + steps * 1e-6, 2.3 - (steps - 200) * 0.01)
    losses = np.where(steps > 400, 0.3 + (steps - 400) * 0.02, losses)
    assert valley(RATES, losses) == pytest.approx(RATES[299], rel=0.03)


def test_a_single_outlier_does_not_break_the_fall_that_the_valley_is_read_off():
    steps = np.arange(601)
    losses = 2.3 - np.clip(steps - 200, 0, 200) * 0.01 + np.clip(steps - 400, 0, None) * 0.02
    losses[:201] += steps[:201] * 1e-6
    spiked = losses.copy()
    spiked[300] += 1.5
    assert valley(RATES, spiked) == pytest.approx(valley(RATES, losses), rel=0.05)


def longest_fall(losses):
    """The length of the longest strictly falling subsequence, in n squared."""
    best = []
    for index, loss in enumerate(losses):
        best.append(1 + max((best[i] for i in range(index) if losses[i] > loss), default=0))
    return max(best, default=0)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=25))
def test_the_fall_is_the_longest_there_is(losses):
    from digitlab.scan.suggest import _longest_fall

    first, last = _longest_fall(np.array(losses, float))
    between = [loss for loss in losses[first + 1 : last] if losses[first] > loss > losses[last]]
    ends = len({first, last})
    assert ends == 1 or losses[first] > losses[last]
    assert ends + longest_fall(between) == longest_fall(losses)


@given(arrays.arrays(float, st.integers(2, 300), elements=st.floats(0, 20)))
def test_suggestions_are_rates_of_the_test(losses):
    rates = np.geomspace(1e-6, 1, len(losses))
    assert steepest(rates, losses) in rates
    assert valley(rates, losses) in rates


def test_the_lowest_validation_loss_of_the_trained_rates_goes_over_the_range_test():
    losses = 2.3 - 2 / (1 + np.exp(-3 * (np.log10(RATES) + 3)))
    curves = {
        5e-3: ({"val_loss": 0.2}, {"val_loss": 0.3}),
        1e-3: ({"val_loss": 0.4}, {"val_loss": 0.1}),
        1e-4: ({"val_loss": 0.6}, {"val_loss": 0.5}),
    }
    result = ScanResult(RATES, losses, False, curves)
    assert result.suggestion == 1e-3
    assert "0.001 reached the lowest validation loss, 0.1000 (against 0.2000 at 0.005, 0.5000 at 0.0001)" in (
        result.sentence()
    )
    bare = ScanResult(RATES, losses, False)
    assert bare.suggestion == bare.valley
    assert "is suggested" in bare.sentence()


def test_the_table_has_a_row_a_step(tmp_path):
    write_scan(ScanResult(np.array([0.1, 0.2]), np.array([3.0, 1.0]), True), tmp_path / "scan.csv")
    # 0.95 x 0.05 x 3 + 0.05 x 1 over 1 - 0.95**2
    assert (tmp_path / "scan.csv").read_text().splitlines() == [
        "step,learning_rate,loss,smoothed_loss",
        "1,0.1,3,3",
        "2,0.2,1,1.97435897",
    ]
