"""``digitlab study``, ``tune`` and ``scan`` through the command line, on a small problem."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from digitlab.cli.main import main
from digitlab.config import TrainConfig
from digitlab.runs import RunFolder
from digitlab.study.folder import clear_run
from digitlab.study.study import STAGES, ScanSettings, Study
from digitlab.tuning.config import SearchConfig
from digitlab.tuning.space import SearchSpace

SMALL = (
    "--units", "8,16", "--learning-rates", "0.01,0.001", "--max-epochs", "3", "--finalists", "2",
    "--finalist-seeds", "2", "--seed", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """600 pictures of three classes, each with a bright third; named so that careless HTML would show it."""
    rng = np.random.default_rng(0)
    labels = (np.arange(600) % 3).astype(np.uint8)
    images = rng.integers(0, 60, (600, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[9 * label : 9 * label + 9] += 40
    path = tmp_path_factory.mktemp("data") / "thirds <b>.npz"
    np.savez(path, x_train=images[:450], y_train=labels[:450], x_test=images[450:], y_test=labels[450:])
    return path


def start(*arguments):
    command = [sys.executable, "-m", "digitlab", *map(str, arguments)]
    # As from a terminal: TensorFlow, once another test has imported it here, leaves a log level to children.
    clean = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, text=True, env=clean, preexec_fn=heed_ctrl_c)


def heed_ctrl_c():
    """Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


@pytest.fixture(scope="module")
def studied(data, tmp_path_factory):
    """What ``digitlab study --json`` printed on both streams, and the run folder."""
    out = tmp_path_factory.mktemp("runs") / "study"
    printed, told = finish(start("study", "--data", data, "--out", out, *SMALL, "--scan-epochs", "2", "--json"))
    return json.loads(printed), told, out


