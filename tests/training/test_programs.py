"""Networks of one shape share a compiled program, and come out as each would alone."""

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.order import epoch_order
from digitlab.training.programs import Programs

BATCH, EPOCHS = 20, 2


def problem(count=60):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return x, np.eye(4, dtype="float32")[rng.integers(0, 4, count)]


def mlp(seed=0, rate=1e-3, **changes):
    return build_mlp(TrainConfig(hidden_units=(6,), seed=seed, learning_rate=rate, **changes), 4)


def train(epochs, seed, **more):
    x, y = problem()
    epochs.fit(x, y, epochs=EPOCHS, seed=seed, **more)
    return epochs.model.get_weights()


def alone(model, seed):
    """Weights after a training in a program of its own."""
    return train(CompiledEpochs(model, batch_size=BATCH), seed)


def plain(model, seed):
    """Weights after plain `fit` on the same batches, in which no program is shared with anybody."""
    x, y = problem()
    for epoch in range(EPOCHS):
        order = epoch_order(len(x), seed, epoch)
        model.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)
    return model.get_weights()


def assert_bit_for_bit(ours, theirs):
    assert [w.tobytes() for w in ours] == [w.tobytes() for w in theirs]


@pytest.mark.slow
def test_networks_that_differ_in_seed_and_rate_share_a_program_and_come_out_as_each_alone():
    programs = Programs()
    first = programs.take_up(mlp(1, 1e-3), BATCH)
    before = train(first, 1)
    other = programs.take_up(mlp(2, 0.05), BATCH)
    assert other is first
    found = train(other, 2)
    assert_bit_for_bit(found, alone(mlp(2, 0.05), 2))
    for ours, theirs in zip(found, plain(mlp(2, 0.05), 2), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)
    # Neither what another network left behind nor that it stopped early is seen by the next.
    train(programs.take_up(mlp(3, 0.01), BATCH), 3, callbacks=[Stop()])
    assert first.model.stop_training
    assert_bit_for_bit(train(programs.take_up(mlp(1, 1e-3), BATCH), 1), before)
    assert len(programs) == 1


@pytest.mark.slow
def test_dropout_of_another_seed_silences_other_units_in_the_same_program():
    programs = Programs()
    found = [train(programs.take_up(mlp(seed, dropout=0.5), BATCH), 0) for seed in (1, 2, 1)]
    assert len(programs) == 1
    assert_bit_for_bit(found[1], alone(mlp(2, dropout=0.5), 0))
    assert_bit_for_bit(found[0], found[2])
    assert not np.array_equal(found[0][-1], found[1][-1])


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def compiled(optimizer=None, loss="categorical_crossentropy", activation="relu", layers=(), metrics=("accuracy",)):
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(6, activation),
            *layers,
            keras.layers.Dense(4, "softmax"),
        ]
    )
    model.compile(optimizer or keras.optimizers.Adam(1e-3), loss, metrics=list(metrics))
    return model


def falling(rate):
    return keras.optimizers.schedules.ExponentialDecay(rate, 10, 0.9)


DIFFERENT = {
    "widths": (lambda: mlp(), lambda: build_mlp(TrainConfig(hidden_units=(7,)), 4)),
    "depths": (lambda: mlp(), lambda: build_mlp(TrainConfig(hidden_units=(6, 6)), 4)),
    "classes": (lambda: mlp(), lambda: build_mlp(TrainConfig(hidden_units=(6,)), 5)),
    "dropout": (lambda: mlp(dropout=0.2), lambda: mlp(dropout=0.3)),
    "weight decay": (lambda: mlp(weight_decay=0.1), lambda: mlp(weight_decay=0.2)),
    "optimizers": (lambda: compiled(keras.optimizers.SGD(1e-3)), lambda: compiled(keras.optimizers.Adam(1e-3))),
    "an optimizer's setting": (
        lambda: compiled(keras.optimizers.Adam(1e-3, beta_1=0.9)),
        lambda: compiled(keras.optimizers.Adam(1e-3, beta_1=0.8)),
    ),
    "schedules": (
        lambda: compiled(keras.optimizers.Adam(falling(1e-3))),
        lambda: compiled(keras.optimizers.Adam(falling(1e-2))),
    ),
    "a schedule and a number": (
        lambda: compiled(keras.optimizers.Adam(falling(1e-3))),
        lambda: compiled(keras.optimizers.Adam(1e-3)),
    ),
    "losses": (
        lambda: compiled(loss=keras.losses.CategoricalCrossentropy()),
        lambda: compiled(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)),
    ),
    "activations": (lambda: compiled(activation="relu"), lambda: compiled(activation="tanh")),
    "metrics": (lambda: compiled(), lambda: compiled(metrics=["accuracy", "mean_squared_error"])),
    "regularizers": (
        lambda: compiled(layers=[keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(0.1))]),
        lambda: compiled(layers=[keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(0.2))]),
    ),
    "frozen layers": (
        lambda: compiled(layers=[keras.layers.Dense(5)]),
        lambda: compiled(layers=[keras.layers.Dense(5, trainable=False)]),
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_other_networks_do_not_share(what):
    one, other = DIFFERENT[what]
    programs = Programs()
    first = programs.take_up(one(), BATCH)
    assert programs.take_up(other(), BATCH) is not first
    assert programs.take_up(one(), BATCH) is first  # a program is not lost for the next of its shape
    assert len(programs) == 2


def test_another_batch_size_does_not_share():
    programs = Programs()
    assert programs.take_up(mlp(), BATCH) is not programs.take_up(mlp(), BATCH + 1)


def scaled(factor):
    """A loss as users write them, its setting in a closure, where no configuration shows it."""

    def loss(y_true, y_pred):
        return factor * keras.losses.categorical_crossentropy(y_true, y_pred)

    return loss


class Scaled(keras.losses.Loss):
    """Another way: a class that does not tell its setting in `get_config`."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.losses.categorical_crossentropy(y_true, y_pred)


class Noise(keras.layers.Layer):
    """A layer whose setting Keras cannot write down: `get_config` raises."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale["scale"]()

    def call(self, x):
        return x * self.scale


def times(factor):
    return Noise({"scale": lambda: factor})


@pytest.mark.parametrize(
    "build",
    [
        lambda factor: compiled(loss=scaled(factor)),
        lambda factor: compiled(loss=Scaled(factor)),
        lambda factor: compiled(activation=lambda x: factor * keras.ops.relu(x)),
        lambda factor: compiled(layers=[times(factor)]),
        lambda factor: compiled(layers=[keras.layers.Lambda(lambda x: factor * x)]),
    ],
    ids=["closure", "loss class", "activation", "layer", "Lambda"],
)
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_what_is_not_keras_own_may_hide_what_it_computes_and_never_shares(build):
    programs = Programs()
    models = [build(0.0), build(1.0)]
    taken = [programs.take_up(model, BATCH) for model in models]
    assert taken[0] is not taken[1]
    assert [epochs.model for epochs in taken] == models
