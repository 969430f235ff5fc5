"""`digitlab.train`: what it gives, what it writes, and that an interruption changes nothing."""

import io
import json
import shutil

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.data.fingerprints import count_among
from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.model.keras_classifier import load_keras_classifier
from digitlab.runs import RunFolder
from digitlab.training.held_out import hold_out
from digitlab.training.train import train

# 360 images are left to train on: ten whole batches, so that one shape less is compiled in every test.
CONFIG = TrainConfig(hidden_units=(8,), epochs=5, patience=4, batch_size=36, seed=3)


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


NEVER = 10**6


@pytest.fixture(scope="module")
def whole(split, tmp_path_factory):
    """A finished run of CONFIG."""
    return train(split, CONFIG, out=tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def cut_after_one(split, tmp_path_factory):
    """The folder of a run of CONFIG that died in its second epoch."""
    path = tmp_path_factory.mktemp("cut") / "run"
    with pytest.raises(Stop):
        train(split, CONFIG, out=path, callbacks=[StopAfter(1)])
    return path


@pytest.fixture
def cut(cut_after_one, tmp_path):
    """A copy of it for one test."""
    return shutil.copytree(cut_after_one, tmp_path / "run")


def untimed(history):
    return [{key: value for key, value in row.items() if key != "duration_s"} for row in history]


def assert_same_run(run, other):
    assert untimed(run.history) == untimed(other.history)
    assert run.best_epoch == other.best_epoch
    for ours, theirs in zip(run.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_gives_the_weights_of_the_epoch_with_the_lowest_validation_loss(whole):
    losses = [row["val_loss"] for row in whole.history]
    assert whole.best_epoch == 1 + int(np.argmin(losses))
    labels = np.eye(4)[whole.validation.labels]
    loss, _ = whole.model.evaluate(whole.validation.images, labels, verbose=0)
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_without_validation_it_trains_every_epoch_on_everything(split):
    run = train(split, CONFIG.replace(validation_fraction=0.0, epochs=2, batch_size=40))
    assert run.validation is None
    assert run.best_epoch == len(run.history) == 2
    assert "val_loss" not in run.history[0]


def test_the_same_seed_gives_the_same_weights_with_a_folder_or_without(split, whole):
    assert_same_run(train(split, CONFIG), whole)


def test_another_seed_gives_other_weights_and_another_validation_part(split, whole):
    other = train(split, CONFIG.replace(epochs=1, seed=4))
    assert not np.array_equal(other.model.get_weights()[0], whole.model.get_weights()[0])
    assert not np.array_equal(other.validation.images, whole.validation.images)


def test_the_run_folder_holds_a_model_that_keras_loads_as_a_plain_sequential(split, whole):
    loaded = keras.saving.load_model(whole.path / "model.keras", safe_mode=True)
    assert type(loaded) is keras.Sequential
    images = split.images[:50]
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), whole.model.predict(images, verbose=0))


def test_a_run_knows_the_images_that_it_was_trained_on_without_those_held_out(split, whole):
    fitted, held_out = hold_out(split, CONFIG)
    known = load_keras_classifier(whole.path / "model.keras").training_fingerprints
    assert len(known) == len(fitted) == 360
    assert count_among(fitted, known) == 360
    assert count_among(held_out, known) == 0


