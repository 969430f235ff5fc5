"""Some 1s get a hook and a foot, some 7s a bar, where a hand would have put them."""

import numpy as np
import pytest

from digitlab.config import Distortion, TrainConfig
from digitlab.data import Split
from digitlab.errors import UsageError
from digitlab.model.backend import keras
from digitlab.training.distortion import distort
from digitlab.training.train import train

ONE_HOT = np.eye(10, dtype="float32")


def upright():
    """A 1: a stroke three pixels wide from row 4 to row 23, in the columns 13 to 15."""
    picture = np.zeros((28, 28), "float32")
    picture[4:24, 13:16] = 255
    return picture


def gallows():
    """A 7: a bar along row 4 to 6 and a stem under its right end."""
    picture = np.zeros((28, 28), "float32")
    picture[4:7, 8:20] = 255
    picture[4:24, 17:20] = 255
    return picture


def always(value):
    return lambda index, *shape: np.full(shape, value, "float32")


def drawn(picture, digit, share=1.0, uniform=None):
    changed = distort(picture[None], ONE_HOT[digit][None], Distortion(strokes=share), uniform or always(0.0))
    return keras.ops.convert_to_numpy(changed)[0]


def test_a_hook_leads_from_the_top_of_a_1_to_the_left_and_down():
    added = drawn(upright(), 1) - upright()
    rows, columns = np.nonzero(added > 100)
    assert len(rows) > 5
    assert columns.max() < 13  # to the left of the stroke
    assert (rows.min(), rows.max()) >= (3, 5)
    assert rows.max() < 14  # and in the upper half
    # further left is further down
    assert np.corrcoef(rows, columns)[0, 1] < -0.5


def test_a_foot_lies_under_a_1_on_both_sides():
    def with_foot(index, *shape):
        amounts = np.zeros(shape, "float32")
        amounts[1] = -1  # draws the foot, which the middle of the range just leaves out
        return amounts

    added = drawn(upright(), 1, uniform=with_foot) - drawn(upright(), 1)
    rows, columns = np.nonzero(added > 100)
    assert rows.min() >= 21
    assert columns.min() < 13
    assert columns.max() > 15


def test_a_bar_crosses_the_stem_of_a_7_in_the_middle():
    added = drawn(gallows(), 7) - gallows()
    rows, columns = np.nonzero(added > 100)
    assert 10 <= rows.min() <= rows.max() <= 17
    assert columns.min() < 17
    assert columns.max() > 19


@pytest.mark.parametrize("digit", [0, 2, 3, 4, 5, 6, 8, 9])
def test_no_other_digit_gets_any(digit):
    np.testing.assert_array_equal(drawn(upright(), digit), upright())


def test_so_many_get_them_as_were_asked_for():
    many = np.repeat(upright()[None], 4000, axis=0)
    uniform = lambda index, *shape: np.random.default_rng(index).uniform(-1, 1, shape).astype("float32")  # noqa: E731
    changed = keras.ops.convert_to_numpy(
        distort(many, np.repeat(ONE_HOT[[1]], 4000, axis=0), Distortion(strokes=0.3), uniform)
    )
    share = np.mean(np.abs(changed - many).max(axis=(1, 2)) > 1)
    assert share == pytest.approx(0.3, abs=0.03)  # four standard errors of 4,000 draws


def test_an_empty_picture_called_a_1_stays_finite():
    assert np.isfinite(drawn(np.zeros((28, 28), "float32"), 1)).all()


def test_classes_that_are_no_digits_are_refused(tmp_path):
    split = Split(np.zeros((9, 28, 28), np.uint8), np.arange(9, dtype=np.uint8) % 3, "three", ("a", "b", "c"))
    with pytest.raises(UsageError, match="expected the ten digits, got the classes a, b, c"):
        train(split, TrainConfig(strokes=0.5), out=tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_training_shows_what_became_of_a_7(tmp_path):
    images = np.stack([upright(), gallows()] * 5).astype(np.uint8)
    split = Split(images, np.array([1, 7] * 5, np.uint8), "ones and sevens")
    config = TrainConfig(hidden_units=(4,), epochs=1, patience=0, validation_fraction=0, strokes=1.0)
    train(split, config, out=tmp_path)
    with np.load(tmp_path / "distorted.npz") as archive:
        np.testing.assert_array_equal(archive["original"], gallows())
        assert len({form.tobytes() for form in archive["distorted"]}) == 100
