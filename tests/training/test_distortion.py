"""Every image is bent anew in every epoch, by amounts that depend on seed, epoch and step alone."""

import numpy as np
import pytest

from digitlab.config import Distortion, TrainConfig
from digitlab.data import Split
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.distortion import _smooth, distort
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
    return keras.ops.convert_to_numpy(distort(images, None, Distortion(bend=strength), uniform))


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


def test_the_elastic_field_has_the_height_that_it_says():
    drawn_often = np.random.default_rng(4).uniform(-1, 1, (4000, 8, 8)).astype("float32")
    field = keras.ops.convert_to_numpy(_smooth(drawn_often))
    # 4,000 fields: the standard error of a pixel's deviation is a hundredth of it
    np.testing.assert_allclose(field.std(axis=0), 1, atol=0.05)
    # Two noises smoothed alike are as alike as their Gaussians overlap: exp(-d² / 4 w²) at a distance d
    along = [np.corrcoef(field[:, 14, 8], field[:, 14, 8 + d])[0, 1] for d in (4, 8, 12)]
    np.testing.assert_allclose(along, np.exp(-(np.array([4, 8, 12]) ** 2) / (4 * 5.5**2)), atol=0.06)


def test_a_stroke_grows_by_a_share_of_a_pixel_on_either_side_and_shrinks_by_it():
    picture = np.zeros((1, 28, 28), "float32")
    picture[0, 4:24, 12:16] = 200  # four pixels wide

    def with_amount(amount):
        constant = lambda index, *shape: np.full(shape, amount, "float32")  # noqa: E731
        return keras.ops.convert_to_numpy(distort(picture, None, Distortion(thickness=0.5), constant))[0, 14]

    np.testing.assert_allclose(with_amount(1.0)[10:18], [0, 100, 200, 200, 200, 200, 100, 0])
    np.testing.assert_allclose(with_amount(-1.0)[10:18], [0, 0, 100, 200, 200, 100, 0, 0])
    np.testing.assert_allclose(with_amount(0.0), picture[0, 14])


def problem(count=70):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), (np.arange(count) % 3).astype(np.uint8)


def weights_after(epochs, seed, initial=None):
    x, y = problem()
    model = build_mlp(TrainConfig(hidden_units=(8,), seed=1), 3)
    compiled = CompiledEpochs(model, batch_size=16, distortion=Distortion(bend=1.0, thickness=0.5))
    if initial:
        compiled.fit(x, np.eye(3, dtype="float32")[y], epochs=initial, seed=seed)
    compiled.fit(x, np.eye(3, dtype="float32")[y], epochs=epochs, initial_epoch=initial or 0, seed=seed)
    return model.get_weights()


def test_what_is_drawn_depends_on_seed_and_epoch_alone_so_a_resume_draws_the_same():
    straight, in_two, other = weights_after(3, 5), weights_after(3, 5, initial=2), weights_after(3, 6)
    for a, b in zip(straight, in_two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(straight, other, strict=True))


def test_a_run_keeps_a_hundred_forms_of_its_first_image_to_be_looked_at(tmp_path):
    x, y = problem()
    split = Split(x, y, "three", ("a", "b", "c"))
    config = TrainConfig(hidden_units=(8,), epochs=1, patience=0, distortion=1.0, thickness=0.5)
    train(split, config, out=tmp_path / "bent")
    train(split, config.replace(distortion=0.0, thickness=0.0), out=tmp_path / "plain")
    with np.load(tmp_path / "bent" / "distorted.npz") as archive:
        np.testing.assert_array_equal(archive["original"], x[0])
        forms = archive["distorted"]
    assert (forms.shape, forms.dtype) == ((100, 28, 28), np.uint8)
    assert len({form.tobytes() for form in forms}) == 100
    assert not (tmp_path / "plain" / "distorted.npz").exists()


def test_train_takes_it_from_the_configuration():
    x, y = problem()
    split = Split(x, y, "three", ("a", "b", "c"))
    config = TrainConfig(hidden_units=(8,), epochs=2, patience=0, seed=1)
    plain, bent_anew = train(split, config), train(split, config.replace(distortion=1.0))
    assert plain.history[0]["loss"] != bent_anew.history[0]["loss"]