def run(capfd, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    out, err = capfd.readouterr()
    return caught.value.code, out, err


@pytest.mark.slow
def test_everything_that_a_study_writes_is_removed_by_its_name_and_nothing_beside_it(studied, tmp_path):
    run_folder = tmp_path / "run"
    shutil.copytree(studied[2], run_folder)
    (run_folder / "search" / "notes.txt").write_text("mine")
    clear_run(RunFolder(run_folder))
    left = {str(path.relative_to(run_folder)) for path in run_folder.rglob("*")}
    assert left == {".lock", "search", "search/notes.txt"}


@pytest.mark.slow
def test_a_study_prints_one_json_object_with_the_promised_keys(studied):
    summary, _, out = studied
    assert summary["run"] == str(out)
    assert {"name", "fingerprint"} <= set(summary["dataset"])
    assert summary["duration_s"] > 0
    assert {"accuracy", "loss"} <= set(summary["validation"])
    assert summary["test"]["n"] == 150
    low, high = summary["test"]["accuracy_interval"]
    assert 0 <= low <= summary["test"]["accuracy"] <= high <= 1
    assert summary["test"]["trained_on"] == 0
    assert summary["duration_s"] > summary["stages_duration_s"]
    assert len(summary["best"]["hidden_units"]) == 2
    assert summary["best"]["learning_rate"] in (0.01, 0.001)


@pytest.mark.slow
def test_before_it_searches_a_study_prints_its_exact_plan(studied):
    _, told, _ = studied
    # max_epochs 3, factor 3: 1 + log3(3) = 2 networks reach the end of bracket 0, half as many that of bracket 1,
    # which begins with three times as many: 3 x 1 epoch + 1 x 2 more + 2 x 3 = 11 epochs.
    assert "bracket 1: 3 to epoch 1 -> 1 to epoch 3" in told
    assert "bracket 0: 2 to epoch 3" in told
    assert "6 trials, 11 epochs over 8 configurations" in told


@pytest.mark.slow
def test_a_study_leaves_every_stage_and_its_result_in_run_json(studied):
    _, _, out = studied
    record = RunFolder(out).read_record()
    assert list(record["stages"]) == ["scan", "tune", "train", "evaluate", "export", "recommend", "report"]
    assert {stage["status"] for stage in record["stages"].values()} == {"finished"}
    assert record["status"] == "finished"
    assert record["test_opened"]
    assert record["scan"]["suggestion"] in (0.01, 0.001)
    assert len(record["seeds"]["test_accuracies"]) == 2
    assert record["document"]["test_accuracy"] == 0.9758
    assert "not compared with the document" in record["document_note"]
    for name in (
        "model.keras",
        "model.onnx",
        "history.csv",
        "scan.csv",
        "trials.csv",
        "report.html",
        "predictions.npz",
        "training_fingerprints.npy",
        "recommended/training_fingerprints.npy",
    ):
        assert (out / name).stat().st_size > 0


@pytest.mark.slow
def test_a_study_ends_with_the_winners_widths_trained_by_the_default_recipe_on_every_image(studied):
    summary, _, out = studied
    recommended = summary["recommended"]
    assert recommended["run"] == str(out / "recommended")
    record = RunFolder(out / "recommended").read_record()
    assert record["config"]["hidden_units"] == summary["best"]["hidden_units"]
    assert record["config"]["preset"] == "default"
    assert recommended["validation"] is None
    assert record["dataset"]["train"] == 450
    assert recommended["test"]["n"] == 150
    comparison = recommended["comparison"]
    paired = (comparison["only_a"] - comparison["only_b"]) / 150
    assert recommended["test"]["accuracy"] - summary["test"]["accuracy"] == pytest.approx(paired)
    assert (out / "recommended" / "report.html").exists()
    assert "recommended/report.html" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_study_of_other_data_than_mnist_is_not_compared_with_the_document(studied):
    summary, _, out = studied
    assert summary["document"] is None
    assert "this run has 450 to train on and 150 to test" in summary["document_note"]
    assert "not compared with the document" in (out / "report.html").read_text()


@pytest.mark.slow
def test_tensorflow_warns_of_nothing_in_a_study(studied):
    _, told, _ = studied
    assert "retracing" not in told
    assert "WARNING" not in told


def test_a_study_that_recommends_nothing_has_no_such_stage():
    told = ("study", SearchConfig(), SearchSpace(), ScanSettings((0.001,)))
    assert "recommend" not in Study(*told).stages
    assert Study(*told, recipe=TrainConfig()).stages == STAGES["study"]


@pytest.mark.slow
def test_a_study_that_recommends_nothing_ends_without_an_error(data, tmp_path):
    out = tmp_path / "study"
    sizes = ("--layers", "1", "--units", "4", "--learning-rates", "0.01,0.001", "--max-epochs", "2", "--factor", "2")
    least = ("--finalists", "1", "--finalist-seeds", "1", "--scan-epochs", "1", "--no-recommend")
    printed, _ = finish(start("study", "--data", data, "--out", out, *sizes, *least, "--json"))
    assert json.loads(printed)["recommended"] is None
    assert RunFolder(out).read_record()["status"] == "finished"


@pytest.mark.slow
def test_trials_csv_has_a_row_a_trial(studied):
    _, _, out = studied
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {row["status"] for row in rows} == {"completed"}
    promoted = [row for row in rows if row["rung"] == "1"]
    assert [(row["first_epoch"], row["last_epoch"]) for row in promoted] == [("1", "3")]


@pytest.mark.slow
def test_the_winner_of_a_study_scores_the_same_by_keras_and_by_onnx(studied, capfd):
    summary, _, out = studied
    code, printed, _ = run(capfd, "evaluate", out, "--json")
    assert code == 0
    assert json.loads(printed)["accuracy"] == summary["test"]["accuracy"]
    code, printed, _ = run(
        capfd, "evaluate", out / "model.onnx", "--data", RunFolder(out).read_record()["dataset"]["source"], "--json"
    )
    assert code == 0
    assert json.loads(printed)["accuracy"] == summary["test"]["accuracy"]


@pytest.mark.slow
def test_a_finished_study_and_another_verbs_run_are_refused(studied, data, capfd):
    _, _, out = studied
    code, _, err = run(capfd, "study", "--data", data, "--out", out, *SMALL, "--scan-epochs", "2")
    assert code == 1
    assert "--overwrite" in err
    code, _, err = run(capfd, "tune", "--resume", out)
    assert code == 1
    assert f"digitlab study --resume {out}" in err


@pytest.mark.slow
def test_an_interrupted_study_says_how_to_resume_and_ends_as_an_uninterrupted_one(studied, data, tmp_path):
    summary, _, _ = studied
    out = tmp_path / "study"
    process = start("study", "--data", data, "--out", out, *SMALL, "--scan-epochs", "2", "--lanes", "1")
    deadline = time.monotonic() + 120
    while not list(out.glob("search/trial_*/trial.json")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert f"hint: digitlab study --resume {out}" in err
    assert RunFolder(out).read_record()["status"] == "interrupted"
    assert (out / "report.html").exists()
    printed, _ = finish(start("study", "--resume", out, "--json"))
    again = json.loads(printed)
    for key in ("best", "validation", "test", "seeds", "epochs", "dataset"):
        assert again[key] == summary[key]


@pytest.mark.slow
def test_tune_prints_trials_and_best_and_opens_no_test_split(data, tmp_path):
    out = tmp_path / "tune"
    printed, told = finish(start("tune", "--data", data, "--out", out, *SMALL, "--json"))
    assert "oneDNN" not in told  # TensorFlow's start-up lines
    assert "cuda" not in told
    summary = json.loads(printed)
    assert summary["trials"] == 6
    assert summary["validation_overlap"] == ""
    assert {"hidden_units", "learning_rate", "validation_accuracy"} <= set(summary["best"])
    record = RunFolder(out).read_record()
    assert record["test"] is None
    assert "test_opened" not in record


@pytest.mark.slow
def test_scan_prints_a_sentence_that_says_which_rate_and_why(data, tmp_path):
    out = tmp_path / "scan"
    _, told = finish(start("scan", "--data", data, "--out", out, "--rates", "0.01,0.00001", "--epochs", "2"))
    assert "0.01 reached the lowest validation loss" in " ".join(told.split())
    with (out / "scan.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["learning_rate"]) == pytest.approx(1e-6)
    assert len(rows) > 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tune", "--units", "8,x"), "--units: expected whole numbers"),
        (("tune", "--units", "8,8"), "units: expected a list of distinct numbers"),
        (("tune", "--units", "8", "--learning-rates", "0.1"), "one configuration"),
        (("tune", "--max-epochs", "0"), "max_epochs: expected a whole number from 1"),
        (("tune", "--space", "nowhere.toml"), "nowhere.toml: expected a TOML file"),
        (("tune", "--dropouts", "0.1,2"), "dropout: expected a number"),
        (("study", "--resume", "run", "--seed", "1"), "--resume takes its settings from the run"),
        (("scan", "--rates", "0.1,high"), "--rates: expected numbers"),
        (("scan", "--epochs", "0"), "0 is not in the range x>=1"),
        (("study", "--scan-epochs", "0"), "0 is not in the range x>=1"),
        (("scan", "--resume", "run", "--steps", "50"), "--resume takes its settings from the run"),
        (("scan", "--resume", "run", "--lowest", "1e-6"), "--resume takes its settings from the run"),
    ],
)
def test_wrong_usage_is_said_in_two_lines_before_anything_is_begun(arguments, said, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capfd, *arguments)
    assert (code, out) == (2, "")
    first, second = err.strip().splitlines()
    assert said in first
    assert second.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []
