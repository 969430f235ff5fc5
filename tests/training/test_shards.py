"""Training in shards is the same training, by the same program, of images that stay in their file."""

import tracemalloc

import numpy as np
import pytest
from test_compiled_epochs import network, problem
from test_train import Stop, StopAfter, assert_same_run

from digitlab.config import TrainConfig
from digitlab.data import Split, load_dataset
from digitlab.errors import ConfigError, DataError, UsageError
from digitlab.evaluation import evaluate
from digitlab.model.backend import keras
from digitlab.model.keras_classifier import KerasClassifier
from digitlab.scan.scan import scan_learning_rates
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.held_out import hold_out
from digitlab.training.order import epoch_order, shard_places
from digitlab.training.shards import Shards
from digitlab.training.train import train
from digitlab.tuning.config import SearchConfig

BATCH, SIZE, COUNT, SEED = 16, 64, 213, 5  # three shards of four batches, and one of 21: a batch and five images
# Everything that draws, and a count of fitted images, 192, that makes three shards and whole batches.
CONFIG = TrainConfig(
    hidden_units=(8,), epochs=3, patience=2, batch_size=BATCH, seed=SEED, dropout=0.2, distortion=0.5,
    batch_normalization=True,
)  # fmt: skip


def write_npy_folder(folder, dataset):
    folder.mkdir(exist_ok=True)
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        np.save(folder / f"{part}-images.npy", split.images)
        np.save(folder / f"{part}-labels.npy", split.labels)
    return folder


@pytest.fixture(scope="module")
def in_memory():
    """213 noisy pictures of two classes, one of them brighter above."""
    labels = np.arange(COUNT, dtype=np.uint8) % 2
    images = np.random.default_rng(0).integers(0, 200, (COUNT, 28, 28), dtype=np.uint8)
    images[labels == 1, :14] += 50
    return Split(images, labels, "halves", ("below", "above"))


@pytest.fixture(scope="module")
def in_file(in_memory, tmp_path_factory):
    """The same, its images in a file."""
    path = tmp_path_factory.mktemp("shards") / "images.npy"
    np.save(path, in_memory.images)
    return Split(np.load(path, mmap_mode="r"), in_memory.labels, in_memory.name, in_memory.class_names)


@pytest.mark.parametrize(
    "config",
    [CONFIG, CONFIG.replace(validation_fraction=0.0, epochs=2), CONFIG.replace(members=2, patience=0, epochs=1)],
    ids=["early stopping", "no image held out", "a committee"],
)
def test_one_shard_of_all_images_ends_bit_for_bit_where_training_in_memory_ends(in_memory, in_file, config):
    assert_same_run(train(in_file, config.replace(shard_images=256)), train(in_memory, config))


def test_several_shards_end_with_the_weights_of_plain_fit_on_the_same_batches(in_file):
    x, labels = np.asarray(in_file.images), np.eye(2, dtype="float32")[in_file.labels]
    y = np.pad(labels, ((0, 0), (0, 2)))
    split = Split(in_file.images, in_file.labels, "halves", ("below", "above", "c", "d"))
    plain, ours = network("adam"), network("adam")
    losses = []
    for epoch in range(2):
        scores = []
        for shard in range(4):
            places = shard_places(COUNT, SIZE, SEED, epoch, shard)
            order = places[epoch_order(len(places), SEED, epoch, shard)]
            told = plain.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)
            scores.append((told.history["loss"][0], len(places)))
        losses.append(np.average([loss for loss, _ in scores], weights=[count for _, count in scores]))
    shards = Shards(split, SIZE, batch_size=BATCH, seed=SEED)
    history = CompiledEpochs(ours, batch_size=BATCH).fit_shards(shards, epochs=2)
    assert history.history["loss"] == pytest.approx(losses, abs=1e-5)
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, rtol=0)


def test_what_is_drawn_goes_on_from_shard_to_shard_and_begins_anew_in_none(in_file, monkeypatch):
    """Each batch's images become a number drawn for it; of a network that learns nothing, the loss tells which."""

    def one_number(self, batch, uniform):
        grey = 127 * (1 + uniform(0, 1))
        return (keras.ops.zeros(batch[0].shape) + grey, *batch[1:])

    monkeypatch.setattr("digitlab.training.lesson.Lesson.__call__", one_number)
    split = Split(in_file.images[:150], np.zeros(150, np.uint8), "one class", ("a", "b", "c", "d"))

    def loss(size):
        compiled = CompiledEpochs(network(keras.optimizers.SGD(0.0)), batch_size=BATCH)
        shards = Shards(split, size, batch_size=BATCH, seed=SEED)
        return compiled.fit_shards(shards, epochs=1).history["loss"][0]

    # Nine batches and a smaller one: all at once, and by four, four and what is left.
    assert loss(160) == pytest.approx(loss(SIZE), rel=1e-5)


