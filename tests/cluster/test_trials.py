"""What becomes of a network whose training fails, or whose every worker dies."""

import dataclasses
import json

import pytest

from digitlab.cluster.plan import plan_on_ray
from digitlab.cluster.trial_files import Outcome, TrialFiles
from digitlab.config import TrainConfig
from digitlab.errors import MachineError, RunError
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


@pytest.mark.parametrize("kind", [MachineError, RunError])
def test_a_failure_of_the_machine_is_reported_to_the_search_and_recorded_nowhere(trainable, work, kind, monkeypatch):
    def train(key, rung):
        raise kind("cannot write trial.json: No space left on device", hint="free some space")

    monkeypatch.setattr(trainable, "_train", train)
    result = trainable.step()
    assert result["stopped"] == ("cannot write trial.json: No space left on device", "free some space")
    assert result["score"] == -1.0  # which Ray's scheduler wants to see
    assert TrialFiles(work.folder).read(FIRST) is None
    assert trainable.save_checkpoint("anywhere") == {"next": 0}


def test_a_search_is_stopped_by_such_a_report_and_says_why(work, monkeypatch):
    from digitlab.cluster import trials
    from digitlab.cluster.scheduler import StopOnFailure

    stopper = StopOnFailure()
    assert (stopper("a", {"score": 0.5}), stopper.stop_all()) == (False, False)
    assert (stopper("a", {"stopped": ("full", "free it")}), stopper.stop_all()) == (False, True)

    def run_once(work, networks, config, data, watcher, *, last):
        watcher.on_trial_result(1, [], None, {"stopped": ("full", "free it"), "score": -1.0, "epochs": 1})
        return {}

    monkeypatch.setattr(trials, "_run_once", run_once)
    with pytest.raises(RunError, match="full") as caught:
        trials.run_trials(work, {FIRST: TrainConfig()}, CONFIG, None, Reporter(None, 1))
    assert caught.value.hint == "free it"


def test_a_network_whose_every_worker_died_is_named_after_all_attempts_and_is_no_result(work, monkeypatch):
    from digitlab.cluster import trials

    attempts = []

    def run_once(work, networks, config, data, watcher, *, last):
        watcher.scores[TrialKey(0, 2, 0, 0)] = 0.5
        attempts.append(last)
        return {watcher.next_of(FIRST): "the worker died unexpectedly"}

    monkeypatch.setattr(trials, "_run_once", run_once)
    networks = {TrialKey(0, 2, 0, index): TrainConfig() for index in range(4)}
    with pytest.raises(RunError, match=r"b2-r0-01 up after 9 workers: the worker died unexpectedly"):
        trials.run_trials(work, networks, CONFIG, None, Reporter(None, 1))
    assert attempts == [False, False, True]
    assert TrialFiles(work.folder).read(FIRST) is None


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
