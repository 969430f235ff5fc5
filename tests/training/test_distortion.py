"""Every image is bent anew in every epoch, by amounts that depend on seed, epoch and step alone."""

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.distortion import distort
from digitlab.training.train import train


def drawn(seed):
    """Numbers from -1 to 1, others for another index."""
    return lambda index, *shape: np.random.default_rng([seed, index]).uniform(-1, 1, shape).astype("float32")


def nothing(index, *shape):
    return np.zeros(shape, "float32")


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(0, 255, (5, 28, 28)).astype("float32")


def bent(images, strength, uniform):
    return keras.ops.convert_to_numpy(distort(images, strength, uniform))


def test_strength_nought_leaves_every_image_as_it_is(images):
    np.testing.assert_allclose(bent(images, 0.0, drawn(1)), images, atol=0.05)


def test_a_draw_of_noughts_moves_nothing(images):
    np.testing.assert_allclose(bent(images, 1.0, nothing), images, atol=0.05)


def test_a_shift_of_one_and_a_half_pixels_lies_half_way_between_two_pixels(images):
    def shift_right(index, *shape):
        amounts = np.zeros(shape, "float32")
        if index == 0:
            amounts[4] = 1.0  # read 1.5 pixels further right, at strength 1
        return amounts

    moved = bent(images, 1.0, shift_right)
    expected = (images[:, :, 1:-1] + images[:, :, 2:]) / 2
    np.testing.assert_allclose(moved[:, :, :-2], expected, atol=0.05)
    np.testing.assert_allclose(moved[:, :, -1], 0, atol=1e-4)  # from outside the picture


def test_values_stay_within_those_of_the_originals_and_each_image_is_bent_its_own_way(images):
    same = np.broadcast_to(images[:1], images.shape)
    moved = bent(same, 1.0, drawn(2))
    assert moved.min() >= 0
    assert moved.max() <= same.max()
    assert all(np.abs(moved[0] - other).max() > 10 for other in moved[1:])


@pytest.mark.slow
def test_a_quarter_turn_is_that_of_the_picture_itself():
    picture = np.zeros((1, 28, 28), "float32")
    picture[0, 4:10, 13:15] = 255  # a stroke above the middle

    def turn(index, *shape):
        amounts = np.zeros(shape, "float32")
        if index == 0:
            amounts[0] = np.pi / 2 / 0.26
        return amounts

    np.testing.assert_allclose(bent(picture, 1.0, turn)[0], np.rot90(picture[0], -1), atol=1)


def problem(count=70):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), (np.arange(count) % 3).astype(np.uint8)


def weights_after(epochs, seed, initial=None):
    x, y = problem()
    model = build_mlp(TrainConfig(hidden_units=(8,), seed=1), 3)
    compiled = CompiledEpochs(model, batch_size=16, distortion=1.0)
    if initial:
        compiled.fit(x, np.eye(3, dtype="float32")[y], epochs=initial, seed=seed)
    compiled.fit(x, np.eye(3, dtype="float32")[y], epochs=epochs, initial_epoch=initial or 0, seed=seed)
    return model.get_weights()


def test_what_is_drawn_depends_on_seed_and_epoch_alone_so_a_resume_draws_the_same():
    straight, in_two, other = weights_after(3, 5), weights_after(3, 5, initial=2), weights_after(3, 6)
    for a, b in zip(straight, in_two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(straight, other, strict=True))


def test_train_takes_it_from_the_configuration():
    x, y = problem()
    split = Split(x, y, "three", ("a", "b", "c"))
    config = TrainConfig(hidden_units=(8,), epochs=2, patience=0, seed=1)
    plain, bent_anew = train(split, config), train(split, config.replace(distortion=1.0))
    assert plain.history[0]["loss"] != bent_anew.history[0]["loss"]
