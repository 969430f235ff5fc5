"""The compiled epoch is the same training as plain `fit`, only quicker."""

import numpy as np
import pytest

from digitlab.model.backend import keras
from digitlab.training.callbacks import BestModel
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.order import epoch_order

COUNT, BATCH, EPOCHS, SEED = 70, 16, 3, 5  # 70 = 4 x 16 + 6: the last batch is a smaller one


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    before = keras.config.floatx()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(before)


def problem(seed=0, count=COUNT):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return x, np.eye(4, dtype="float32")[rng.integers(0, 4, count)]


def network(optimizer, extra=()):
    init = [keras.initializers.GlorotUniform(seed=s) for s in (1, 2)]
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(12, "relu", kernel_initializer=init[0]),
            *extra,
            keras.layers.Dense(4, "softmax", kernel_initializer=init[1]),
        ]
    )
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def batch_by_batch(model, x, y, epochs=EPOCHS, weights=None):
    """Plain `fit` on the same batches, an epoch at a time, in the compiled epoch's order."""
    logs = []
    for epoch in range(epochs):
        order = epoch_order(len(x), SEED, epoch)
        w = None if weights is None else weights[order]
        history = model.fit(x[order], y[order], batch_size=BATCH, sample_weight=w, shuffle=False, verbose=0)
        logs.append({key: values[0] for key, values in history.history.items()})
    return logs


OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(1e-3),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_ends_with_the_weights_of_plain_fit_on_the_same_batches(dtype, optimizer):
    x, y = problem()
    plain, compiled = network(OPTIMIZERS[optimizer]()), network(OPTIMIZERS[optimizer]())
    assert {w.dtype for w in plain.get_weights()} == {np.dtype(dtype)}
    before = [w.copy() for w in plain.get_weights()]
    expected = batch_by_batch(plain, x, y)
    history = CompiledEpochs(compiled, batch_size=BATCH).fit(x, y, epochs=EPOCHS, seed=SEED)
    tolerance = {"float32": 1e-4, "float64": 1e-9}[dtype]
    moved = max(np.abs(a - b).max() for a, b in zip(before, plain.get_weights(), strict=True))
    assert moved > 100 * tolerance, "a training that moves nothing would prove nothing"
    for ours, theirs in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=0)
    for epoch, logs in enumerate(expected):
        assert history.history["loss"][epoch] == pytest.approx(logs["loss"], abs=1e-5)
        assert history.history["accuracy"][epoch] == pytest.approx(logs["accuracy"], abs=1e-6)


def test_validation_scores_are_those_of_evaluate_on_the_same_images():
    x, y = problem()
    val_x, val_y = problem(seed=1, count=1203)  # one whole chunk and a smaller one
    model = network("adam")
    history = CompiledEpochs(model, batch_size=BATCH).fit(x, y, epochs=1, validation_data=(val_x, val_y))
    loss, accuracy = model.evaluate(val_x, val_y, batch_size=401, verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(loss, rel=1e-5)
    assert history.history["val_accuracy"][0] == pytest.approx(accuracy, abs=1e-6)


def test_sample_and_class_weights_act_as_in_plain_fit():
    x, y = problem()
    weights = np.linspace(0.1, 2, COUNT, dtype="float32")
    by_class = {0: 2.0, 3: 0.5}
    both = weights * np.array([by_class.get(label, 1.0) for label in y.argmax(1)], dtype="float32")
    plain, compiled = network("adam"), network("adam")
    batch_by_batch(plain, x, y, weights=both)
    CompiledEpochs(compiled, batch_size=BATCH).fit(
        x, y, epochs=EPOCHS, seed=SEED, sample_weight=weights, class_weight=by_class
    )
    for ours, theirs in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)


def test_batch_normalisation_keeps_the_statistics_of_whole_batches():
    x, y = problem()
    plain = network("adam", [keras.layers.BatchNormalization()])
    compiled = network("adam", [keras.layers.BatchNormalization()])
    batch_by_batch(plain, x, y)
    CompiledEpochs(compiled, batch_size=BATCH).fit(x, y, epochs=EPOCHS, seed=SEED)
    for ours, theirs in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=1e-3)


def test_a_second_fit_on_data_of_the_same_shape_compiles_nothing():
    x, y = problem()
    traces = []

    class CountingLoss(keras.losses.CategoricalCrossentropy):
        def call(self, y_true, y_pred):
            traces.append(1)
            return super().call(y_true, y_pred)

    model = network("adam")
    model.compile("adam", CountingLoss())
    epochs = CompiledEpochs(model, batch_size=BATCH)
    epochs.fit(x, y, epochs=1)
    first = len(traces)
    epochs.fit(x, y, epochs=1)
    assert first > 0
    assert len(traces) - first <= 1  # the one eager call that makes sure the metrics exist


def test_afterwards_the_model_trains_and_evaluates_as_any_other():
    x, y = problem()
    model = network("adam")
    jit = model.jit_compile
    CompiledEpochs(model, batch_size=BATCH).fit(x, y, epochs=1, validation_data=(x, y))
    assert "train_step" not in vars(model)
    assert "test_step" not in vars(model)
    assert model.jit_compile == jit
    again = model.fit(x, y, batch_size=BATCH, epochs=1, validation_data=(x, y), verbose=0)
    assert np.isfinite(again.history["val_loss"][0])


def test_what_a_users_own_checkpoint_saved_in_between_is_a_plain_sequential(tmp_path):
    x, y = problem()
    model = network("adam")
    theirs = keras.callbacks.ModelCheckpoint(tmp_path / "theirs.keras")
    ours = BestModel(tmp_path / "ours.keras")
    CompiledEpochs(model, batch_size=BATCH).fit(x, y, epochs=2, callbacks=[theirs, ours])
    expected = model.evaluate(x, y, verbose=0)
    for name in ("theirs.keras", "ours.keras"):
        loaded = keras.saving.load_model(tmp_path / name, safe_mode=True)
        assert type(loaded) is keras.Sequential
        assert loaded.evaluate(x, y, verbose=0) == pytest.approx(expected, abs=1e-6)


def test_keras_callbacks_act_at_the_end_of_every_epoch():
    x, y = problem()
    model = network("adam")
    seen = []
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else rate / 2)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, float(model.optimizer.learning_rate)))
    )
    CompiledEpochs(model, batch_size=BATCH).fit(x, y, epochs=3, callbacks=[halve, watch])
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert [rate for _, rate in seen] == pytest.approx([1e-3, 5e-4, 2.5e-4])


def test_an_epochs_order_depends_on_seed_and_epoch_alone_and_holds_every_image_once():
    orders = [epoch_order(100, seed, epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert sorted(order) == list(range(100))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    np.testing.assert_array_equal(orders[1], epoch_order(100, 0, 1))
