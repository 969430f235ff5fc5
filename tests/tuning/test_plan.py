"""The plan is known before the search: brackets, rungs, trials and epochs, worked out by hand and by KerasTuner."""

import itertools

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.errors import ConfigError
from digitlab.tuning.plan import count_brackets, plan_hyperband


def written(plan):
    """Each bracket as the papers write it: (trials, epochs behind them at the rung's end)."""
    return [[(rung.trials, rung.last_epoch) for rung in bracket] for bracket in plan.brackets]


def test_ten_epochs_by_three_is_thirty_trials_and_a_hundred_and_twenty_epochs():
    plan = plan_hyperband(10, 3)
    # ceil(1 + log3 10) = 4 networks reach the end of bracket 0; 4/3 and 4/2, times 3 for every rung before.
    assert written(plan) == [[(12, 2), (4, 4), (2, 10)], [(6, 4), (2, 10)], [(4, 10)]]
    # 12x2 + 4x2 + 2x6, 6x4 + 2x6, 4x10
    assert [sum(rung.epochs for rung in bracket) for bracket in plan.brackets] == [44, 36, 40]
    assert (plan.trials, plan.epochs) == (30, 120)


def test_twenty_seven_epochs_by_three_is_seventy_trials_and_375_epochs():
    plan = plan_hyperband(27, 3)
    assert written(plan) == [
        [(27, 1), (9, 3), (3, 9), (1, 27)],
        [(12, 3), (4, 9), (2, 27)],
        [(6, 9), (2, 27)],
        [(4, 27)],
    ]
    # 27 + 18 + 18 + 18, 36 + 24 + 36, 54 + 36, 108
    assert (plan.trials, plan.epochs) == (70, 81 + 96 + 90 + 108)


def test_eighty_one_epochs_by_three_is_211_trials_and_1767_epochs():
    plan = plan_hyperband(81, 3)
    assert written(plan)[0] == [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]
    assert (plan.trials, plan.epochs) == (211, 1767)


def test_one_epoch_is_one_bracket_of_one_trial():
    assert written(plan_hyperband(1, 3)) == [[(1, 1)]]


def test_brackets_begin_with_the_most_halving_and_are_numbered_downwards():
    plan = plan_hyperband(10, 3, iterations=2)
    numbers = [(rung.iteration, rung.bracket, rung.number) for rung in plan.rungs]
    once = [(2, 0), (2, 1), (2, 2), (1, 0), (1, 1), (0, 0)]
    assert numbers == [(iteration, *pair) for iteration in (0, 1) for pair in once]
    assert (plan.trials, plan.epochs) == (60, 240)


def test_a_space_of_24_configurations_makes_the_first_rung_smaller_and_nothing_else():
    plan = plan_hyperband(27, 3, configurations=24)
    assert written(plan)[0] == [(24, 1), (9, 3), (3, 9), (1, 27)]
    assert written(plan)[1:] == written(plan_hyperband(27, 3))[1:]
    assert (plan.trials, plan.epochs) == (67, 372)


def test_a_space_of_two_configurations_leaves_two_in_every_rung_that_wants_more():
    plan = plan_hyperband(10, 3, configurations=2)
    assert written(plan) == [[(2, 2), (2, 4), (2, 10)], [(2, 4), (2, 10)], [(2, 10)]]
    assert (plan.trials, plan.epochs) == (12, 20 + 20 + 20)


@given(st.integers(1, 20_000), st.integers(2, 30))
def test_sizes_and_epochs_are_those_of_keras_tuners_own_oracle(max_epochs, factor):
    oracle = keras_tuner.oracles.HyperbandOracle("val_accuracy", max_epochs=max_epochs, factor=factor)
    theirs = [
        [(oracle._get_size(bracket, number), oracle._get_epochs(bracket, number)) for number in range(bracket + 1)]
        for bracket in reversed(range(oracle._get_num_brackets()))
    ]
    assert written(plan_hyperband(max_epochs, factor)) == theirs


@given(st.integers(2, 30), st.integers(1, 12), st.sampled_from([-1, 0, 1]))
def test_at_and_beside_exact_powers_the_count_of_brackets_is_that_of_whole_numbers(factor, power, beside):
    # KerasTuner divides repeatedly in floating point; exact powers divide exactly, so it comes to the same
    # here. Only beyond 2**53 could it round a number just below a power up to it.
    max_epochs = factor**power + beside
    expected = power if beside == -1 else power + 1
    assert count_brackets(max_epochs, factor) == expected
    oracle = keras_tuner.oracles.HyperbandOracle("val_accuracy", max_epochs=max_epochs, factor=factor)
    if max_epochs < 2**53:
        assert oracle._get_num_brackets() == expected


@given(st.integers(1, 20_000), st.integers(2, 30), st.integers(1, 3), st.none() | st.integers(1, 100))
def test_every_rung_trains_something_and_never_more_networks_than_the_one_before(epochs, factor, iterations, known):
    plan = plan_hyperband(epochs, factor, iterations=iterations, configurations=known)
    for bracket in plan.brackets:
        assert bracket[0].first_epoch == 0
        assert bracket[-1].last_epoch == epochs
        for rung, after in itertools.pairwise(bracket):
            assert rung.trials >= after.trials >= 1
            assert rung.last_epoch == after.first_epoch
        assert all(rung.first_epoch < rung.last_epoch for rung in bracket)
        assert known is None or bracket[0].trials <= known


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"max_epochs": 0}, "max_epochs"),
        ({"max_epochs": 10.0}, "max_epochs"),
        ({"max_epochs": True}, "max_epochs"),
        ({"factor": 1}, "factor"),
        ({"factor": 2.5}, "factor"),
        ({"iterations": 0}, "iterations"),
    ],
)
def test_an_impossible_argument_is_refused_by_its_name(changes, name):
    with pytest.raises(ConfigError, match=f"^{name}: expected a whole number"):
        plan_hyperband(**{"max_epochs": 10, **changes})
