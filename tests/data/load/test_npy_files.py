"""A folder of NPY files, which stay where they are; and a `DataError` for whatever is wrong with one."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sets import assert_is_the_written_set, digits, pictures

from digitlab.data import load_dataset
from digitlab.data.npy_folder import map_npy_pair
from digitlab.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """A set of 20 and 10 pictures."""
    for part, count, seed in (("train", 20, 1), ("test", 10, 2)):
        np.save(tmp_path / f"{part}-images.npy", pictures(count, seed))
        np.save(tmp_path / f"{part}-labels.npy", digits(count))
    return tmp_path


@pytest.mark.parametrize("shape", [(-1, 28, 28), (-1, 784)], ids=["square", "flat"])
def test_npy_files_are_found_by_their_names_and_mapped_whatever_their_size(folder, shape):
    np.save(folder / "train-images.npy", pictures(20, 1).reshape(shape))
    dataset = load_dataset(folder)
    assert_is_the_written_set(dataset)
    assert dataset.note == ""
    for split in (dataset.train, dataset.test):
        assert isinstance(split.images, np.memmap)
        assert not split.images.flags.writeable


def test_without_a_test_part_a_fixed_fifth_is_held_out(folder):
    for path in folder.glob("test-*"):
        path.unlink()
    dataset = load_dataset(folder)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert "no test part" in dataset.note


@pytest.mark.parametrize("dtype", [np.int64, np.int8, ">u2"])
def test_whole_numbers_of_any_type_are_labels(folder, dtype):
    np.save(folder / "train-labels.npy", digits(20).astype(dtype))
    assert load_dataset(folder).train.labels.tolist() == digits(20).tolist()


@pytest.mark.parametrize("name", ["train-images", "train-labels", "test-images", "test-labels"])
def test_a_file_without_its_partner_names_the_one_to_put_beside_it(folder, name):
    (folder / f"{name}.npy").unlink()
    with pytest.raises(DataError, match=rf"without {name}\.npy\nhint: put {name}\.npy beside it"):
        load_dataset(folder)


def test_test_files_alone_are_no_data_set(folder):
    for path in folder.glob("train-*"):
        path.unlink()
    with pytest.raises(DataError, match="found test files, but no training files\nhint: "):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (pictures(20) / 255, "images must be uint8 .*got float64"),
        (pictures(20).astype(np.int8), "images must be uint8 .*got int8"),
        (np.zeros((20, 14, 14), np.uint8), r"images must have the shape \[n, 28, 28\], got \[20, 14, 14\]"),
        (np.zeros((20, 28, 28, 1), np.uint8), r"must have the shape .*, got \[20, 28, 28, 1\]"),
        (np.uint8(7), r"must have the shape .*, got \[\]"),
        (np.asfortranarray(pictures(20)), "expected one image behind another"),
        (pictures(19), r"labels\.npy: expected 19 whole numbers from 0 to 99, got uint8 \[20\]"),
        (np.array([None] * 20), "expected a whole NPY file of numbers"),
    ],
    ids=["floats", "signed", "14x14", "a channel", "a number", "Fortran's order", "one too few", "objects"],
)
def test_images_of_another_kind_are_refused_in_two_lines(folder, images, said):
    np.save(folder / "train-images.npy", images, allow_pickle=True)
    with pytest.raises(DataError, match=rf"^\S*train-.*{said}[^\n]*\nhint: [^\n]*$"):
        load_dataset(folder)


@pytest.mark.parametrize("labels", [digits(20) - 1.0, digits(20).astype(int) - 1, digits(20) + 91, np.eye(20)])
def test_labels_that_are_no_class_numbers_are_refused(folder, labels):
    np.save(folder / "train-labels.npy", labels)
    with pytest.raises(DataError, match=r"train-labels\.npy: expected 20 whole numbers from 0 to 99, got .*\nhint: "):
        load_dataset(folder)


@pytest.mark.parametrize("kind", ["images", "labels"])
@pytest.mark.parametrize("length", [0, 5, 60, -1])
def test_a_file_cut_short_is_refused(folder, kind, length):
    path = folder / f"train-{kind}.npy"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=rf"train-{kind}\.npy: expected a whole NPY file .*\nhint: .*cut short"):
        load_dataset(folder)


def test_a_file_that_goes_on_behind_its_array_is_refused(folder):
    path = folder / "train-images.npy"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"expected 15,808 bytes by its header, got 15,809\nhint: "):
        load_dataset(folder)


@given(at=st.integers(0, 140), value=st.integers(0, 255))
def test_a_file_with_any_byte_of_its_header_changed_is_read_or_a_data_error(tmp_path_factory, at, value):
    folder = tmp_path_factory.getbasetemp()
    images, labels = folder / "any-images.npy", folder / "any-labels.npy"
    np.save(images, pictures(20))
    np.save(labels, digits(20))
    content = bytearray(images.read_bytes())
    content[at] = value
    images.unlink()
    images.write_bytes(bytes(content))
    with contextlib.suppress(DataError):
        assert map_npy_pair(images, labels)[0].shape == (20, 28, 28)
