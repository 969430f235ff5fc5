"""The parts of a recipe, each against what it says it is: normalisation, averaging, smoothing, schedule."""

import numpy as np
import pytest

from digitlab.config import TrainConfig, load_preset
from digitlab.data import Split
from digitlab.errors import ConfigError
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.training.schedule import schedule_of
from digitlab.training.train import train

pytestmark = pytest.mark.slow

RECIPE = load_preset("default").replace(
    hidden_units=(8, 6), batch_size=32, epochs=4, averaging=0.9, label_smoothing=0.1
)


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    labels = (np.arange(90) % 3).astype(np.uint8)
    images = rng.integers(0, 120, (90, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[9 * label : 9 * label + 9] += 80
    return Split(images, labels, "thirds", ("a", "b", "c"))


class Watch(keras.callbacks.Callback):
    """Keeps the weights after every epoch; interrupts after `stop` of them."""

    def __init__(self, stop=None):
        super().__init__()
        self.stop, self.seen = stop, []

    def get_state(self):
        return {}

    def set_state(self, state):
        pass

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([v.numpy() for v in self.model.trainable_variables])
        if self.stop == epoch + 1:
            raise KeyboardInterrupt


def test_normalised_layers_have_no_bias_and_two_weights_a_unit_instead():
    model = build_mlp(TrainConfig(batch_normalization=True), 10)
    # 784 x 256, 256 x 128, 128 x 10 + 10; four numbers a unit, of which two are trained
    assert model.count_params() == 200_704 + 32_768 + 1_290 + 4 * (256 + 128)
    assert [type(layer).__name__ for layer in model.layers] == [
        "Rescaling", "Flatten", "Dense", "BatchNormalization", "ReLU", "Dense", "BatchNormalization", "ReLU", "Dense",
    ]  # fmt: skip


def test_a_training_ends_with_the_average_of_the_weights_that_it_went_through(split):
    watch = Watch()
    config = TrainConfig(hidden_units=(5,), batch_size=90, epochs=5, patience=0, validation_fraction=0, averaging=0.7)
    run = train(split, config, callbacks=[watch])
    expected = watch.seen[0]  # one update an epoch
    for weights in watch.seen[1:]:
        expected = [0.7 * old + 0.3 * new for old, new in zip(expected, weights, strict=True)]
    for variable, value in zip(run.model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-6)


def test_a_smoothed_label_gives_every_class_its_share_of_the_loss(split):
    model = build_mlp(TrainConfig(hidden_units=(5,), label_smoothing=0.3), 3)
    wanted = np.eye(3, dtype="float32")[split.labels]
    loss, _ = model.evaluate(split.images, wanted, verbose=0)
    p = model.predict(split.images, verbose=0).astype(float)
    by_hand = -((0.7 * wanted + 0.1) * np.log(p)).sum(axis=1).mean()  # a tenth for each of three classes
    assert loss == pytest.approx(by_hand, rel=1e-5)


def test_the_rate_of_every_epoch_is_the_schedules(split):
    run = train(split, RECIPE)
    rate = schedule_of(RECIPE)
    assert [row["learning_rate"] for row in run.history] == pytest.approx([rate(e) for e in range(4)], rel=1e-6)


def test_an_interrupted_recipe_ends_bit_for_bit_where_an_uninterrupted_one_ends(split, tmp_path):
    straight = train(split, RECIPE, out=tmp_path / "straight", callbacks=[Watch()])
    with pytest.raises(KeyboardInterrupt):
        train(split, RECIPE, out=tmp_path / "cut", callbacks=[Watch(stop=2)])
    resumed = train(split, RECIPE, out=tmp_path / "cut", callbacks=[Watch()])
    for a, b in zip(straight.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_default_recipe_learns_where_nothing_is_held_out(split):
    run = train(split, load_preset("default").replace(hidden_units=(16,), batch_size=8, epochs=12))
    assert run.validation is None
    assert run.history[-1]["accuracy"] > 0.9
    assert run.history[-1]["loss"] < run.history[0]["loss"] / 2


def test_averaging_beside_early_stopping_is_refused():
    with pytest.raises(ConfigError, match="averaging keeps the average of all epochs"):
        TrainConfig(averaging=0.9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_normalization", 1),
        ("schedule", "linear"),
        ("averaging", 1.0),
        ("label_smoothing", -0.1),
        ("label_smoothing", True),
        ("thickness", 1.5),
        ("thickness", float("nan")),
    ],
)
def test_a_part_out_of_its_range_is_named(name, value):
    with pytest.raises(ConfigError, match=name):
        TrainConfig(patience=0).replace(**{name: value})
