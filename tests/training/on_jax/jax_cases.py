"""What is true of JAX alone, or of both backends: test_jax_epoch.py runs it in a process of its own."""

import os
from pathlib import Path

import numpy as np
import pytest
from test_compiled_epochs import BATCH, EPOCHS, SEED, batch_by_batch, network, problem

from digitlab.config import Distortion, load_preset
from digitlab.data import load_dataset
from digitlab.model.backend import keras
from digitlab.training.adapter import adapter
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.lesson import Lesson
from digitlab.training.train import train

FOLDER = Path(os.environ["JAX_CASES"])


def test_dropout_silences_the_units_that_it_silences_in_plain_fit():
    x, y = problem()
    plain, compiled = (network("adam", [keras.layers.Dropout(0.5, seed=3)]) for _ in range(2))
    batch_by_batch(plain, x, y)
    CompiledEpochs(compiled, batch_size=BATCH).fit(x, y, epochs=EPOCHS, seed=SEED)
    for ours, theirs in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("optimizer", "rate"), [("SGD", 0.1), ("Adam", 0.01)])
def test_an_epoch_ends_with_the_weights_that_tensorflow_ends_it_with(optimizer, rate):
    x, y = problem()
    with np.load(FOLDER / f"{optimizer}.npz") as archive:
        before, expected = ([archive[f"{when}_{i}"] for i in range(4)] for when in ("before", "after"))
    model = network(getattr(keras.optimizers, optimizer)(rate))
    model.set_weights(before)
    CompiledEpochs(model, batch_size=BATCH).fit(x, y, epochs=1, seed=SEED)
    for ours, theirs, start in zip(model.get_weights(), expected, before, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=0)
        assert np.abs(theirs - start).max() > 5e-3, "a training that moves nothing would prove nothing"


def bent(seed, epoch, step):
    images = np.broadcast_to(problem()[0][:1], (3, 28, 28))
    key = np.array([seed, epoch], dtype=np.int32)
    lesson = Lesson(Distortion(bend=1.0, thickness=0.5))
    found, _ = lesson((images, None), adapter.uniform_of(key, step))
    return np.asarray(found)


def test_what_is_drawn_is_a_function_of_seed_epoch_and_step_and_another_for_each_image():
    first = bent(5, 1, 2)
    np.testing.assert_array_equal(bent(5, 1, 2), first)
    for other in (bent(6, 1, 2), bent(5, 2, 2), bent(5, 1, 3), bent(1, 5, 2), bent(5, 2, 1)):
        assert np.abs(other - first).max() > 10
    assert np.abs(first[0] - first[1]).max() > 10


def test_the_default_recipe_uninterrupted(tmp_path):
    """Leaves the weights that the command line, killed and resumed elsewhere, must come to."""
    config = load_preset("default").replace(hidden_units=(16,), epochs=6, batch_size=100)
    run = train(load_dataset("sample").train, config, out=tmp_path / "run")
    np.savez(FOLDER / "default.npz", *run.model.get_weights())
    assert run.history[-1]["loss"] < run.history[0]["loss"] / 2
