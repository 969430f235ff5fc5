"""What becomes of a network whose training fails, or whose every worker dies."""

import dataclasses
import json

import pytest

from digitlab.cluster.plan import plan_on_ray
from digitlab.cluster.trial_files import Outcome, TrialFiles
from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.progress import Reporter
from digitlab.tuning.schedule import TrialKey

pytest.importorskip("ray", reason="Ray is not installed (pip install 'digitlab[ray]')")

CONFIG = SearchConfig(max_epochs=4, factor=2, engine="ray")
FIRST, SECOND = TrialKey(0, 2, 0, 1), TrialKey(0, 2, 1, 1)
ROWS = (
    {
        "epoch": 1.0,
        "loss": 1.1,
        "accuracy": 0.45,
        "val_loss": 1.0,
        "val_accuracy": 0.5,
        "learning_rate": 1e-3,
        "duration_s": 0.1,
    },
)


@pytest.fixture
def work(tmp_path):
    from digitlab.cluster.trainable import Work

    return Work(tmp_path, plan_on_ray(CONFIG), 0, 10)


@pytest.fixture
def trainable(work, monkeypatch):
    """An actor as Ray Tune would have it, but for Ray and for what its networks come to: it is given outcomes."""
    from digitlab.cluster.trainable import TRIAL, RungTrainable, as_parameters

    actor = object.__new__(RungTrainable)
    actor._work, actor._files, actor.trained = work, TrialFiles(work.folder), []
    actor.reset_config({TRIAL: as_parameters(FIRST, TrainConfig())})

    def train(key, rung):
        actor.trained.append(key)
        return actor.outcome

    monkeypatch.setattr(actor, "_train", train)
    return actor


def test_a_network_that_fails_reports_less_than_any_accuracy_and_trains_no_further(trainable):
    trainable.outcome = Outcome((), "a loss was nan")
    assert trainable.step() == {"epochs": 1, "score": -1.0}
    assert trainable.step() == {"epochs": 2, "score": -1.0}
    assert trainable.trained == [FIRST]


def test_what_has_ended_is_read_and_not_trained(trainable, work):
    TrialFiles(work.folder).write(FIRST, Outcome(ROWS))
    trainable.outcome = Outcome(({**ROWS[0], "epoch": 2.0, "val_accuracy": 0.75},))
    assert trainable.step() == {"epochs": 1, "score": 0.5}
    assert trainable.step() == {"epochs": 2, "score": 0.75}
    assert trainable.trained == [SECOND]
    assert TrialFiles(work.folder).read(SECOND) == trainable.outcome


def test_a_network_begun_elsewhere_goes_on_at_its_next_rung(trainable, work):
    TrialFiles(work.folder).write(FIRST, Outcome(ROWS))
    trainable.load_checkpoint({"next": 1})
    trainable.outcome = Outcome(({**ROWS[0], "epoch": 2.0},))
    assert trainable.step()["epochs"] == 2
    assert trainable.save_checkpoint("anywhere") == {"next": 2}
    assert trainable.trained == [SECOND]


def test_a_network_whose_every_worker_died_is_named_after_all_attempts(work, monkeypatch):
    from digitlab.cluster import trials

    attempts = []

    def run_once(work, networks, config, data, watcher, *, last):
        watcher.scores[TrialKey(0, 2, 0, 0)] = 0.5
        attempts.append(last)
        return {watcher.next_of(FIRST): "the worker died unexpectedly"}

    monkeypatch.setattr(trials, "_run_once", run_once)
    networks = {TrialKey(0, 2, 0, index): TrainConfig() for index in range(4)}
    asked = trials.run_trials(work, networks, CONFIG, None, Reporter(None, 1))
    assert attempts == [False, False, True]
    assert asked == {TrialKey(0, 2, 0, 0), FIRST}
    assert TrialFiles(work.folder).read(FIRST) == Outcome((), "the worker died unexpectedly")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": [], "error": ""}', '{"rows": [{}], "error": ""}'])
def test_a_damaged_trial_is_named(tmp_path, content):
    files = TrialFiles(tmp_path)
    files.write(FIRST, Outcome(ROWS))
    (path,) = tmp_path.glob("*/trial.json")
    path.write_text(content)
    with pytest.raises(RunError, match="expected a trial of this search") as caught:
        files.read(FIRST)
    assert len(str(caught.value).splitlines()) == 2


def test_an_outcome_is_kept_whole(tmp_path):
    outcome = Outcome((*ROWS, {**ROWS[0], "epoch": 2.0, "val_accuracy": 0.5}))
    TrialFiles(tmp_path).write(FIRST, outcome)
    assert TrialFiles(tmp_path).read(FIRST) == outcome
    assert outcome.best["epoch"] == 1.0  # the first of equals
    assert TrialFiles(tmp_path).read(SECOND) is None
    assert json.loads(next(tmp_path.glob("*/trial.json")).read_text())["error"] == ""
    assert dataclasses.replace(outcome, error="it failed").best is None
