"""A split whose images lie in a file is the same split, and parts of it are read when they are used."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.data import Split, load_dataset, stratified_split
from digitlab.data.idx import read_idx_images
from digitlab.data.inspect import describe
from digitlab.errors import DataError

LABELS = np.arange(60, dtype=np.uint8) % 3


@pytest.fixture(autouse=True)
def map_every_plain_file(monkeypatch):
    monkeypatch.setattr("digitlab.data.mapped.MAPPED_FROM", 1)


@pytest.fixture(scope="module")
def in_memory():
    return Split(np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8), LABELS)


@pytest.fixture(scope="module")
def in_file(in_memory, tmp_path_factory):
    path = tmp_path_factory.mktemp("part") / "images.npy"
    np.save(path, in_memory.images)
    return Split(np.load(path, mmap_mode="r"), LABELS)


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(ours.images, theirs.images)
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert (ours.name, ours.class_names, ours.fingerprint) == (theirs.name, theirs.class_names, theirs.fingerprint)


@given(indices=st.lists(st.integers(0, 59), min_size=1), data=st.data())
def test_a_part_of_a_part_is_what_it_is_in_memory(in_memory, in_file, indices, data):
    inner = np.array(data.draw(st.lists(st.integers(0, len(indices) - 1), min_size=1)))
    for split in (in_memory, in_file):
        assert split.take(np.array(indices), "p").in_file == (split is in_file)
    ours, theirs = (split.take(np.array(indices), "p").take(inner, "q") for split in (in_file, in_memory))
    assert_same(ours, theirs)
    np.testing.assert_array_equal(ours.read(slice(1, 3)), theirs.images[1:3])


def test_held_out_parts_and_fingerprints_are_those_of_memory(in_memory, in_file, monkeypatch):
    monkeypatch.setattr("digitlab.data.split.PIECE", 7)  # eight of them and a smaller one
    assert in_file.fingerprint == in_memory.fingerprint
    pairs = zip(stratified_split(in_file, 0.2, 3), stratified_split(in_memory, 0.2, 3), strict=True)
    for ours, theirs in pairs:
        assert_same(ours, theirs)
    assert [len(piece) for piece in ours.pieces()] == [7, 5]


def test_a_part_cannot_be_changed(in_file):
    part = in_file.take(np.arange(5), "five")
    with pytest.raises(AttributeError):
        part.name = "six"


def write_idx(folder, prefix, images, labels, pack=bytes, suffix=""):
    for kind, magic, array in (("images-idx3", 0x803, images), ("labels-idx1", 0x801, labels)):
        content = struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()
        (folder / f"{prefix}-{kind}-ubyte{suffix}").write_bytes(pack(content))


@pytest.mark.parametrize("test_part", [True, False])
def test_large_plain_idx_files_stay_in_their_files_and_are_the_same_set(in_memory, tmp_path, monkeypatch, test_part):
    write_idx(tmp_path, "train", in_memory.images, LABELS)
    if test_part:
        write_idx(tmp_path, "t10k", in_memory.images[:9], LABELS[:9])
    mapped = load_dataset(tmp_path)
    assert mapped.train.in_file
    monkeypatch.setattr("digitlab.data.mapped.MAPPED_FROM", 10**9)
    read = load_dataset(tmp_path)
    assert not read.train.in_file
    assert mapped.fingerprint == read.fingerprint
    assert mapped.note == read.note
    assert_same(mapped.train, read.train)
    assert_same(mapped.test, read.test)
    assert describe(mapped) == describe(read)


def test_what_is_mapped_cannot_be_written_to(in_memory, tmp_path):
    write_idx(tmp_path, "train", in_memory.images, LABELS)
    images = read_idx_images(tmp_path / "train-images-idx3-ubyte")
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 1


def test_a_gzipped_file_is_read_however_large_it_is(in_memory, tmp_path):
    write_idx(tmp_path, "train", in_memory.images, LABELS, gzip.compress, ".gz")
    images = read_idx_images(tmp_path / "train-images-idx3-ubyte.gz")
    assert not isinstance(images, np.memmap)
    np.testing.assert_array_equal(images, in_memory.images)


@pytest.mark.parametrize(("change", "came"), [(-1, "47,039"), (1, "47,041")])
def test_a_large_file_of_another_length_than_its_header_says_is_refused(in_memory, tmp_path, change, came):
    write_idx(tmp_path, "train", in_memory.images, LABELS)
    path = tmp_path / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:-1] if change < 0 else content + b"x")
    with pytest.raises(DataError, match=rf"expected 47,040 bytes after the header, got {came}\nhint: "):
        load_dataset(tmp_path)


def test_opening_a_large_set_and_parting_it_reads_no_image(tmp_path):
    count = 100_000
    with (tmp_path / "train-images-idx3-ubyte").open("wb") as file:
        file.write(struct.pack(">4I", 0x803, count, 28, 28))
        file.truncate(16 + 784 * count)
    labels = (np.arange(count) % 10).astype(np.uint8)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + labels.tobytes())
    tracemalloc.start()
    try:
        dataset = load_dataset(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(dataset.train), len(dataset.test)) == (80_000, 20_000)
    assert peak < 8_000_000  # the images are 78 MB; the indices of 100,000 are 0.8
