"""A training cut into rungs is the same training, bit for bit."""

import functools
import math

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.training.job import TrainData, TrainJob
from digitlab.training.order import epoch_order
from digitlab.training.programs import Programs
from digitlab.training.run_job import run_job

BATCH, SEED = 20, 7
CONFIG = TrainConfig(hidden_units=(6,), batch_size=BATCH, learning_rate=0.01, seed=SEED)


def problem(count, seed):
    """Noisy quarters, as in test_train.py: learnt in some epochs, not perfectly."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = rng.integers(0, 200, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 20
    return images, np.eye(4, dtype="float32")[labels]


# 70 = 3 x 20 + 10: the smaller, uncompiled batch too must be the same in both.
DATA = TrainData(*problem(70, 0), problem(48, 1))


def job(name="job", build=None, **changes):
    return TrainJob(
        **{
            "name": name,
            "build": build or functools.partial(build_mlp, CONFIG, 4),
            "batch_size": BATCH,
            "shape": "one",
            "seed": SEED,
            "last_epoch": 4,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def programs():
    """Shared by every test of this file, so that a shape is compiled once."""
    return Programs()


def untimed(rows):
    return [{key: value for key, value in row.items() if key != "duration_s"} for row in rows]


def state(path):
    """All arrays of a checkpoint, which hold weights, optimizer and generators; the record has durations."""
    with np.load(path) as archive:
        return {name: archive[name].tobytes() for name in archive.files if name != "record"}


def falling_adam(config, num_classes):
    """As a user may write it: a schedule in the optimizer, batch normalisation, and dropout."""
    keras.utils.set_random_seed(config.seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(6, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(num_classes, "softmax"),
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.02, 4, 0.7)
    model.compile(keras.optimizers.Adam(schedule), "categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("build", "seen"),
    [
        (functools.partial(build_mlp, CONFIG, 4), True),
        (functools.partial(build_mlp, CONFIG.replace(dropout=0.5, weight_decay=0.01), 4), False),
        (functools.partial(falling_adam, CONFIG, 4), True),
    ],
    ids=["plain", "dropout and decay, in a process that never saw the first rung", "schedule and batch normalisation"],
)
@pytest.mark.slow
def test_two_rungs_are_one_training_straight_through_bit_for_bit(programs, tmp_path, build, seen):
    straight = run_job(job(build=build, end=tmp_path / "straight.npz"), DATA, programs)
    run_job(job(build=build, last_epoch=2, end=tmp_path / "half.npz"), DATA, programs)
    # Another network in between, as in a lane.
    run_job(job(build=functools.partial(build_mlp, CONFIG.replace(seed=1), 4), last_epoch=1), DATA, programs)
    rows = run_job(
        job(build=build, first_epoch=2, start=tmp_path / "half.npz", end=tmp_path / "end.npz"),
        DATA,
        programs if seen else Programs(),
    )
    assert untimed(rows) == untimed(straight)
    assert state(tmp_path / "end.npz") == state(tmp_path / "straight.npz")
    assert [row["epoch"] for row in straight] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_job_trains_as_plain_fit_does_on_the_same_batches(programs):
    model = build_mlp(CONFIG, 4)
    expected = []
    for epoch in range(3):
        order = epoch_order(len(DATA.x), SEED, epoch)
        model.fit(DATA.x[order], DATA.y[order], batch_size=BATCH, shuffle=False, verbose=0)
        expected.append(model.evaluate(*DATA.validation, batch_size=48, verbose=0))
    rows = run_job(job(last_epoch=3), DATA, programs)
    for row, (loss, accuracy) in zip(rows, expected, strict=True):
        assert row["val_loss"] == pytest.approx(loss, abs=1e-4)
        assert row["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.parametrize(("monitor", "mode", "best"), [("val_accuracy", "max", max), ("val_loss", "min", min)])
def test_the_weights_kept_are_those_of_the_best_epoch_and_score_what_it_scored(programs, tmp_path, monitor, mode, best):
    told = []
    rows = run_job(
        job(last_epoch=6, weights=tmp_path / "best.weights.h5", monitor=monitor, mode=mode), DATA, programs, told.append
    )
    assert told == rows
    model = build_mlp(CONFIG, 4)
    model.optimizer.build(model.trainable_variables)  # its state is in the file too; Keras would warn
    model.load_weights(tmp_path / "best.weights.h5")
    scored = dict(zip(("val_loss", "val_accuracy"), model.evaluate(*DATA.validation, verbose=0), strict=True))
    assert scored[monitor] == pytest.approx(best(row[monitor] for row in rows), abs=1e-5)
    assert list(tmp_path.iterdir()) == [tmp_path / "best.weights.h5"]


def test_the_state_to_go_on_from_is_that_of_the_last_epoch_and_not_of_the_best(programs, tmp_path):
    # By lowest accuracy the first epoch is the best, so that keeping it would be seen.
    run_job(job(last_epoch=3, end=tmp_path / "a.npz", weights=tmp_path / "a.weights.h5", mode="min"), DATA, programs)
    run_job(job(last_epoch=3, end=tmp_path / "b.npz"), DATA, programs)
    assert state(tmp_path / "a.npz") == state(tmp_path / "b.npz")


def test_patience_ends_a_job_and_without_it_all_epochs_are_trained(programs):
    hopeless = functools.partial(build_mlp, CONFIG.replace(learning_rate=1e-12), 4)
    rows = run_job(job(build=hopeless, last_epoch=9, patience=2, monitor="val_accuracy"), DATA, programs)
    assert len(rows) == 3  # the first is the best, and two follow
    rows = run_job(job(build=hopeless, last_epoch=9, monitor="val_accuracy"), DATA, programs)
    assert len(rows) == 9


def test_a_loss_that_is_no_number_ends_the_job_and_says_in_which_epoch(programs, tmp_path):
    exploding = functools.partial(build_mlp, CONFIG.replace(learning_rate=1e-3), 4)

    def build():
        model = exploding()
        model.optimizer.learning_rate = 1e38
        return model

    told = []
    with pytest.raises(FloatingPointError, match=r"epoch 1 of explodes ended with .*loss nan"):
        run_job(job("explodes", build, weights=tmp_path / "w.weights.h5"), DATA, programs, told.append)
    assert len(told) == 1
    assert math.isnan(told[0]["loss"])
    assert not (tmp_path / "w.weights.h5").exists()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not a zip", b"\x00" * 999])
def test_a_missing_or_damaged_checkpoint_is_said_so(programs, tmp_path, content):
    if content is not None:
        (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(RunError, match=r"state\.npz: expected") as caught:
        run_job(job(first_epoch=2, start=tmp_path / "state.npz"), DATA, programs)
    assert len(str(caught.value).splitlines()) == 2


def test_a_checkpoint_of_another_network_is_refused(programs, tmp_path):
    run_job(job(last_epoch=1, end=tmp_path / "state.npz"), DATA, programs)
    wider = functools.partial(build_mlp, CONFIG.replace(hidden_units=(9,)), 4)
    with pytest.raises(RunError, match="shape"):
        run_job(job(build=wider, first_epoch=1, start=tmp_path / "state.npz"), DATA, programs)
