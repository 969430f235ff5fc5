"""``digitlab export``, and ``digitlab evaluate`` of what it wrote."""

import json
import subprocess
import sys

import numpy as np
import pytest

from digitlab.classifier import load_classifier
from digitlab.cli.main import main
from digitlab.model.backend import keras
from digitlab.runs import RunFolder
from digitlab.study.folder import clear_run

NAMES = list("0123456789")


@pytest.fixture
def digitlab(capfd):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noise of ten classes."""
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
    labels = np.arange(200, dtype=np.uint8) % 10
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return path


@pytest.fixture
def run(tmp_path, data):
    """A finished run, as far as these verbs look at it."""
    rng = np.random.default_rng(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    model.set_weights([rng.normal(0, 0.2, (784, 10)), np.zeros(10)])
    folder = RunFolder(tmp_path / "run")
    folder.write_record(
        {
            "format": 1, "version": "2.0.0", "name": "run", "created": "2026-01-01T00:00:00+00:00",
            "status": "finished", "config": {}, "stages": {}, "versions": {}, "machine": {},
            "dataset": {
                "name": "noise", "fingerprint": "0", "class_names": NAMES, "train": 200, "validation": 0, "note": "",
                "source": str(data),
            },
        }
    )  # fmt: skip
    model.save(folder / "model.keras")
    return folder.path


def test_a_run_is_exported_into_its_folder_and_the_path_is_printed(digitlab, run):
    code, out, err = digitlab("export", run)
    assert (code, out, err) == (0, f"{run / 'model.onnx'}\n", "")
    assert load_classifier(run).class_names == tuple(NAMES)


def test_out_and_format_are_taken(digitlab, run, tmp_path):
    path = tmp_path / "new" / "digits [b].onnx"
    code, out, _ = digitlab("export", run, "--format", "onnx", "--out", path)
    assert (code, out) == (0, f"{path}\n")
    assert load_classifier(path).num_classes == 10
    assert not (run / "model.onnx").exists()


def test_a_page_is_written_into_the_folder_of_its_run(digitlab, run):
    code, out, err = digitlab("export", run, "--format", "html")
    assert (code, out, err) == (0, f"{run / 'model.html'}\n", "")
    assert "run, in this page itself, its weights as float32" in (run / "model.html").read_text()
    clear_run(RunFolder(run))
    assert not (run / "model.html").exists()


def test_an_exported_file_becomes_a_page_beside_itself(digitlab, run, tmp_path):
    digitlab("export", run, "--out", tmp_path / "mine.onnx")
    code, out, _ = digitlab("export", tmp_path / "mine.onnx", "--format", "html")
    assert (code, out) == (0, f"{tmp_path / 'mine.html'}\n")


def test_the_shipped_network_becomes_a_page_where_it_is_told_to(digitlab, tmp_path):
    code, out, err = digitlab("export", "--format", "html", "--out", tmp_path / "digits.html")
    assert (code, out, err) == (0, f"{tmp_path / 'digits.html'}\n", "")
    assert "the shipped network, in this page itself" in (tmp_path / "digits.html").read_text()


def test_a_keras_file_is_exported_beside_itself_under_its_name(digitlab, run, tmp_path):
    (run / "model.keras").rename(tmp_path / "mine.v2.keras")
    code, out, _ = digitlab("export", tmp_path / "mine.v2.keras")
    assert (code, out) == (0, f"{tmp_path / 'mine.v2.onnx'}\n")
    assert load_classifier(tmp_path / "mine.v2.onnx").class_names == tuple(NAMES)


def test_an_exported_file_has_the_scores_of_its_run(digitlab, run, data):
    digitlab("export", run)
    code, text, _ = digitlab("evaluate", run, "--json")
    assert code == 0
    of_keras = json.loads(text)
    code, text, err = digitlab("evaluate", run / "model.onnx", "--data", data, "--json")
    assert (code, err) == (0, "")
    of_onnx = json.loads(text)
    assert of_onnx["accuracy"] == of_keras["accuracy"]
    assert of_onnx["confusion_matrix"] == of_keras["confusion_matrix"]
    assert of_onnx["loss"] == pytest.approx(of_keras["loss"], abs=1e-5)


def test_half_is_half_the_size(digitlab, run):
    digitlab("export", run)
    whole = (run / "model.onnx").stat().st_size
    digitlab("export", run, "--half")
    assert (run / "model.onnx").stat().st_size < 0.53 * whole


def test_the_shipped_network_is_scored_where_none_is_named(digitlab, data):
    code, text, _ = digitlab("evaluate", "--data", data, "--json")
    assert code == 0
    scored = json.loads(text)
    assert scored["model"] == "the shipped network"
    assert 0 <= scored["accuracy"] <= 1


def test_an_exported_file_is_scored_without_what_training_needs(digitlab, run, data):
    digitlab("export", run)
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'onnx', 'sklearn', 'scipy'): sys.modules[name] = None\n"
        "from digitlab.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, "evaluate", run / "model.onnx", "--data", data, "--json"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, "")
    assert json.loads(process.stdout)["n"] == 200


def test_names_of_classes_that_are_not_those_of_the_data_are_noted(digitlab, run, data):
    folder = RunFolder(run)
    folder.update_record(dataset={**folder.read_record()["dataset"], "class_names": list("abcdefghij")})
    digitlab("export", run)
    code, _, err = digitlab("evaluate", run / "model.onnx", "--data", data)
    assert code == 0
    assert "classes of other names" in err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["export"], 2),
        (["export", "--format", "html"], 2),
        (["export", "RUN", "--format", "tflite"], 2),
        (["export", "RUN", "--out", "model.keras"], 2),
        (["export", "RUN", "--format", "html", "--out", "model.onnx"], 2),
        (["export", "RUN", "--format", "html", "--half"], 2),
        (["export", "nowhere", "--format", "html"], 1),
        (["export", "rubbish.onnx", "--format", "html"], 1),
        (["export", "nowhere"], 1),
        (["export", "."], 1),
        (["export", "RUN", "--out", "RUN/run.json/model.onnx"], 1),
        (["evaluate", "nowhere.onnx"], 1),
        (["evaluate", "rubbish.onnx"], 1),
    ],
)
def test_wrong_use_is_two_lines_and_an_exit_code(digitlab, run, monkeypatch, arguments, status):
    monkeypatch.chdir(run.parent)
    (run.parent / "rubbish.onnx").write_bytes(b"rubbish")
    code, out, err = digitlab(*(argument.replace("RUN", "run") for argument in arguments))
    assert (code, out) == (status, "")
    first, second = err.strip().splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "run.json"]
    assert sorted(path.name for path in run.parent.iterdir()) == ["rubbish.onnx", "run"]


def test_what_cannot_be_exported_leaves_nothing_in_the_run(digitlab, run):
    normalised = [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.LayerNormalization(name="culprit")]
    keras.Sequential([*normalised, keras.layers.Dense(10, "softmax")]).save(run / "model.keras")
    code, _, err = digitlab("export", run)
    assert code == 1
    assert "culprit (LayerNormalization)" in err
    assert sorted(path.name for path in run.iterdir()) == [".lock", "model.keras", "run.json"]


def test_a_run_that_another_process_holds_is_not_written_into(digitlab, run):
    code = (
        "import sys; from pathlib import Path; from digitlab.runs import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).lock(): print('held', flush=True); input()\n"
    )
    holder = [sys.executable, "-c", code, run]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        status, _, err = digitlab("export", run)
        process.communicate("\n")
    assert status == 1
    assert "in use by another digitlab process" in err


def test_training_anew_removes_the_export_of_the_run_that_was(digitlab, run):
    digitlab("export", run)
    clear_run(RunFolder(run))
    assert not (run / "model.onnx").exists()


@pytest.mark.parametrize("verb", ["report", "export", "export to its own file"])
def test_a_run_that_another_process_writes_into_is_not_written_into(digitlab, run, verb):
    arguments = {
        "report": ["report", run],
        "export": ["export", run],
        "export to its own file": ["export", run, "--out", run / "model.onnx"],
    }[verb]
    before = sorted(p.name for p in run.iterdir())
    with RunFolder(run).lock():
        code, out, err = digitlab(*arguments)
    assert (code, out) == (1, "")
    assert "is in use by another digitlab process\nhint: wait for it to end" in err
    assert sorted({*before, ".lock"}) == sorted(p.name for p in run.iterdir())


def test_a_report_of_no_run_makes_no_folder(digitlab, tmp_path):
    code, _, err = digitlab("report", tmp_path / "none")
    assert code == 1
    assert "found no run.json" in err
    assert not (tmp_path / "none").exists()