def test_the_run_folder_says_what_was_trained_on_what(split, whole):
    record = json.loads((whole.path / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["backend"] == "tensorflow"
    assert record["config"]["hidden_units"] == [8]
    assert record["dataset"]["train"] == 360
    assert record["dataset"]["validation"] == 40
    assert record["dataset"]["fingerprint"] == split.fingerprint
    assert record["parameters"] == 784 * 8 + 8 + 8 * 4 + 4
    assert record["epochs"] == len(whole.history)
    header, *rows = (whole.path / "history.csv").read_text().splitlines()
    assert header == "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,duration_s"
    assert len(rows) == len(whole.history)
    assert list((whole.path / "tensorboard").rglob("events.*"))
    assert not (whole.path / "checkpoints" / "state.npz").exists()


def test_a_run_interrupted_twice_ends_bit_for_bit_where_an_uninterrupted_one_ends(split, whole, cut):
    with pytest.raises(Stop):
        train(split, CONFIG, out=cut, callbacks=[StopAfter(3)])
    resumed = train(split, CONFIG, out=cut, callbacks=[StopAfter(NEVER)])
    assert_same_run(resumed, whole)
    assert untimed(RunFolder(cut).read_history()) == untimed(whole.history)


def test_it_stops_when_val_loss_has_not_fallen_for_the_patience_and_a_death_there_changes_nothing(split, tmp_path):
    config = CONFIG.replace(epochs=200, patience=2, learning_rate=0.05)

    class DieAtTheEnd(StopAfter):
        def on_train_end(self, logs=None):
            raise Stop

    whole = train(split, config)
    losses = [row["val_loss"] for row in whole.history]
    assert len(losses) == 1 + int(np.argmin(losses)) + config.patience
    assert whole.stopped == "val_loss had not fallen for 2 epochs"

    with pytest.raises(Stop):
        train(split, config, out=tmp_path, callbacks=[DieAtTheEnd(NEVER)])
    resumed = train(split, config, out=tmp_path, callbacks=[StopAfter(NEVER)])
    assert_same_run(resumed, whole)


def test_a_finished_run_is_refused(split, whole):
    with pytest.raises(RunError, match=r"finished[\s\S]*--overwrite"):
        train(split, CONFIG, out=whole.path)


def test_an_unfinished_run_of_another_configuration_data_set_or_version_is_refused(split, cut):
    with pytest.raises(RunError, match=r"learning_rate 0.001 there, 0.01 asked for"):
        train(split, CONFIG.replace(learning_rate=0.01), out=cut)
    other = Split(255 - split.images, split.labels, "inverted", split.class_names)
    with pytest.raises(RunError, match="another training data"):
        train(other, CONFIG, out=cut)
    versions = RunFolder(cut).read_record()["versions"]
    RunFolder(cut).update_record(versions={**versions, "keras": "3.0.0"})
    with pytest.raises(RunError, match=r"another software: keras '3\.0\.0' there"):
        train(split, CONFIG, out=cut)


def test_an_unfinished_run_of_another_backend_is_refused(split, cut):
    RunFolder(cut).update_record(backend="jax")
    with pytest.raises(RunError, match=r"begun on Keras' jax backend, this is tensorflow\nhint: .*KERAS_BACKEND=jax"):
        train(split, CONFIG, out=cut)


def as_bytes(save, *arrays, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"PK\x03\x04 not a zip",
        b"\x00" * 5000,
        as_bytes(np.save, np.zeros(3)),
        as_bytes(np.savez, record=np.zeros(3)),
        as_bytes(np.savez, record=np.array('{"callbacks": 3}')),
    ],
    ids=["empty", "not a zip", "zeros", "one array", "no record", "half a record"],
)
def test_a_damaged_checkpoint_is_said_so(split, cut, rubbish):
    (cut / "checkpoints" / "state.npz").write_bytes(rubbish)
    with pytest.raises(RunError, match="checkpoint"):
        train(split, CONFIG, out=cut)


def test_a_callback_that_cannot_tell_its_state_is_named_in_a_warning(split, tmp_path, recwarn):
    class Forgetful(keras.callbacks.Callback):
        pass

    train(split, CONFIG.replace(epochs=1), out=tmp_path, callbacks=[Forgetful()])
    assert [str(w.message) for w in recwarn if "Forgetful" in str(w.message)]


def test_a_learning_rate_that_was_lowered_stays_lowered_after_a_resume(split, tmp_path):
    config = CONFIG.replace(epochs=4, patience=0)

    def plateau():  # nothing improves by 10, so the rate falls after every epoch but the first
        return keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.1, patience=1, min_delta=10)

    with pytest.raises(Stop):
        train(split, config, out=tmp_path, callbacks=[plateau(), StopAfter(3)])
    resumed = train(split, config, out=tmp_path, callbacks=[plateau(), StopAfter(NEVER)])
    # A row holds the rate that its epoch ended with before the callback lowered it.
    assert [row["learning_rate"] for row in resumed.history] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])


def test_progress_is_told_before_the_first_epoch_and_after_each(split):
    told = []
    train(split, CONFIG.replace(epochs=2), progress=told.append)
    assert [p.epoch for p in told] == [0, 1, 2]
    assert told[0].remaining_s is None
    assert told[2].remaining_s == 0
