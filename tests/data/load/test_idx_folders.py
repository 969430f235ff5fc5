"""IDX files in every usual layout, and a `DataError` for whatever is wrong with them."""

import gzip

import numpy as np
import pytest
from sets import assert_is_the_written_set, digits, idx, write_idx_folder

from digitlab.data import load_dataset
from digitlab.errors import DataError


@pytest.mark.parametrize("inside", ["", "raw", "MNIST/raw"], ids=["beside each other", "MNIST", "torchvision's root"])
@pytest.mark.parametrize("pattern", ["{}-{}-idx{}-ubyte", "{}-{}.idx{}-ubyte"], ids=["dash", "dot"])
@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["plain", "gzipped"])
def test_four_idx_files_are_found_in_every_usual_layout(tmp_path, inside, pattern, suffix):
    write_idx_folder(tmp_path / "MNIST" / inside, pattern=pattern + suffix)
    dataset = load_dataset(tmp_path / "MNIST")
    assert_is_the_written_set(dataset)
    assert (dataset.name, dataset.train.name, dataset.note) == ("MNIST", "MNIST/train", "")


def test_plain_and_gzipped_files_may_stand_side_by_side(tmp_path):
    write_idx_folder(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert_is_the_written_set(load_dataset(tmp_path))


def test_training_files_alone_give_up_a_fixed_fifth_and_the_note_says_so(tmp_path):
    write_idx_folder(tmp_path, train=50)
    for path in tmp_path.glob("t10k-*"):
        path.unlink()
    dataset = load_dataset(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (40, 10)
    assert np.bincount(dataset.test.labels).tolist() == [1] * 10
    assert "no test part" in dataset.note
    assert "10 images" in dataset.note
    assert load_dataset(tmp_path).fingerprint == dataset.fingerprint


def test_test_files_alone_are_no_data_set(tmp_path):
    write_idx_folder(tmp_path)
    for path in tmp_path.glob("train-*"):
        path.unlink()
    with pytest.raises(DataError, match="found test files, but no training files"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("missing", "kind"), [("labels-idx1", "labels"), ("images-idx3", "images")])
@pytest.mark.parametrize("prefix", ["train", "t10k"])
def test_a_file_without_its_partner_names_the_one_to_put_beside_it(tmp_path, prefix, missing, kind):
    write_idx_folder(tmp_path)
    (tmp_path / f"{prefix}-{missing}-ubyte").unlink()
    with pytest.raises(DataError, match=rf"without its {kind}\nhint: put {prefix}-{missing}-ubyte beside it"):
        load_dataset(tmp_path)


def test_another_count_of_labels_than_of_images_is_refused_with_both(tmp_path):
    write_idx_folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(digits(11)))
    with pytest.raises(DataError, match=r"holds 10 images, t10k-labels-idx1-ubyte 11 labels\nhint: "):
        load_dataset(tmp_path)


def test_labels_above_nine_make_more_classes(tmp_path):
    write_idx_folder(tmp_path)
    letters = np.arange(20, dtype=np.uint8) + 6  # 6 to 25, as EMNIST's letters from 0
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(letters))
    assert load_dataset(tmp_path).class_names == tuple(map(str, range(26)))


def test_a_label_above_99_is_refused(tmp_path):
    write_idx_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(digits(20) + np.uint8(91)))
    with pytest.raises(DataError, match="expected 2 to 100 classes, got 101"):
        load_dataset(tmp_path)
