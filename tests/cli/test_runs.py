"""Runs through the command line, from data to report, on a small problem."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import forked
from digitlab.cli.main import main
from digitlab.model.backend import keras
from digitlab.runs import RunFolder

pytestmark = pytest.mark.slow

OPTIONS = ("--preset", "document", "--hidden", "8", "--epochs", "3", "--batch-size", "36", "--seed", "1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """500 pictures in two class folders' worth of an NPZ: a bright upper or lower half."""
    rng = np.random.default_rng(0)
    labels = np.arange(500, dtype=np.uint8) % 2
    images = rng.integers(0, 60, (500, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[14 * label : 14 * label + 14] += 60
    path = tmp_path_factory.mktemp("data") / "halves [b] <i>.npz"
    np.savez(path, x_train=images[:400], y_train=labels[:400], x_test=images[400:], y_test=labels[400:])
    return path


def run(capfd, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    out, err = capfd.readouterr()
    return caught.value.code, out, err


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """What ``digitlab train --json`` printed, and the run folder."""
    out = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "digitlab", "train", "--data", data, "--out", out, *OPTIONS, "--json"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout), out, process.stderr


def test_json_has_one_object_with_the_promised_keys(finished):
    summary, out, _ = finished
    assert summary["run"] == str(out)
    assert {"name", "fingerprint"} <= set(summary["dataset"])
    assert summary["epochs"] == 3
    assert summary["duration_s"] > 0
    assert {"accuracy", "loss"} <= set(summary["validation"])
    assert summary["test"]["n"] == 100
    low, high = summary["test"]["accuracy_interval"]
    assert 0 <= low <= summary["test"]["accuracy"] <= high <= 1


def test_progress_is_on_standard_error_an_epoch_a_line_with_names_as_they_are(finished):
    _, _, err = finished
    assert "halves [b] <i>.npz" in err
    for epoch in (1, 2, 3):
        assert f"epoch   {epoch}   loss" in err
    assert "\x1b" not in err, "colours belong on a terminal"


def test_the_run_folder_holds_what_is_promised(finished):
    _, out, _ = finished
    names = {p.name for p in out.iterdir() if not p.name.startswith(".")}
    assert names == {
        "run.json", "model.keras", "model.onnx", "history.csv", "evaluation.json", "predictions.npz", "checkpoints",
        "tensorboard", "figures", "report.html", "training_fingerprints.npy",
    }  # fmt: skip
    assert {p.suffix for p in (out / "figures").iterdir()} == {".png", ".svg"}
    record = RunFolder(out).read_record()
    assert record["status"] == "finished"
    assert record["test_opened"]
    assert {stage["status"] for stage in record["stages"].values()} == {"finished"}


def test_names_from_outside_are_escaped_in_the_report(finished):
    _, out, _ = finished
    html = (out / "report.html").read_text()
    assert "halves [b] &lt;i&gt;.npz" in html
    assert "<i>" not in html


def test_evaluate_scores_a_run_on_its_own_test_split_again(finished, capfd):
    summary, out, _ = finished
    code, text, _ = run(capfd, "evaluate", out, "--json")
    scores = json.loads(text)
    assert code == 0
    assert scores["accuracy"] == summary["test"]["accuracy"]
    assert scores["loss"] == pytest.approx(summary["test"]["loss"], rel=1e-5)
    assert np.sum(scores["confusion_matrix"]) == scores["n"] == 100
    assert {"accuracy_interval", "expected_calibration_error", "per_class"} <= set(scores)


def test_a_run_says_that_none_of_its_test_images_was_in_its_training(finished, capfd):
    summary, out, err = finished
    assert summary["test"]["trained_on"] == 0
    assert "in its training" not in err
    for target in (out, out / "model.onnx"):
        code, text, err = run(capfd, "evaluate", target, "--data", RunFolder(out).read_record()["dataset"]["source"])
        assert (code, err) == (0, "")
        assert "none of these images was in its training" in text


def test_a_score_of_training_images_is_said_to_be_one_by_every_way(finished, capfd):
    _, out, _ = finished
    sentence = "360 of these 400 images were in its training; for new ones the score may be too high"
    code, text, err = run(capfd, "evaluate", out, "--split", "train")
    assert code == 0
    assert f"warning: {sentence}\nhint: " in err
    assert sentence in " ".join(text.split())
    assert "95 % interval" not in text
    code, text, err = run(capfd, "evaluate", out, "--split", "train", "--json")
    assert f"warning: {sentence}" in err
    scores = json.loads(text)
    assert (scores["trained_on"], scores["n"], scores["overlap"]) == (360, 400, sentence)


def test_the_shipped_networks_score_on_the_sample_is_no_headline(capfd):
    code, text, err = run(capfd, "evaluate", "--data", "sample")
    sentence = "all 1,000 of these images were in its training; the score says nothing about new ones"
    assert code == 0
    assert f"warning: {sentence}" in err
    assert "lower and less certain" not in err
    assert " ".join(text.split()).startswith(f"A{sentence[1:]}.")
    assert "95 % interval" not in text


def test_what_a_file_was_trained_on_that_lies_elsewhere_is_not_known(finished, data, tmp_path, capfd):
    _, out, _ = finished
    (tmp_path / "model.onnx").write_bytes((out / "model.onnx").read_bytes())
    code, text, err = run(capfd, "evaluate", tmp_path / "model.onnx", "--data", data)
    assert (code, err) == (0, "")
    assert "it is not known which images this network was trained on" in text
    code, text, _ = run(capfd, "evaluate", tmp_path / "model.onnx", "--data", data, "--json")
    assert json.loads(text)["trained_on"] is None


def test_a_damaged_file_of_fingerprints_is_two_lines_and_the_hint_works(finished, tmp_path, capfd):
    _, out, _ = finished
    shutil.copytree(out, tmp_path / "run")
    (tmp_path / "run" / "training_fingerprints.npy").write_bytes(b"\x93NUMPY")
    code, text, err = run(capfd, "evaluate", tmp_path / "run")
    assert (code, text) == (1, "")
    error, hint = err.strip().splitlines()
    assert "training_fingerprints.npy" in error
    assert "remove it" in hint
    (tmp_path / "run" / "training_fingerprints.npy").unlink()
    code, _, _ = run(capfd, "evaluate", tmp_path / "run")
    assert code == 0


def test_what_is_printed_as_the_duration_counts_from_the_commands_start(finished):
    summary, out, _ = finished
    stages = RunFolder(out).read_record()["stages"].values()
    assert summary["stages_duration_s"] == pytest.approx(sum(stage["duration_s"] for stage in stages), abs=2e-3)
    # The imports and the reading of the data belong to no stage.
    assert summary["duration_s"] > summary["stages_duration_s"]


def test_evaluate_says_it_to_people_too(finished, capfd):
    _, out, _ = finished
    code, text, _ = run(capfd, "evaluate", out)
    assert code == 0
    assert "95 % interval" in text
    assert "precision" in text


def test_a_file_that_a_users_own_checkpoint_wrote_scores_as_keras_scores_it(data, tmp_path, capfd):
    with np.load(data) as arrays:
        x, y = arrays["x_train"], arrays["y_train"]
        test_x, test_y = arrays["x_test"], arrays["y_test"]
    classes = 10  # an NPZ without names has the ten digits
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    path = tmp_path / "theirs.keras"
    model.fit(x, y, epochs=1, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path)])
    loss, accuracy = model.evaluate(test_x, test_y, verbose=0)
    code, text, _ = run(capfd, "evaluate", path, "--data", data, "--json")
    assert code == 0
    assert json.loads(text)["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert json.loads(text)["loss"] == pytest.approx(loss, rel=1e-4)


def test_the_report_is_drawn_again_without_keras_or_the_data(finished):
    _, out, _ = finished
    before = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    code = (
        "import sys; from digitlab.cli.main import main\n"
        "try: main(['report', sys.argv[1]])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, out], check=True, capture_output=True)
    assert (out / "report.html").read_bytes() == before


def test_a_finished_run_is_not_overwritten_unless_asked(finished, data, capfd):
    _, out, _ = finished
    before = (out / "model.keras").read_bytes()
    code, _, err = run(capfd, "train", "--data", data, "--out", out, *OPTIONS)
    assert code == 1
    assert "finished run" in err
    assert "--overwrite" in err
    assert (out / "model.keras").read_bytes() == before


def test_a_checkpoint_that_a_kill_after_training_left_is_removed_by_the_resume(finished, tmp_path, capfd):
    _, whole, _ = finished
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    (out / "checkpoints" / "state.npz").write_bytes(b"of the last epoch")
    record = RunFolder(out).read_record()
    del record["stages"]["report"]
    RunFolder(out).write_record({**record, "status": "running"})
    code, _, err = run(capfd, "train", "--resume", out)
    assert code == 0, err
    assert not (out / "checkpoints" / "state.npz").exists()


def test_data_that_are_not_there_leave_no_run_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capfd, "train", "--data", "nowhere")
    assert code == 2, err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_left_alone(tmp_path, data, capfd):
    (tmp_path / "thesis.docx").write_text("years of work")
    code, _, err = run(capfd, "train", "--data", data, "--out", tmp_path, *OPTIONS, "--overwrite")
    assert code == 1
    assert "thesis.docx" in err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_run_without_a_model_is_said_so(finished, tmp_path, capfd):
    _, out, _ = finished
    (tmp_path / "run.json").write_bytes((out / "run.json").read_bytes())
    code, _, err = run(capfd, "evaluate", tmp_path)
    assert code == 1
    assert "found no model.keras" in err
    assert "--resume" in err


def test_a_full_disk_is_two_lines_and_the_same_command_then_goes_on(data, tmp_path):
    """A file size limit of the operating system stands for the full disk: writes beyond it fail."""
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limit = int(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "from digitlab.cli.main import main\n"
        "main(sys.argv[2:])\n"
    )
    out = tmp_path / "run"
    arguments = ["train", "--data", data, "--out", out, *OPTIONS]
    full = forked.run(script, "20000", *arguments)
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    error, hint = [line for line in full.stderr.splitlines() if line.startswith(("error: ", "hint: "))]
    assert "cannot write" in error
    assert "free some space" in hint
    assert [p.name for p in out.rglob(".*")] == [".lock"]
    roomy = forked.run(script, "-1", *arguments)
    assert roomy.returncode == 0, roomy.stderr
