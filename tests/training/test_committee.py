"""A committee is several networks, each as it would be alone, and the mean of what they say."""

import functools
import io
import json
import zipfile

import h5py
import numpy as np
import pytest

import digitlab
from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.errors import ConfigError, RunError
from digitlab.model.backend import keras
from digitlab.model.keras_classifier import load_keras_classifier
from digitlab.runs import RunFolder
from digitlab.training import committee
from digitlab.training.committee import member_config, seconds_so_far
from digitlab.training.train import train

pytestmark = pytest.mark.slow

CONFIG = TrainConfig(
    hidden_units=(6,), batch_size=16, epochs=3, patience=0, members=3, batch_normalization=True, distortion=0.5, seed=4
)


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    labels = (np.arange(90) % 3).astype(np.uint8)
    return Split(rng.integers(0, 256, (90, 28, 28), dtype=np.uint8), labels, "noise", ("a", "b", "c"))


@pytest.fixture(scope="module")
def run(split, tmp_path_factory):
    return train(split, CONFIG, out=tmp_path_factory.mktemp("committee") / "run")


class Interrupt(keras.callbacks.Callback):
    """Ends the process's training after so many epochs, counted over all members."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def get_state(self):
        return {}

    def set_state(self, state):
        pass

    def on_epoch_end(self, epoch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_it_says_the_mean_of_what_its_members_say(run, split):
    alone = [
        load_keras_classifier(run.path / "members" / str(number) / "model.keras").predict_proba(split.images)
        for number in (1, 2, 3)
    ]
    together = load_keras_classifier(run.path / "model.keras").predict_proba(split.images)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)
    assert np.abs(alone[0] - alone[1]).max() > 0.01  # they are different networks


def test_a_member_is_the_network_that_its_configuration_gives_alone(run, split):
    from digitlab.training.held_out import hold_out
    from digitlab.training.network import train_network

    alone = train_network(hold_out(split, CONFIG), member_config(CONFIG, 1), None)
    member = load_keras_classifier(run.path / "members" / "2" / "model.keras").model
    for a, b in zip(alone.model.get_weights(), member.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_its_history_is_the_mean_of_theirs_with_the_time_of_all(run):
    histories = [RunFolder(run.path / "members" / str(n)).read_history() for n in (1, 2, 3)]
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    for epoch, row in enumerate(run.history):
        assert row["val_loss"] == pytest.approx(np.mean([h[epoch]["val_loss"] for h in histories]))
        assert row["duration_s"] == pytest.approx(sum(h[epoch]["duration_s"] for h in histories), abs=1e-3)


@pytest.fixture(scope="module")
def resumed_after(split, tmp_path_factory):
    """A run that was interrupted after so many epochs and gone on with, and the seconds that it had trained before."""

    @functools.cache
    def resume(epochs):
        out = tmp_path_factory.mktemp("cut") / "run"
        with pytest.raises(KeyboardInterrupt):
            train(split, CONFIG, out=out, callbacks=[Interrupt(epochs)])
        before = seconds_so_far(RunFolder(out))
        return train(split, CONFIG, out=out, callbacks=[Interrupt(0)]), before

    return resume


@pytest.mark.parametrize("epochs", [2, 3, 5])
def test_an_interrupted_one_goes_on_with_the_member_that_it_was_at_and_ends_the_same(run, resumed_after, epochs):
    resumed, _ = resumed_after(epochs)
    for a, b in zip(run.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    without_time = [{k: v for k, v in row.items() if k != "duration_s"} for row in resumed.history]
    assert without_time == [{k: v for k, v in row.items() if k != "duration_s"} for row in run.history]


def stored(path):
    """Every array of a ``.keras`` file, optimizer state included."""
    found = {}

    def collect(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(collect)
    return found


def test_the_file_of_a_resumed_one_holds_the_same_arrays_as_that_of_an_uninterrupted_one(run, resumed_after):
    resumed, _ = resumed_after(5)
    assert stored(resumed.path / "model.keras") == stored(run.path / "model.keras")


def test_progress_counts_the_epochs_of_all_members_through(split):
    told = []
    # Quick to compile, since nothing here is asked of the networks.
    train(split, CONFIG.replace(batch_normalization=False, distortion=0.0), progress=told.append)
    assert [p.epoch for p in told if p.row] == list(range(1, 10))
    assert {p.epochs for p in told} == {9}
    assert told[-1].remaining_s == 0


def test_it_becomes_one_onnx_file_that_says_the_same(run, split, tmp_path):
    file = digitlab.export_onnx(run.path, tmp_path / "committee.onnx")
    expected = load_keras_classifier(run.path / "model.keras").predict_proba(split.images)
    np.testing.assert_allclose(digitlab.load_classifier(file).predict_proba(split.images), expected, atol=1e-5)


def test_a_resumed_one_counts_the_seconds_before_the_interruption_too(resumed_after):
    resumed, before = resumed_after(5)
    assert RunFolder(resumed.path).read_record()["stages"]["train"]["duration_s"] > before > 0


def test_a_callback_that_ends_a_member_early_is_refused_and_without_it_the_run_goes_on(split, run, tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    with pytest.raises(RunError, match="member 1: expected 3 epochs, got 2"):
        train(split, CONFIG, out=tmp_path / "run", callbacks=[stop])
    assert not (tmp_path / "run" / "members" / "1" / "model.keras").exists()
    resumed = train(split, CONFIG, out=tmp_path / "run")
    for a, b in zip(run.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_count_of_threads_is_refused_where_only_finished_members_lie(split, tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(split, CONFIG, out=tmp_path / "cut", callbacks=[Interrupt(4)])
    record = RunFolder(tmp_path / "cut").read_record()
    RunFolder(tmp_path / "cut").update_record(machine={**record["machine"], "threads": 77})
    with pytest.raises(RunError, match="begun with 77 threads"):
        train(split, CONFIG, out=tmp_path / "cut")


@pytest.mark.parametrize("name", ["history.csv", "model.keras"])
def test_a_finished_member_that_has_changed_is_refused_and_not_averaged(split, tmp_path, name):
    with pytest.raises(KeyboardInterrupt):
        train(split, CONFIG, out=tmp_path / "cut", callbacks=[Interrupt(4)])
    path = tmp_path / "cut" / "members" / "1" / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(RunError, match=rf"members/1/{name}: expected the SHA-256 .*, as run\.json states"):
        train(split, CONFIG, out=tmp_path / "cut")


def test_a_member_that_was_killed_before_its_checksums_were_kept_is_finished_from_its_checkpoint(
    split, run, tmp_path, monkeypatch
):
    def killed(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(committee, "_keep_checksums", killed)
        train(split, CONFIG, out=tmp_path / "cut")
    assert (tmp_path / "cut" / "members" / "1" / "model.keras").exists()
    resumed = train(split, CONFIG, out=tmp_path / "cut")
    for a, b in zip(run.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_member_keeps_its_network_and_no_checkpoint(run):
    assert {path.name for path in (run.path / "members" / "1").iterdir()} == {
        "history.csv", "model.keras", "tensorboard",
    }  # fmt: skip


def test_its_record_counts_the_weights_of_all(run):
    record = json.loads((run.path / "run.json").read_text())
    # 784 x 6, four numbers a unit, 6 x 3 + 3, three times
    assert record["parameters"] == 3 * (784 * 6 + 4 * 6 + 6 * 3 + 3)


def test_early_stopping_is_refused_since_it_would_choose_another_epoch_for_each():
    with pytest.raises(ConfigError, match="members"):
        TrainConfig(members=2, patience=3)
