"""The oracle, asked as KerasTuner asks it: the values of a trial come from seed, bracket and index alone."""

import collections
import json
import math
import random

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from digitlab.errors import RunError
from digitlab.tuning.oracle import ScheduledOracle
from digitlab.tuning.plan import plan_hyperband
from digitlab.tuning.space import SearchSpace

TEN_RATES = SearchSpace(hidden_layers=(1,), units=(8,), learning_rate=tuple(n / 100 for n in range(1, 11)))


def oracle_of(folder, space=None, seed=0, max_epochs=9, configurations=None, **more):
    hp = keras_tuner.HyperParameters()
    (space or SearchSpace()).declare(hp)
    plan = plan_hyperband(max_epochs, 3, configurations=configurations)
    oracle = ScheduledOracle(
        plan, objective="val_accuracy", seed=seed, hyperparameters=hp, max_epochs=max_epochs, factor=3, **more
    )
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "search")
    return oracle


def own(values):
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def run(oracle, score_of, lanes=1, order=None):
    """KerasTuner's own dialogue, without training; what `score_of` gives `None` for has failed."""
    order = order or random.Random(0)
    while True:
        for lane in range(lanes):
            trial = oracle.create_trial(f"lane-{lane}")
        if not oracle.ongoing_trials:
            assert trial.status == TrialStatus.STOPPED
            return {trial_id: (trial.score, trial.hyperparameters.values) for trial_id, trial in oracle.trials.items()}
        trial = order.choice(list(oracle.ongoing_trials.values()))
        score = score_of(trial)
        trial.status, trial.message = TrialStatus.FAILED, "it was told to"
        if score is not None:
            trial.status, trial.message = TrialStatus.COMPLETED, None
            trial.metrics.register("val_accuracy", "max")
            trial.metrics.update("val_accuracy", score, step=1)
        oracle.end_trial(trial)


def by_width(trial):
    values = trial.hyperparameters.values
    if values["units_1"] == 32:
        return None
    return (values["units_1"] + values["units_2"]) / 512


@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("order", [0, 1])
def test_whatever_lanes_and_order_the_same_names_values_and_scores(tmp_path, lanes, order):
    one = run(oracle_of(tmp_path / "one"), by_width)
    assert run(oracle_of(tmp_path / "many"), by_width, lanes, random.Random(order)) == one
    # 9 + 3 + 1, 5 + 2, 3: as many as stock KerasTuner's plan
    assert len(one) == 23


def test_names_tell_bracket_rung_and_index(tmp_path):
    names = set(run(oracle_of(tmp_path), lambda trial: 0.5))
    assert {"b2-r0-00", "b2-r0-08", "b2-r1-02", "b2-r2-00", "b1-r0-04", "b1-r1-01", "b0-r0-02"} <= names


def test_a_promoted_trial_has_its_parents_values_and_keras_tuners_entries(tmp_path):
    found = run(oracle_of(tmp_path), by_width)
    for name, (_, values) in found.items():
        bracket, rung, index = int(name[1]), int(name[4]), name[6:]
        assert (values["tuner/bracket"], values["tuner/round"]) == (bracket, rung)
        assert values["tuner/epochs"] == 9 // 3 ** (bracket - rung)
        if rung:
            parent = f"b{bracket}-r{rung - 1}-{index}"
            assert values["tuner/trial_id"] == parent
            assert values["tuner/initial_epoch"] == found[parent][1]["tuner/epochs"]
            assert own(values) == own(found[parent][1])
        else:
            assert "tuner/trial_id" not in values
            assert values["tuner/initial_epoch"] == 0


def first_values(oracle):
    return {key.trial_id: own(oracle.values_of(key)) for key in oracle.schedule.ready()}


