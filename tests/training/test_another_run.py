"""An interrupted run is gone on with as it was begun, whatever stages of it are finished, or not at all."""

import json
import re
import shutil
import warnings

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import load_dataset
from digitlab.errors import DigitlabWarning, RunError
from digitlab.model.backend import keras
from digitlab.report import write_report
from digitlab.runs import RunFolder
from digitlab.study import train as train_module
from digitlab.study.folder import describe_data
from digitlab.study.train import train_and_report
from digitlab.training.train import train, train_in

CONFIG = TrainConfig(hidden_units=(4,), epochs=1, patience=0)
STAGES = ("train", "evaluate", "export", "report")


def dataset(path, seed, test_seed=None):
    rng, test_rng = np.random.default_rng(seed), np.random.default_rng(seed if test_seed is None else test_seed)
    labels = np.arange(100, dtype=np.uint8) % 10
    np.savez(
        path,
        x_train=rng.integers(0, 256, (100, 28, 28), dtype=np.uint8),
        y_train=labels,
        x_test=test_rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        y_test=labels[:20],
    )
    return load_dataset(str(path))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return dataset(tmp_path_factory.mktemp("data") / "a.npz", 0)


@pytest.fixture(scope="module")
def interrupted(data, tmp_path_factory):
    """A run folder for each stage, of a run that was interrupted right after it."""
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        for stage in STAGES[:-1]:
            following = {"train": "evaluate_in", "evaluate": "export_in", "export": "report_in"}[stage]
            patch.setattr(train_module, following, lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
            folders[stage] = tmp_path_factory.mktemp("runs") / stage
            with pytest.raises(RuntimeError, match="killed"):
                train_and_report(data, CONFIG, folders[stage])
            patch.undo()
    return folders


@pytest.fixture
def cut(interrupted, tmp_path):
    def copy(stage):
        return shutil.copytree(interrupted[stage], tmp_path / "run")

    return copy


def refused(data, config, path, match):
    before = (path / "run.json").read_bytes()
    with pytest.raises(RunError, match=match) as caught:
        train_and_report(data, config, path)
    assert len(str(caught.value).splitlines()) == 2
    assert (path / "run.json").read_bytes() == before


@pytest.mark.parametrize("stage", STAGES[:-1])
@pytest.mark.parametrize(
    ("seed_of_data", "seed_of_test", "changes", "what"),
    [
        (1, 0, {}, "training data"),
        (0, 1, {}, "test split"),
        (0, 0, {"seed": 7}, "configuration: seed 0 there, 7 asked for"),
        (0, 0, {"dropout": 0.5}, "configuration: dropout"),
    ],
    ids=["data", "test data", "seed", "configuration"],
)
def test_another_run_is_refused_after_every_stage(cut, tmp_path, stage, seed_of_data, seed_of_test, changes, what):
    other = dataset(tmp_path / "b.npz", seed_of_data, seed_of_test)
    refused(other, CONFIG.replace(**changes), cut(stage), f"unfinished run with another {what}")


def test_other_software_is_refused_after_the_training_stage(data, cut):
    path = cut("train")
    versions = RunFolder(path).read_record()["versions"]
    RunFolder(path).update_record(versions={**versions, "keras": "3.0.0"})
    refused(data, CONFIG, path, "another software: keras '3.0.0' there")


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("train", "history.csv"),
        ("train", "model.keras"),
        ("train", "training_fingerprints.npy"),
        ("evaluate", "evaluation.json"),
        ("evaluate", "predictions.npz"),
        ("export", "model.onnx"),
        ("export", "history.csv"),
    ],
)
def test_a_run_is_not_finished_with_a_file_that_is_not_the_one_its_stage_left(data, cut, stage, name):
    path = cut(stage)
    content = (path / name).read_bytes()
    for damaged in (content[: len(content) // 2], b"", content[:-2] + b"00"):
        (path / name).write_bytes(damaged)
        refused(data, CONFIG, path, rf"{name}: expected .*, as run\.json states")
    (path / name).write_bytes(content)
    assert train_and_report(data, CONFIG, path)["epochs"] == 1


def test_digits_changed_in_run_json_are_refused(data, cut):
    path = cut("evaluate")
    record = json.loads((path / "run.json").read_text())
    record["test"]["accuracy"] = 0.983
    (path / "run.json").write_text(json.dumps(record))
    refused(data, CONFIG, path, r"run\.json: .*SHA-256")


def test_a_resume_on_a_processor_of_other_instructions_warns_and_ends(data, cut):
    path = cut("train")
    machine = RunFolder(path).read_record()["machine"]
    RunFolder(path).update_record(machine={**machine, "cpu_features": ["abacus"]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert train_and_report(data, CONFIG, path)["epochs"] == 1
    [told] = [str(one.message) for one in caught if one.category is DigitlabWarning]
    assert re.search(r"a processor of other instructions \(abacus there.*last digits", told)


def test_the_training_stage_alone_states_what_it_has_left(data, tmp_path):
    train_in(RunFolder(tmp_path), data.train, CONFIG, about=describe_data(data))
    files = RunFolder(tmp_path).read_record()["stages"]["train"]["files"]
    assert set(files) == {"history.csv", "model.keras", "training_fingerprints.npy"}
    assert all(files[name]["bytes"] == (tmp_path / name).stat().st_size for name in files)


class Stop(keras.callbacks.Callback):
    """Ends the process's training after its second epoch."""

    def get_state(self):
        return {}

    def set_state(self, state):
        pass

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.fixture
def unfinished(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(data.train, CONFIG.replace(epochs=3), out=tmp_path / "run", callbacks=[Stop()])
    return tmp_path / "run"


def test_the_report_of_an_unfinished_training_is_of_the_rows_of_its_checkpoint(unfinished):
    write_report(unfinished)
    path = unfinished / "history.csv"
    header, first, second = path.read_text().splitlines()
    for rows in ([first], [first, "2" + first[1:]], [first.replace(",0.001", ",0.002", 1), second], []):
        path.write_text("\n".join([header, *rows]) + "\n")
        with pytest.raises(RunError, match=r"history\.csv: expected the .*state\.npz"):
            write_report(unfinished)
    path.write_text("\n".join([header, first, second, "3" + second[1:]]) + "\n")  # killed before the checkpoint
    write_report(unfinished)
