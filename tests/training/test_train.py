"""`digitlab.train`: what it gives, what it writes, and that an interruption changes nothing."""

import json

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.runs import RunFolder
from digitlab.training import train

CONFIG = TrainConfig(hidden_units=(16,), epochs=6, patience=2, batch_size=32, seed=3)


@pytest.fixture(scope="module")
def split():
    """400 noisy pictures of four classes: a bright quarter each. Learnt in a few epochs, not perfectly."""
    rng = np.random.default_rng(0)
    labels = np.arange(400, dtype=np.uint8) % 4
    images = rng.integers(0, 200, (400, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 20
    return Split(images, labels, "quarters", ("a", "b", "c", "d"))


class Stop(Exception):
    """What the tests interrupt a training with."""


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def get_state(self):
        return {}

    def set_state(self, state):
        pass

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Stop


def untimed(history):
    return [{key: value for key, value in row.items() if key != "duration_s"} for row in history]


def test_it_gives_the_weights_of_the_epoch_with_the_lowest_validation_loss(split):
    run = train(split, CONFIG)
    losses = [row["val_loss"] for row in run.history]
    assert run.best_epoch == 1 + int(np.argmin(losses))
    labels = np.eye(4)[run.validation.labels]
    assert run.model.evaluate(run.validation.images, labels, verbose=0)[0] == pytest.approx(min(losses), rel=1e-5)


def test_it_stops_when_the_validation_loss_has_not_fallen_for_the_patience(split):
    run = train(split, CONFIG.replace(epochs=200, learning_rate=0.05))
    losses = [row["val_loss"] for row in run.history]
    assert len(losses) == 1 + int(np.argmin(losses)) + CONFIG.patience
    assert run.stopped == "val_loss had not fallen for 2 epochs"


def test_without_validation_it_trains_every_epoch_on_everything(split):
    run = train(split, CONFIG.replace(validation_fraction=0.0, epochs=2))
    assert run.validation is None
    assert run.best_epoch == len(run.history) == 2
    assert "val_loss" not in run.history[0]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(split):
    first, second, other = (train(split, CONFIG.replace(epochs=2, seed=seed)).model.get_weights() for seed in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_the_run_folder_holds_a_model_that_keras_loads_as_a_plain_sequential(split, tmp_path):
    run = train(split, CONFIG, out=tmp_path / "run")
    loaded = keras.saving.load_model(tmp_path / "run" / "model.keras", safe_mode=True)
    assert type(loaded) is keras.Sequential
    np.testing.assert_array_equal(
        loaded.predict(split.images[:50], verbose=0), run.model.predict(split.images[:50], verbose=0)
    )


def test_the_run_folder_says_what_was_trained_on_what(split, tmp_path):
    run = train(split, CONFIG, out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["config"]["hidden_units"] == [16]
    assert record["dataset"]["train"] == 360
    assert record["dataset"]["validation"] == 40
    assert record["dataset"]["fingerprint"] == split.fingerprint
    assert record["parameters"] == 784 * 16 + 16 + 16 * 4 + 4
    assert record["epochs"] == len(run.history)
    header, *rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert header == "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,duration_s"
    assert len(rows) == len(run.history)
    assert list((tmp_path / "run" / "tensorboard").rglob("events.*"))
    assert not (tmp_path / "run" / "checkpoints" / "state.npz").exists()


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_an_interrupted_run_ends_bit_for_bit_where_an_uninterrupted_one_ends(split, tmp_path, epoch):
    config = CONFIG.replace(epochs=5, patience=4)
    whole = train(split, config, out=tmp_path / "whole")
    with pytest.raises(Stop):
        train(split, config, out=tmp_path / "cut", callbacks=[StopAfter(epoch)])
    resumed = train(split, config, out=tmp_path / "cut", callbacks=[StopAfter(99)])
    assert untimed(resumed.history) == untimed(whole.history)
    assert untimed(RunFolder(tmp_path / "cut").read_history()) == untimed(whole.history)
    assert resumed.best_epoch == whole.best_epoch
    for ours, theirs in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_dies_after_early_stopping_trains_no_further_epoch(split, tmp_path):
    config = CONFIG.replace(epochs=200, learning_rate=0.05)

    class DieAtTheEnd(StopAfter):
        def on_train_end(self, logs=None):
            raise Stop

    whole = train(split, config, out=tmp_path / "whole")
    with pytest.raises(Stop):
        train(split, config, out=tmp_path / "cut", callbacks=[DieAtTheEnd(10**6)])
    resumed = train(split, config, out=tmp_path / "cut", callbacks=[StopAfter(10**6)])
    assert untimed(resumed.history) == untimed(whole.history)
    for ours, theirs in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_configuration_data_set_or_a_finished_run_is_refused(split, tmp_path):
    with pytest.raises(Stop):
        train(split, CONFIG, out=tmp_path, callbacks=[StopAfter(1)])
    with pytest.raises(RunError, match=r"learning_rate 0.001 there, 0.01 asked for"):
        train(split, CONFIG.replace(learning_rate=0.01), out=tmp_path)
    other = Split(255 - split.images, split.labels, "inverted", split.class_names)
    with pytest.raises(RunError, match="another training data"):
        train(other, CONFIG, out=tmp_path)
    train(split, CONFIG, out=tmp_path)
    with pytest.raises(RunError, match="finished"):
        train(split, CONFIG, out=tmp_path)


@pytest.mark.parametrize("rubbish", [b"", b"PK\x03\x04 not a zip", b"\x00" * 5000])
def test_a_damaged_checkpoint_is_said_so(split, tmp_path, rubbish):
    with pytest.raises(Stop):
        train(split, CONFIG, out=tmp_path, callbacks=[StopAfter(1)])
    (tmp_path / "checkpoints" / "state.npz").write_bytes(rubbish)
    with pytest.raises(RunError, match="checkpoint"):
        train(split, CONFIG, out=tmp_path)


def test_a_callback_that_cannot_tell_its_state_is_named_in_a_warning(split, tmp_path):
    class Forgetful(keras.callbacks.Callback):
        pass

    with pytest.warns(UserWarning, match="Forgetful"):
        train(split, CONFIG.replace(epochs=1), out=tmp_path, callbacks=[Forgetful()])


def test_a_learning_rate_that_was_lowered_stays_lowered_after_a_resume(split, tmp_path):
    config = CONFIG.replace(epochs=6, patience=0, learning_rate=0.05)

    def plateau():
        return keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.1, patience=1, min_delta=0.05)

    whole = train(split, config, out=tmp_path / "whole", callbacks=[plateau()])
    with pytest.raises(Stop):
        train(split, config, out=tmp_path / "cut", callbacks=[plateau(), StopAfter(4)])
    resumed = train(split, config, out=tmp_path / "cut", callbacks=[plateau(), StopAfter(99)])
    rates = [row["learning_rate"] for row in whole.history]
    assert rates[-1] < rates[0]
    assert untimed(resumed.history) == untimed(whole.history)


def test_progress_is_told_before_the_first_epoch_and_after_each(split):
    told = []
    train(split, CONFIG.replace(epochs=2), progress=told.append)
    assert [p.epoch for p in told] == [0, 1, 2]
    assert told[0].remaining_s is None
    assert told[2].remaining_s == 0