def test_seed_zero_is_a_seed_and_another_seed_is_another_search(tmp_path):
    # KerasTuner takes 0 for none, and draws one.
    assert first_values(oracle_of(tmp_path, seed=0)) == first_values(oracle_of(tmp_path, seed=0))
    assert first_values(oracle_of(tmp_path, seed=0)) != first_values(oracle_of(tmp_path, seed=1))


def test_what_keras_and_numpy_drew_before_changes_nothing(tmp_path):
    random.seed(1)
    before = first_values(oracle_of(tmp_path))
    random.seed(2)
    assert first_values(oracle_of(tmp_path)) == before


def test_a_bracket_begins_with_distinct_configurations_and_brackets_with_new_ones_while_there_are_any(tmp_path):
    values = first_values(oracle_of(tmp_path))  # 17 of 192
    assert len({json.dumps(v, sort_keys=True) for v in values.values()}) == len(values) == 17
    of_ten = first_values(oracle_of(tmp_path, TEN_RATES))  # 9, 5 and 3 of ten
    rates = {
        bracket: [v["learning_rate"] for name, v in of_ten.items() if name.startswith(bracket)]
        for bracket in ("b2", "b1", "b0")
    }
    assert [len(of_one) for of_one in rates.values()] == [9, 5, 3]
    assert all(len(set(of_one)) == len(of_one) for of_one in rates.values())
    assert set(rates["b2"]) | set(rates["b1"]) == set(TEN_RATES.learning_rate)  # the tenth is not left out


@pytest.mark.parametrize("known", [True, False])
def test_a_space_smaller_than_the_first_rung_runs_to_the_end(tmp_path, known):
    # Stock KerasTuner stops here after 23 trials of one epoch.
    space = SearchSpace(hidden_layers=(1,), units=tuple(range(8, 72, 8)), learning_rate=(5e-3, 1e-3, 1e-4))
    assert space.size == 24
    oracle = oracle_of(tmp_path, space, max_epochs=27, configurations=space.size if known else None)
    found = run(oracle, lambda trial: trial.hyperparameters.values["units_1"] / 100)
    assert len(found) == 67  # 24 + 9 + 3 + 1, 12 + 4 + 2, 6 + 2, 4
    assert {name for name in found if name.startswith("b3-r3")}


@pytest.mark.parametrize("seed", [10, 14, 23])  # two hundred draws a configuration miss one or two here
def test_a_rung_that_wants_the_whole_space_gets_the_whole_space(tmp_path, seed):
    rates = tuple(n / 1000 for n in range(1, 244))
    space = SearchSpace(hidden_layers=(1,), units=(8,), learning_rate=rates)
    values = first_values(oracle_of(tmp_path, space, seed, max_epochs=243, configurations=243))
    assert {v["learning_rate"] for name, v in values.items() if name.startswith("b5-r0")} == set(rates)


def test_every_value_is_drawn_about_equally_often(tmp_path):
    counts = dict.fromkeys(SearchSpace().units, 0)
    for seed in range(60):
        for values in first_values(oracle_of(tmp_path, seed=seed)).values():
            counts[values["units_1"]] += 1
    # 1,020 draws of eight values: 127.5 each, standard deviation 10.6
    assert all(80 < count < 175 for count in counts.values())


@pytest.mark.parametrize("seed", range(20))
def test_every_bracket_meets_every_learning_rate_and_width_as_evenly_as_can_be(tmp_path, seed):
    values = first_values(oracle_of(tmp_path, seed=seed, max_epochs=10))
    for bracket, trials in (("b2", 12), ("b1", 6), ("b0", 4)):
        of_one = [v for name, v in values.items() if name.startswith(bracket)]
        assert len(of_one) == trials
        for name, choices in (("learning_rate", 3), ("units_1", 8), ("units_2", 8)):
            counts = collections.Counter(v[name] for v in of_one)
            assert len(counts) == min(choices, trials)
            assert max(counts.values()) - (min(counts.values()) if trials >= choices else 1) <= 1


