"""What is said of a search on Ray before it begins is what Ray's own schedulers then do."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.cluster.plan import as_it_went, plan_on_ray
from digitlab.config import TrainConfig
from digitlab.errors import ConfigError
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.plan import Rung
from digitlab.tuning.schedule import TrialKey


class FakeTrial:
    """As much of a trial of Ray's as its schedulers ask for."""

    def __init__(self, number):
        self.trial_id, self.status, self.is_saving = str(number), "PAUSED", False


def search(max_epochs, factor, **more):
    return SearchConfig(max_epochs=max_epochs, factor=factor, engine="ray", **more)


@given(st.integers(1, 200), st.integers(2, 5))
def test_hyperbands_brackets_and_rungs_are_rays(max_epochs, factor):
    schedulers = pytest.importorskip("ray.tune.schedulers")
    plan = plan_on_ray(search(max_epochs, factor))
    scheduler = schedulers.HyperBandScheduler("epochs", "score", "max", max_epochs, factor)
    for number in range(plan.trials):
        if sum(rungs[0].trials for rungs in plan.brackets) > number:
            scheduler.on_trial_add(None, FakeTrial(number))
    (band,) = scheduler._hyperbands
    brackets = [bracket for bracket in band if bracket is not None]
    assert len(brackets) == len(plan.brackets)
    for bracket, rungs in zip(brackets, plan.brackets, strict=True):
        for rung in rungs:
            trials = bracket.current_trials()
            assert (len(trials), bracket._cumul_r) == (rung.trials, rung.last_epoch)
            for score, trial in enumerate(trials):
                bracket.update_trial_stats(trial, {"epochs": rung.last_epoch, "score": score})
            if rung is not rungs[-1]:
                for bad in bracket.successive_halving("score", 1.0)[1]:
                    bracket.cleanup_trial(bad)
        assert bracket.finished()


def test_ten_epochs_by_threes_are_three_brackets_of_three_five_and_nine():
    # ln 10 / ln 3 is 2.1, so three brackets; 3/1, 3/2 * 3 and 3/3 * 9 networks to begin with; 10, 3.3 and 1.1 epochs
    steps = [[(r.trials, r.last_epoch) for r in rungs] for rungs in plan_on_ray(search(10, 3)).brackets]
    assert steps == [[(3, 10)], [(5, 3), (2, 9)], [(9, 1), (3, 3), (1, 9)]]


@given(st.integers(1, 200), st.integers(2, 5))
def test_ashas_rungs_end_where_ray_decides(max_epochs, factor):
    schedulers = pytest.importorskip("ray.tune.schedulers")
    plan = plan_on_ray(search(max_epochs, factor, scheduler="asha"))
    scheduler = schedulers.ASHAScheduler("epochs", "score", "max", max_epochs, 1, factor)
    milestones = {milestone for milestone, _ in scheduler._brackets[0]._rungs}
    assert {rung.last_epoch for rung in plan.rungs} == milestones | {max_epochs}


@given(st.integers(1, 100), st.integers(2, 5), st.integers(1, 3), st.sampled_from(["hyperband", "asha"]))
def test_a_networks_rungs_follow_one_another_from_its_first_epoch(max_epochs, factor, iterations, scheduler):
    for rungs in plan_on_ray(search(max_epochs, factor, iterations=iterations, scheduler=scheduler)).brackets:
        assert rungs[0].first_epoch == 0
        assert all(before.last_epoch == after.first_epoch for before, after in itertools.pairwise(rungs))
        assert all(rung.first_epoch < rung.last_epoch <= max_epochs for rung in rungs)


def test_a_plan_as_it_went_counts_the_trials_that_there_were():
    plan = plan_on_ray(search(4, 2, scheduler="asha"))
    went = as_it_went(plan, [TrialKey(0, 0, 0, 0), TrialKey(0, 0, 0, 1), TrialKey(0, 0, 1, 1)])
    assert went.rungs == (Rung(0, 0, 0, 2, 0, 1), Rung(0, 0, 1, 1, 1, 2))


@pytest.mark.parametrize(
    "wrong", [{"engine": "spark"}, {"scheduler": "median"}, {"engine": "local", "scheduler": "asha"}]
)
def test_other_engines_and_schedulers_are_refused(wrong):
    with pytest.raises(ConfigError) as caught:
        SearchConfig(base=TrainConfig(), **wrong)
    assert len(str(caught.value).splitlines()) == 2
