"""The range test is training, at rates that rise from step to step; nothing of it stays."""

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.data import Split
from digitlab.errors import ConfigError, RunError
from digitlab.lanes.lanes import Ended
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.scan.scan import scan_learning_rates
from digitlab.training.adapter import adapter
from digitlab.training.held_out import hold_out
from digitlab.training.order import epoch_order

CONFIG = TrainConfig(hidden_units=(6,), batch_size=20, seed=3)


@pytest.fixture(scope="module")
def split():
    """200 noisy quarters, of which 180 are trained on: nine batches of twenty an epoch."""
    rng = np.random.default_rng(0)
    labels = np.arange(200, dtype=np.uint8) % 4
    images = rng.integers(0, 200, (200, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 40
    return Split(images, labels, "quarters", ("a", "b", "c", "d"))


def step_by_step(split, config, rates):
    """The same with nothing but Keras: one `train_on_batch` after another."""
    fitted, _ = hold_out(split, config)
    y = np.eye(4, dtype="float32")[fitted.labels]
    model = build_mlp(config, 4)
    order = np.concatenate([epoch_order(len(fitted), config.seed, epoch) for epoch in range(20)])
    losses = []
    for step, rate in enumerate(rates):
        batch = order[step * config.batch_size : (step + 1) * config.batch_size]
        model.optimizer.learning_rate = float(rate)
        losses.append(model.train_on_batch(fitted.images[batch], y[batch], return_dict=True)["loss"])
        model.reset_metrics()
    return np.array(losses)


@pytest.mark.slow
def test_its_losses_are_those_of_plain_steps_at_the_same_rates_on_the_same_batches(split):
    result = scan_learning_rates(split, CONFIG, lowest=1e-4, highest=1e-2, steps=60, rates=())
    np.testing.assert_allclose(result.learning_rates, 1e-4 * 100 ** (np.arange(60) / 59), rtol=1e-6)
    expected = step_by_step(split, CONFIG, result.learning_rates[:30])  # more than three epochs
    np.testing.assert_allclose(result.losses[:30], expected, atol=1e-4, rtol=0)
    assert not result.diverged
    assert result.diagnostics == {}
    assert len(result.losses) == 60


@pytest.mark.slow
def test_it_ends_where_the_loss_has_risen_to_four_times_its_lowest(split):
    result = scan_learning_rates(split, CONFIG, lowest=1e-3, highest=1000, steps=300, rates=())
    assert result.diverged
    assert 20 < len(result.losses) < 300
    smoothed = result.smoothed
    lowest = np.minimum.accumulate(smoothed)
    assert smoothed[-1] > 4 * lowest[-1]
    assert np.all(smoothed[10:-1] <= 4 * lowest[10:-1] * (1 + 1e-4))
    for rate in (result.steepest, result.valley, result.suggestion):
        assert result.learning_rates[0] <= rate <= result.learning_rates[-1]


@pytest.mark.slow
def test_a_range_that_begins_with_divergence_still_suggests_a_rate_of_it(split):
    result = scan_learning_rates(split, CONFIG, lowest=500, highest=1000, steps=20, rates=())
    assert 500 <= result.suggestion <= 1000
    assert result.sentence()


def test_afterwards_weights_optimizer_and_metrics_are_as_before(split):
    model = build_mlp(CONFIG.replace(dropout=0.2), 4)
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    y = np.eye(4, dtype="float32")[split.labels]
    order = epoch_order(len(split), 0, 0)[:200]
    losses = adapter.run_range_test(model, (split.images, y), order, 20, np.geomspace(1e-3, 1, 10))
    assert len(set(losses.tolist())) == 10
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)
    assert model.get_metrics_result()["loss"] == 0


@pytest.mark.slow
def test_rates_are_trained_side_by_side_as_each_would_be_by_plain_fit(split):
    told = []
    result = scan_learning_rates(
        split, CONFIG, steps=20, rates=(0.01, 1e-7), epochs=2, lanes=2, progress=lambda *n: told.append(n)
    )
    assert list(result.diagnostics) == [0.01, 1e-7]
    assert result.suggestion == 0.01
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    fitted, held_out = hold_out(split, CONFIG)
    eye = np.eye(4, dtype="float32")
    model = build_mlp(CONFIG.replace(learning_rate=0.01), 4)
    for epoch, row in enumerate(result.diagnostics[0.01]):
        order = epoch_order(len(fitted), CONFIG.seed, epoch)
        model.fit(fitted.images[order], eye[fitted.labels[order]], batch_size=20, shuffle=False, verbose=0)
        loss, accuracy = model.evaluate(held_out.images, eye[held_out.labels], verbose=0)
        assert row["val_loss"] == pytest.approx(loss, abs=1e-4)
        assert row["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)


class FakePool:
    """Lanes that need no processes; a job's row is its rate, and a rate above 1 fails."""

    def do(self, jobs):
        for job in jobs:
            rate = job.build.config.learning_rate
            yield Ended(job, ({"val_loss": rate},), None) if rate <= 1 else Ended(job, (), "a loss was nan")


def test_rates_that_are_printed_alike_are_two_rates(split):
    result = scan_learning_rates(split, CONFIG, steps=20, rates=(0.01, 0.0100000001), epochs=1, pool=FakePool())
    assert [rows[0]["val_loss"] for rows in result.diagnostics.values()] == [0.01, 0.0100000001]


def test_a_rate_whose_training_fails_is_named(split):
    with pytest.raises(RunError, match=r"training at the rate 10\.0 failed: a loss was nan") as caught:
        scan_learning_rates(split, CONFIG, steps=20, rates=(0.01, 10.0), epochs=1, pool=FakePool())
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"lowest": 0.0},
        {"lowest": float("nan")},
        {"lowest": 0.1, "highest": 0.1},
        {"highest": 1001.0},
        {"steps": 19},
        {"steps": 100_001},
        {"rates": (0.01, 0.01)},
        {"rates": (0.0,)},
        {"epochs": 0},
        {"config": CONFIG.replace(validation_fraction=0.0)},
    ],
    ids=str,
)
def test_an_impossible_scan_is_refused_in_two_lines(split, changes):
    with pytest.raises(ConfigError) as caught:
        scan_learning_rates(split, **{"config": CONFIG, "steps": 20, **changes})
    assert len(str(caught.value).splitlines()) == 2