def test_an_axis_without_end_has_one_value_in_each_part_of_it(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Boolean("deep")
    oracle = ScheduledOracle(plan_hyperband(9, 3), objective="val_accuracy", seed=3, hyperparameters=hp, max_epochs=9)
    oracle._set_project_dir(str(tmp_path), "search")
    values = [v for name, v in first_values(oracle).items() if name.startswith("b2")]
    parts = sorted(int((math.log10(v["rate"]) + 4) / 3 * 9) for v in values)
    assert parts == list(range(9))
    assert sorted(collections.Counter(v["deep"] for v in values).values()) == [4, 5]


def test_only_active_hyperparameters_have_a_value(tmp_path):
    space = SearchSpace(hidden_layers=(1, 2, 3), units=(8, 16, 32))
    for values in first_values(oracle_of(tmp_path, space)).values():
        assert [f"units_{n}" in values for n in (1, 2, 3)] == [n <= values["hidden_layers"] for n in (1, 2, 3)]


def test_the_best_trials_are_the_same_whatever_order_equal_ones_ran_in(tmp_path):
    orders = []
    for seed in range(4):
        oracle = oracle_of(tmp_path / str(seed))
        run(oracle, lambda trial: 0.5 if trial.trial_id != "b0-r0-01" else 0.9, 5, random.Random(seed))
        orders.append([trial.trial_id for trial in oracle.get_best_trials(23)])
    assert orders[0][:3] == ["b0-r0-01", "b2-r0-00", "b2-r0-01"]
    assert orders[0][10:15] == ["b2-r1-00", "b2-r1-01", "b2-r1-02", "b2-r2-00", "b1-r0-00"]
    assert all(order == orders[0] for order in orders)


def test_another_oracle_takes_up_what_has_ended_and_begins_the_rest_anew(tmp_path):
    whole = run(oracle_of(tmp_path / "whole"), by_width)
    oracle = oracle_of(tmp_path)
    ended = []

    class EnoughError(Exception):
        pass

    def score_of(trial):
        if len(ended) == 11:
            raise EnoughError
        ended.append(trial.trial_id)
        return by_width(trial)

    with pytest.raises(EnoughError):
        run(oracle, score_of, lanes=3)
    again = oracle_of(tmp_path)
    again.take_up()
    assert set(again.trials) == set(ended)
    asked = []
    found = run(again, lambda trial: asked.append(trial.trial_id) or by_width(trial))
    assert found == whole
    assert sorted(ended + asked) == sorted(whole)


def damaged(**changes):
    """A trial's file with something in it that no search writes."""
    space = {"space": [], "values": {}}
    whole = {"trial_id": "b2-r0-00", "hyperparameters": space, "metrics": {"metrics": {}}, "score": 1.0}
    return json.dumps({**whole, "best_step": 1, "status": "COMPLETED", "message": None, **changes})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '"b2-r0-00"',
        '{"trial_id": "b2-r0-00"}',
        damaged(trial_id="b7-r0-00"),
        damaged(metrics={"metrics": []}),
        damaged(score="high"),
        damaged(hyperparameters={}),
    ],
)
def test_a_damaged_or_foreign_trial_is_said_so_in_two_lines(tmp_path, content):
    run(oracle_of(tmp_path), lambda trial: 0.5)
    path = tmp_path / "search" / "trial_b2-r0-00" / "trial.json"
    path.write_text(content)
    with pytest.raises(RunError, match=r"trial\.json: expected a trial of this search") as caught:
        oracle_of(tmp_path).take_up()
    assert len(str(caught.value).splitlines()) == 2


def test_a_trial_cut_off_anywhere_is_said_so(tmp_path):
    run(oracle_of(tmp_path), lambda trial: 0.5)
    path = tmp_path / "search" / "trial_b2-r0-00" / "trial.json"
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 37):  # all but the closing brace and the line's end
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match="expected a trial of this search"):
            oracle_of(tmp_path).take_up()
