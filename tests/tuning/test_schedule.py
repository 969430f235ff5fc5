"""What a search comes to depends on the scores alone, not on when, where or in which order its trials ran."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from digitlab.tuning.plan import plan_hyperband
from digitlab.tuning.schedule import Schedule, TrialKey, trial_seed


def full(plan):
    return {(bracket[0].iteration, bracket[0].bracket): bracket[0].trials for bracket in plan.brackets}


def schedule_of(plan, sizes=None, **more):
    return Schedule(plan, full(plan) if sizes is None else sizes, **more)


def run(schedule, score_of, lanes=1, order=None):
    """A search without training: `lanes` trials at a time, ending in the order that `order` draws."""
    order = order or random.Random(0)
    running = []
    while True:
        for key in schedule.ready()[: lanes - len(running)]:
            schedule.running.add(key)
            running.append(key)
        if not running:
            return dict(schedule.scores)
        key = running.pop(order.randrange(len(running)))
        schedule.record(key, score_of(key))


def counts(scores):
    """Trials of each rung, by bracket."""
    keys = sorted(scores, key=lambda key: (-key.bracket, key.rung))
    grouped = itertools.groupby(keys, key=lambda key: (key.bracket, key.rung))
    return {name: len(list(group)) for name, group in grouped}


def indices(scores, bracket, rung):
    return sorted(key.index for key in scores if (key.bracket, key.rung) == (bracket, rung))


@given(
    st.sampled_from([(3, 3), (9, 3), (10, 3), (4, 2), (8, 2)]),
    st.integers(1, 2),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
    st.integers(0, 1000),
    st.sampled_from([1, 4, 1000]),
)
@settings(max_examples=60)
def test_the_order_in_which_trials_end_and_the_number_of_lanes_change_nothing(
    size, iterations, lanes, order, seed, steps
):
    plan = plan_hyperband(*size, iterations=iterations)

    def score_of(key):
        # Few distinct scores make ties, and one trial in five fails.
        words = random.Random(f"{seed} {key}")
        return None if words.random() < 0.2 else words.randrange(steps) / steps

    one_by_one = run(schedule_of(plan), score_of)
    assert run(schedule_of(plan), score_of, lanes, order) == one_by_one


@given(st.integers(0, 3), st.integers(1, 9), st.randoms(use_true_random=False), st.data())
def test_stopped_anywhere_it_goes_on_to_the_same_end(bracket_seed, lanes, order, data):
    plan = plan_hyperband(9, 3)

    def score_of(key):
        return random.Random(f"{bracket_seed} {key}").randrange(5) / 5

    whole = run(schedule_of(plan), score_of, lanes, order)
    # Any trials may be lost, with all that could only run after them.
    lost = set(data.draw(st.lists(st.sampled_from(sorted(whole)))))
    resumed = schedule_of(plan)
    for key in sorted(whole, key=lambda key: key.rung):
        before = [k for k in whole if (k.bracket, k.rung) == (key.bracket, key.rung - 1)]
        if key not in lost and all(k in resumed.scores for k in before):
            resumed.record(key, whole[key])
    assert run(resumed, score_of) == whole


def test_a_rung_promotes_the_best_and_ties_go_to_the_lower_index():
    plan = plan_hyperband(9, 3)  # bracket 2: 9, 3, 1
    first = [0.5, 0.9, 0.7, 0.7, 0.1, 0.7, 0.9, 0.2, 0.3]
    scores = run(schedule_of(plan), lambda key: first[key.index] if key.bracket == 2 and key.rung == 0 else 0.5)
    assert indices(scores, 2, 1) == [1, 2, 6]  # 0.9, 0.9 and the first of three 0.7
    assert indices(scores, 2, 2) == [1]  # all three come to 0.5


def test_where_less_is_better_the_least_are_promoted():
    plan = plan_hyperband(9, 3)
    scores = run(schedule_of(plan, maximise=False), lambda key: float(key.index))
    assert indices(scores, 2, 1) == [0, 1, 2]
    scores = run(schedule_of(plan, maximise=True), lambda key: float(key.index))
    assert indices(scores, 2, 1) == [6, 7, 8]


def test_nothing_is_promoted_while_a_trial_of_the_rung_is_still_running():
    plan = plan_hyperband(9, 3)
    schedule = schedule_of(plan)
    first = [key for key in schedule.ready() if key.bracket == 2]
    assert len(first) == 9
    for key in first[:8]:  # stock Hyperband promotes after the seventh
        schedule.record(key, 0.9)
    schedule.running.add(first[8])
    assert {key.rung for key in schedule.ready()} == {0}
    schedule.record(first[8], 0.1)
    assert [key.index for key in schedule.ready() if key.rung == 1] == [0, 1, 2]


def test_idle_lanes_take_the_next_brackets_first_rung():
    plan = plan_hyperband(9, 3)
    schedule = schedule_of(plan)
    for key in [key for key in schedule.ready() if key.bracket == 2]:
        schedule.running.add(key)
    assert schedule.ready()[0] == TrialKey(0, 1, 0, 0)


def test_later_rungs_come_before_new_networks_of_the_same_or_a_later_bracket():
    plan = plan_hyperband(9, 3)
    schedule = schedule_of(plan)
    for key in [key for key in schedule.ready() if key.bracket == 2]:
        schedule.record(key, float(key.index))
    assert [(key.bracket, key.rung) for key in schedule.ready()][:4] == [(2, 1)] * 3 + [(1, 0)]


def test_a_failed_trial_takes_no_others_place_and_nine_three_one_stays_nine_three_one():
    plan = plan_hyperband(9, 3)
    failed = {TrialKey(0, 2, 0, 8), TrialKey(0, 2, 1, 7)}

    def score_of(key):
        return None if key in failed else key.index / 10

    scores = run(schedule_of(plan), score_of)
    assert [counts(scores)[2, rung] for rung in range(3)] == [9, 3, 1]
    assert indices(scores, 2, 1) == [5, 6, 7]  # 8 failed; 5 has the place it would have had
    assert indices(scores, 2, 2) == [6]


def test_where_more_fail_than_the_next_rung_can_lose_the_bracket_goes_on_with_what_there_is():
    plan = plan_hyperband(9, 3)
    scores = run(schedule_of(plan), lambda key: None if key.rung == 0 and key.index > 1 else 0.5)
    assert [counts(scores)[2, rung] for rung in range(3)] == [9, 2, 1]


def test_where_a_whole_rung_fails_its_bracket_ends_and_the_others_go_on():
    plan = plan_hyperband(9, 3)
    scores = run(schedule_of(plan), lambda key: None if key.bracket == 2 else 0.5)
    assert counts(scores) == {(2, 0): 9, (1, 0): 5, (1, 1): 2, (0, 0): 3}


def test_fewer_configurations_than_a_rung_wants_run_to_the_end():
    plan = plan_hyperband(9, 3)
    scores = run(schedule_of(plan, {(0, 2): 2, (0, 1): 1, (0, 0): 2}), lambda key: 0.5)
    assert counts(scores) == {(2, 0): 2, (2, 1): 2, (2, 2): 1, (1, 0): 1, (1, 1): 1, (0, 0): 2}


def test_a_trials_end_state_is_needed_until_its_child_has_ended_or_it_was_dropped():
    plan = plan_hyperband(9, 3)
    schedule = schedule_of(plan)
    keys = [TrialKey(0, 2, 0, index) for index in range(9)]
    for key in keys[:8]:
        schedule.record(key, float(key.index))
    assert schedule.needed(keys[0])  # the ninth might still be worse... but nobody knows before it has ended
    schedule.record(keys[8], -1.0)
    assert [key.index for key in keys if schedule.needed(key)] == [5, 6, 7]
    schedule.record(TrialKey(0, 2, 1, 7), 1.0)
    assert [key.index for key in keys if schedule.needed(key)] == [5, 6]
    schedule.record(TrialKey(0, 2, 1, 6), None)
    assert not schedule.needed(TrialKey(0, 2, 0, 6))
    schedule.record(TrialKey(0, 2, 1, 5), 0.5)
    assert schedule.needed(TrialKey(0, 2, 1, 7))
    assert not schedule.needed(TrialKey(0, 2, 1, 5))
    assert not schedule.needed(TrialKey(0, 2, 1, 6))
    assert not schedule.needed(TrialKey(0, 2, 2, 7))  # nothing comes after the last rung


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_no_trial_begins_whose_parents_state_was_given_up(order, lanes):
    plan = plan_hyperband(8, 2)
    schedule = schedule_of(plan)
    running = []
    while True:
        for key in schedule.ready()[: lanes - len(running)]:
            assert key.parent is None or schedule.needed(key.parent)
            schedule.running.add(key)
            running.append(key)
        if not running:
            break
        assert all(key.parent is None or schedule.needed(key.parent) for key in running)
        schedule.record(running.pop(order.randrange(len(running))), order.choice([None, 0.1, 0.2]))
    assert not any(schedule.needed(key) for key in schedule.scores)


def test_a_networks_seed_is_the_same_in_all_its_rungs_and_no_two_networks_share_one():
    seeds = {
        (iteration, bracket, index): {trial_seed(0, TrialKey(iteration, bracket, rung, index)) for rung in range(4)}
        for iteration in range(2)
        for bracket in range(4)
        for index in range(81)
    }
    assert all(len(of_one) == 1 for of_one in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds)
    assert trial_seed(0, TrialKey(0, 0, 0, 0)) != trial_seed(1, TrialKey(0, 0, 0, 0))
    assert all(0 <= seed < 2**31 for (seed,) in seeds.values())