def test_all_shards_are_one_program_whatever_is_left_for_the_last():
    x, y = problem(count=COUNT)
    traces = []

    class CountingLoss(keras.losses.CategoricalCrossentropy):
        def call(self, y_true, y_pred):
            traces.append(1)
            return super().call(y_true, y_pred)

    counts = []
    for size in (224, SIZE):  # all in one, and four
        traces.clear()
        model = network("adam")
        model.compile("adam", CountingLoss())
        split = Split(x, y.argmax(1).astype(np.uint8), "problem", ("a", "b", "c", "d"))
        CompiledEpochs(model, batch_size=BATCH).fit_shards(Shards(split, size, batch_size=BATCH, seed=SEED), epochs=2)
        counts.append(len(traces))
    assert counts[0] == counts[1]


class StopInShard(StopAfter):
    """Interrupts in the middle of an epoch, behind its second shard."""

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, 1):
            raise Stop


@pytest.mark.parametrize("kind", [StopAfter, StopInShard])
def test_interrupted_between_epochs_or_shards_it_goes_on_and_ends_bit_for_bit_the_same(in_file, tmp_path, kind):
    config = CONFIG.replace(shard_images=SIZE, patience=0)
    with pytest.raises(Stop):
        train(in_file, config, out=tmp_path / "run", callbacks=[kind(1)])
    resumed = train(in_file, config, out=tmp_path / "run")
    assert len(resumed.history) == 3
    assert_same_run(resumed, train(in_file, config))


def test_shards_of_another_size_are_another_training(in_file):
    runs = [train(in_file, CONFIG.replace(shard_images=size, epochs=1)) for size in (64, 96)]
    assert not np.array_equal(*(run.model.get_weights()[0] for run in runs))


def test_four_shards_train_the_sample_as_well_as_all_at_once(tmp_path):
    sample = load_dataset("sample")
    mapped = load_dataset(write_npy_folder(tmp_path / "npy", sample))
    assert isinstance(mapped.train.images, np.memmap)
    config = TrainConfig(hidden_units=(32,), epochs=8, batch_size=25, validation_fraction=0.0, patience=0)
    runs = train(sample.train, config), train(mapped.train, config.replace(shard_images=1000))
    whole, shards = (evaluate(KerasClassifier(run.model), sample.test).accuracy for run in runs)
    # Two such networks are right on some 92 % of 1,000 images: their difference has a standard error of at most
    # sqrt(2 x 0.92 x 0.08 / 1,000) = 1.2 points. Training on one shard alone, 1,000 images, costs more than five.
    assert whole > 0.88
    assert abs(whole - shards) < 0.036


def test_neither_holding_out_nor_a_shard_copies_what_lies_in_the_file(tmp_path):
    count = 100_000
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (count, 28, 28))
    split = Split(images, np.arange(count, dtype=np.uint8) % 10)
    tracemalloc.start()
    try:
        fitted, validation = hold_out(split, TrainConfig(shard_images=3200, validation_fraction=0.01))
        shard, _, _ = Shards(fitted, 3200, batch_size=32, seed=0).read(7)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(fitted), len(validation), len(shard)) == (99_000, 1_000, 3_200)
    # The images are 78 MB, a shard 2.5; an index has eight bytes, and there are a few sets of 100,000 of them.
    assert peak < 12_000_000


def test_a_set_in_a_file_that_memory_has_no_room_for_is_refused_unless_in_shards(in_file, tmp_path, monkeypatch):
    monkeypatch.setattr("digitlab.data.mapped.most_bytes", lambda: 100 * 784)
    with pytest.raises(DataError, match=r"expected at most 78,400 bytes of images, .*\nhint: .*--shard-images"):
        train(in_file, CONFIG, out=tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()
    assert len(train(in_file, CONFIG.replace(shard_images=SIZE, epochs=1)).history) == 1


def test_shards_of_no_whole_batches_are_refused_with_the_nearest_that_are(in_memory):
    with pytest.raises(ConfigError, match=r"multiple of batch_size, 16, got 100\nhint: .*shard_images = 96"):
        CONFIG.replace(shard_images=100)
    with pytest.raises(UsageError, match="multiple of 16 images, got 100"):
        Shards(in_memory, 100, batch_size=16, seed=0)


def test_scan_and_search_which_hold_all_images_refuse_shards(in_memory):
    config = CONFIG.replace(shard_images=SIZE)
    for ask in (lambda: SearchConfig(base=config), lambda: scan_learning_rates(in_memory, config)):
        with pytest.raises(ConfigError, match=r"expected all images at once, got shards of 64\nhint: "):
            ask()
