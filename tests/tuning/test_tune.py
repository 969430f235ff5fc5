"""`tune`: from images to a winner; the same with any number of lanes, and with any part done before."""

import csv
import json
import shutil

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.errors import RunError
from digitlab.study.search import tune
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.hyperband import WEIGHTS_KEPT
from digitlab.tuning.space import SearchSpace

pytestmark = pytest.mark.slow

# Two shapes, so that lanes have to share them out; six configurations, of which the first rung takes four.
SPACE = SearchSpace(hidden_layers=(1,), units=(4, 6), learning_rate=(0.03, 0.003, 0.0003))
CONFIG = SearchConfig(
    max_epochs=4, factor=2, finalists=2, finalist_seeds=2, base=TrainConfig(batch_size=60, epochs=3, seed=5)
)


@pytest.fixture(scope="module")
def told():
    """What the search of two lanes told on its way."""
    return []


@pytest.fixture(scope="module")
def whole(split, tmp_path_factory, told):
    """A search by two lanes."""
    return tune(split, SPACE, CONFIG, out=tmp_path_factory.mktemp("whole") / "run", lanes=2, progress=told.append)


def rows(folder):
    with (folder / "trials.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "duration_s"} for row in csv.DictReader(file)]


def facts(result):
    """All that must not depend on lanes and interruptions."""
    finalists = [(f.config, f.search_score, f.seeds, f.accuracies, f.losses, f.epochs) for f in result.finalists]
    return rows(result.path), finalists, result.choice.to_dict(), result.best.config, result.epochs


def test_the_trials_are_those_of_the_plan(whole):
    # ceil(1 + log2 4) = 3: 1, 3/2 and 3 networks reach the ends; 4@1 2@2 1@4, 3@2 2@4, 3@4
    found = rows(whole.path)
    rungs = [(row["bracket"], row["rung"], row["last_epoch"]) for row in found]
    assert rungs == (
        [("2", "0", "1")] * 4
        + [("2", "1", "2")] * 2
        + [("2", "2", "4")]
        + [("1", "0", "2")] * 3
        + [("1", "1", "4")] * 2
        + [("0", "0", "4")] * 3
    )
    assert whole.plan.epochs == 4 + 2 + 2 + 6 + 4 + 12
    assert all(row["status"] == "completed" and not row["error"] for row in found)
    assert not whole.failed
    assert {row["hidden_units"] for row in found} == {"4", "6"}


def test_scores_are_the_highest_validation_accuracy_of_the_trials_own_epochs(whole):
    for trial in whole.trials:
        assert [row["epoch"] for row in trial.history] == list(range(trial.first_epoch + 1, trial.last_epoch + 1))
        assert trial.score == max(row["val_accuracy"] for row in trial.history)
        best = next(row for row in trial.history if row["val_accuracy"] == trial.score)
        assert (trial.best_epoch, trial.val_loss) == (best["epoch"], best["val_loss"])


def test_the_finalists_are_the_best_different_configurations(whole):
    best = {}
    for trial in whole.trials:
        best[trial.config] = max(best.get(trial.config, 0), trial.score)
    assert [f.search_score for f in whole.finalists] == sorted(best.values(), reverse=True)[:2]
    assert len({f.config for f in whole.finalists}) == 2
    assert all(f.seeds == (5, 6) for f in whole.finalists)


@pytest.mark.parametrize("lanes", [1, 3])
def test_one_lane_and_three_come_to_the_same_trials_and_winner(split, whole, tmp_path, lanes):
    assert facts(tune(split, SPACE, CONFIG, out=tmp_path / "run", lanes=lanes)) == facts(whole)


def test_nothing_is_left_but_results_and_the_weights_of_the_best(whole):
    files = [path.relative_to(whole.path) for path in whole.path.rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.startswith(".unfinished-") or path.suffix == ".npz"]
    weights = [path for path in files if path.name.endswith(".weights.h5")]
    assert len([path for path in weights if path.parts[0] == "search"]) == WEIGHTS_KEPT
    assert sorted(path.name for path in weights if path.parts[0] == "finalists") == [
        f"{rank}-seed-{seed}.weights.h5" for rank in (0, 1) for seed in (5, 6)
    ]
    assert {path.parts[0] for path in files} == {"search", "finalists", "tensorboard", "trials.csv", ".lock"}


def test_tensorboard_sees_the_trials_curves(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert {path.name for path in (whole.path / "tensorboard").iterdir()} == {t.trial for t in whole.trials}
    trial = next(trial for trial in whole.trials if trial.first_epoch)
    log = EventAccumulator(str(whole.path / "tensorboard" / trial.trial))
    log.Reload()
    seen = [(event.step, event.value) for event in log.Scalars("epoch_val_loss")]
    assert seen == [(row["epoch"], pytest.approx(row["val_loss"])) for row in trial.history]


def test_progress_is_told_from_nothing_to_the_last_finalist(whole, told):
    searching = [p for p in told if p.finalists is None]
    assert searching[0].epochs == 0
    assert searching[-1].epochs == searching[-1].of_epochs == whole.plan.epochs
    assert [p.epochs for p in searching] == sorted(p.epochs for p in searching)
    assert searching[-1].remaining_s == 0
    assert [p.finalists for p in told if p.finalists] == [(n, 4) for n in range(5)]


def test_the_result_is_plain_json(whole):
    record = json.loads(json.dumps(whole.to_dict(), allow_nan=False))
    assert record["trials"] == 15
    assert record["best"]["hidden_units"] == list(whole.best.config.hidden_units)


def test_a_finished_search_gives_the_same_again(split, whole, tmp_path, monkeypatch):
    copy = shutil.copytree(whole.path, tmp_path / "run")
    monkeypatch.setattr("digitlab.lanes.lanes.Lanes.give", None)  # to train anything would be an error
    assert facts(tune(split, SPACE, CONFIG, out=copy, lanes=1)) == facts(whole)


def test_a_search_without_a_folder_leaves_none(split, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    once = SearchConfig(max_epochs=1, finalists=1, finalist_seeds=1, base=CONFIG.base)
    result = tune(split, SPACE, once, lanes=1)
    assert result.path is None
    assert len(result.trials) == len(result.finalists) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("digitlab-search-")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": SearchSpace(hidden_layers=(1,), units=(4, 7))}, "another space"),
        ({"config": SearchConfig(max_epochs=5, factor=2, base=CONFIG.base)}, "another plan"),
        ({"config": SearchConfig(max_epochs=4, factor=2, base=CONFIG.base.replace(seed=6))}, "another seed"),
        ({"config": SearchConfig(max_epochs=4, factor=2, base=CONFIG.base.replace(patience=7))}, "another fixed"),
        ({"inverted": True}, "another data"),
    ],
    ids=["space", "plan", "seed", "patience", "data"],
)
def test_a_folder_of_another_search_is_refused(split, whole, tmp_path, changes, said):
    copy = shutil.copytree(whole.path, tmp_path / "run")
    other = Split(np.uint8(255) - split.images, split.labels, "inverted", split.class_names)
    with pytest.raises(RunError, match=said) as caught:
        tune(
            other if "inverted" in changes else split,
            changes.get("space", SPACE),
            changes.get("config", CONFIG),
            out=copy,
            lanes=1,
        )
    assert len(str(caught.value).splitlines()) == 2
