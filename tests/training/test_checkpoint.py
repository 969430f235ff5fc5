"""Checkpoints that are damaged, or a stranger's: taken up as they are, or refused in two lines."""

import contextlib
import copy
import json
import os

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.training.callbacks import BestModel
from digitlab.training.checkpoint import Checkpoint

WRONG = (None, True, "", "x", -1, 0.5, 10**30, float("nan"), float("inf"), [], {}, [[]], {"array": "nosuch"},
         {"array": []}, "\ud800")  # fmt: skip
ROW = {"epoch": 1.0, "loss": 0.5, "accuracy": 0.9, "val_loss": 0.6, "val_accuracy": 0.8, "learning_rate": 0.001,
       "duration_s": 1.0}  # fmt: skip


def callbacks():
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    return [BestModel(None), stopping, keras.callbacks.ReduceLROnPlateau("val_loss")]


def restored(path, model):
    """Take the checkpoint up as a training does."""
    acting = callbacks()
    checkpoint = Checkpoint(path, acting, [])
    checkpoint.restore(model)
    for callback in acting:
        callback.set_model(model)
        callback.on_train_begin()
    checkpoint.on_train_begin()
    return checkpoint


@pytest.fixture(scope="module")
def model():
    return build_mlp(TrainConfig(hidden_units=(4,)), 3)


@pytest.fixture
def saved(tmp_path, model):
    """A checkpoint after one epoch, and its arrays."""
    acting = callbacks()
    acting[0].best, acting[0].best_epoch = 0.6, 1
    acting[1].best_weights = model.get_weights()
    checkpoint = Checkpoint(tmp_path / "state.npz", acting, [ROW])
    checkpoint.set_model(model)
    model.stop_training = False
    checkpoint.on_epoch_end(0)
    with np.load(tmp_path / "state.npz") as archive:
        return tmp_path / "state.npz", dict(archive)


def test_a_checkpoint_comes_back_as_it_was_written(model, saved):
    checkpoint = restored(saved[0], model)
    assert checkpoint.history == [ROW]
    assert checkpoint.epochs_done == 1
    assert not checkpoint.finished


def places(value, where=()):
    yield where
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*where, key))


def test_a_record_with_any_value_changed_is_taken_up_or_refused(model, saved):
    path, arrays = saved
    whole = json.loads(str(arrays["record"]))
    changes = taken_up = 0
    for where in list(places(whole)):
        for wrong in WRONG:
            changed = {"": copy.deepcopy(whole)}
            holder = changed
            for key in ("", *where)[:-1]:
                holder = holder[key]
            holder[("", *where)[-1]] = wrong
            np.savez(path, **{**arrays, "record": np.array(json.dumps(changed[""]))})
            with contextlib.suppress(RunError):
                restored(path, model)
                taken_up += 1
            changes += 1
    assert 0 < taken_up < changes / 3


def test_weights_of_another_shape_type_or_network_are_refused(model, saved):
    path, arrays = saved
    for name, array in arrays.items():
        if name == "record":
            continue
        for wrong in (array.astype(str), np.zeros((7, *array.shape)), array.astype(complex)):
            np.savez(path, **{**arrays, name: wrong})
            with pytest.raises(RunError, match=r"state\.npz") as caught:
                restored(path, model)
            assert len(str(caught.value).splitlines()) == 2


def test_a_bomb_and_a_pipe_are_refused(model, saved):
    path, arrays = saved
    np.savez_compressed(path, **arrays, bomb=np.zeros(200 * 2**20, np.uint8))
    with pytest.raises(RunError, match="size that a run has"):
        restored(path, model)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RunError, match="named pipe"):
        restored(path, model)
