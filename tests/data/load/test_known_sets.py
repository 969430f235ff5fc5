"""The embedded sample, and the sets that are known by their checksums."""

import gzip
import shutil
import tracemalloc

import numpy as np
import pytest
from sets import write_idx_folder

from digitlab.data import load_dataset
from digitlab.data.known import FASHION_MNIST, KNOWN_SETS, MNIST, recognise
from digitlab.errors import DownloadError


def test_the_sample_is_400_and_100_of_every_digit_and_always_the_same():
    first, second = load_dataset("sample"), load_dataset("sample")
    assert (len(first.train), len(first.test)) == (4_000, 1_000)
    assert np.bincount(first.train.labels).tolist() == [400] * 10
    assert np.bincount(first.test.labels).tolist() == [100] * 10
    assert first.fingerprint == second.fingerprint
    assert first.train.fingerprint != first.test.fingerprint
    assert "not full MNIST" in first.note


@pytest.mark.real_data
def test_mnists_fingerprint_is_that_of_its_content(real_mnist, real_fashion_mnist):
    assert load_dataset(real_mnist).fingerprint == MNIST.fingerprint
    assert load_dataset(real_fashion_mnist).fingerprint == FASHION_MNIST.fingerprint


def test_the_samples_pictures_are_bright_ink_on_dark():
    images = load_dataset("sample").train.images
    assert images.max() == 255
    assert np.median(images[:, [0, -1]]) == 0
    # MNIST's mean is 33.3 of 255 (0.1307, as torchvision's examples normalise by)
    assert images.mean() == pytest.approx(0.1307 * 255, rel=0.02)


def test_auto_without_a_network_is_the_sample_and_its_note_says_so():
    dataset = load_dataset("auto")
    assert dataset.name == "sample"
    assert dataset.fingerprint == load_dataset("sample").fingerprint
    assert dataset.note.startswith("full MNIST is not at hand and cannot be fetched")
    assert "not full MNIST" in dataset.note


def test_a_known_set_without_a_network_is_never_replaced_by_the_sample():
    with pytest.raises(DownloadError):
        load_dataset("mnist")


@pytest.mark.parametrize("root", ["", "mnist"])
def test_a_folder_called_mnist_is_not_mnist_unless_its_checksums_say_so(tmp_path, monkeypatch, root):
    write_idx_folder(tmp_path / "mnist")
    monkeypatch.setenv("DIGITLAB_DATA", str(tmp_path / root))
    with pytest.raises(DownloadError):
        load_dataset("mnist")
    assert load_dataset("auto").name == "sample"


@pytest.mark.parametrize("content", ["half a set", "a file", "nothing"])
def test_whatever_else_lies_in_digitlab_data_does_no_harm(tmp_path, monkeypatch, content):
    if content == "half a set":
        (write_idx_folder(tmp_path / "data" / "mnist") / "train-labels-idx1-ubyte").unlink()
    elif content == "a file":
        (tmp_path / "data").write_text("not a folder")
    monkeypatch.setenv("DIGITLAB_DATA", str(tmp_path / "data"))
    assert load_dataset("auto").name == "sample"


def test_a_folder_with_one_small_file_that_unpacks_to_100_mb_is_passed_over_at_little_memory(tmp_path):
    write_idx_folder(tmp_path, pattern="{}-{}-idx{}-ubyte.gz")
    with gzip.open(tmp_path / "train-labels-idx1-ubyte.gz", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
    files = {
        part: tuple(tmp_path / f"{prefix}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
        for part, prefix in (("train", "train"), ("test", "t10k"))
    }
    tracemalloc.start()
    try:
        assert recognise(files) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.real_data
def test_auto_is_full_mnist_where_digitlab_data_has_it(real_mnist, tmp_path, monkeypatch):
    (tmp_path / "some folder").symlink_to(real_mnist, target_is_directory=True)
    monkeypatch.setenv("DIGITLAB_DATA", str(tmp_path))
    dataset = load_dataset("auto")
    assert (dataset.name, len(dataset.train), len(dataset.test), dataset.note) == ("mnist", 60_000, 10_000, "")
    # the digits of the first images, as http://yann.lecun.com/exdb/mnist shows them
    assert dataset.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert dataset.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert dataset.train.images.mean() == pytest.approx(0.1307 * 255, abs=0.02)


@pytest.mark.real_data
def test_digitlab_data_may_be_the_set_itself(real_fashion_mnist, monkeypatch):
    monkeypatch.setenv("DIGITLAB_DATA", str(real_fashion_mnist))
    dataset = load_dataset("fashion-mnist")
    assert (dataset.name, len(dataset.train), len(dataset.test)) == ("fashion-mnist", 60_000, 10_000)


@pytest.mark.real_data
def test_fashion_mnist_in_a_folder_called_mnist_is_recognised_and_never_taken_for_mnist(
    real_fashion_mnist, tmp_path, monkeypatch
):
    (tmp_path / "mnist").symlink_to(real_fashion_mnist, target_is_directory=True)
    monkeypatch.setenv("DIGITLAB_DATA", str(tmp_path))
    with pytest.raises(DownloadError):
        load_dataset("mnist")
    dataset = load_dataset(tmp_path / "mnist")
    assert dataset.name == "fashion-mnist"
    assert dataset.class_names[dataset.train.labels[0]] == "Ankle boot"
    assert dataset.class_names == FASHION_MNIST.class_names


@pytest.mark.real_data
def test_mnist_with_a_single_pixel_changed_is_no_longer_mnist(real_mnist, tmp_path, monkeypatch):
    for path in real_mnist.glob("*-ubyte*"):
        shutil.copy(path, tmp_path)
    path = next(tmp_path.glob("t10k-images-idx3-ubyte*"))
    content = bytearray(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    path.unlink()
    content[16 + 5_000 * 784] ^= 1
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    monkeypatch.setenv("DIGITLAB_DATA", str(tmp_path))
    with pytest.raises(DownloadError):
        load_dataset("mnist")


def test_the_known_sets_share_their_file_names_and_no_checksum():
    mnist, fashion = KNOWN_SETS["mnist"], KNOWN_SETS["fashion-mnist"]
    assert mnist.checksums.keys() == fashion.checksums.keys()
    assert not set(mnist.checksums.values()) & set(fashion.checksums.values())
