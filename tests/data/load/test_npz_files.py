"""NPZ archives under the usual names, and a `DataError` for whatever is wrong with one."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
from sets import assert_is_the_written_set, digits, everything, pictures

from digitlab.data import load_dataset
from digitlab.data.npz import read_npz
from digitlab.errors import DataError


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "names",
    [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")],
)
@pytest.mark.parametrize("shape", [(-1, 28, 28), (-1, 784)], ids=["square", "flat"])
def test_an_npz_file_is_read_under_the_usual_names(tmp_path, names, shape):
    arrays = (pictures(20, 1).reshape(shape), digits(20), pictures(10, 2).reshape(shape), digits(10))
    dataset = load_dataset(write_npz(tmp_path / "d.npz", **dict(zip(names, arrays, strict=True))))
    assert_is_the_written_set(dataset)
    assert dataset.note == ""


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X", "y"), ("x_train", "y_train")])
def test_an_npz_file_without_a_test_part_gives_up_a_fifth(tmp_path, names):
    path = write_npz(tmp_path / "d.npz", **{names[0]: pictures(10), names[1]: digits(10)})
    dataset = load_dataset(path)
    assert everything(dataset) == sorted((image.tobytes(), label) for label, image in enumerate(pictures(10)))
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
    assert "2 images" in dataset.note


def test_x_and_y_beside_a_test_part_are_the_training_part(tmp_path):
    arrays = {"x": pictures(20, 1), "y": digits(20), "x_test": pictures(10, 2), "y_test": digits(10)}
    assert_is_the_written_set(load_dataset(write_npz(tmp_path / "d.npz", **arrays)))


def test_a_training_part_is_never_replaced_by_what_else_is_in_the_file(tmp_path):
    arrays = {"x_train": pictures(20, 1), "y_train": digits(20), "x_test": pictures(10, 2), "y_test": digits(10)}
    more = {"images": pictures(30, 3), "labels": digits(30), "x": pictures(40, 4), "y": digits(40)}
    assert_is_the_written_set(load_dataset(write_npz(tmp_path / "d.npz", **arrays, **more)))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16])
def test_whole_numbers_of_any_type_are_labels(tmp_path, dtype):
    path = write_npz(tmp_path / "d.npz", x_train=pictures(10), y_train=digits(10).astype(dtype))
    assert load_dataset(path).train.labels.dtype == np.uint8


@pytest.mark.parametrize(
    "labels",
    [digits(10) - 1.0, digits(10).astype(int) - 1, digits(10).astype(int) + 91, digits(9), np.eye(10), digits(10) > 4],
    ids=["floats", "minus one", "a hundred", "too few", "one-hot", "truth values"],
)
def test_labels_in_an_npz_file_that_are_no_class_numbers_are_refused(tmp_path, labels):
    path = write_npz(tmp_path / "d.npz", x_train=pictures(10), y_train=labels)
    with pytest.raises(DataError, match=r"d\.npz:y_train: expected 10 whole numbers from 0 to 99, got .*\nhint: "):
        load_dataset(path)


def test_float_images_in_an_npz_file_are_refused_with_a_hint_on_scaling(tmp_path):
    path = write_npz(tmp_path / "d.npz", x_train=pictures(10) / 255, y_train=digits(10))
    with pytest.raises(DataError, match=r"d\.npz:x_train: images must be uint8 .*float64\nhint: scaling"):
        load_dataset(path)


def test_images_of_another_size_in_an_npz_file_are_refused(tmp_path):
    path = write_npz(tmp_path / "d.npz", x_train=np.zeros((10, 8, 8), np.uint8), y_train=digits(10))
    with pytest.raises(DataError, match=r"x_train: images must have the shape \[n, 28, 28\], got \[10, 8, 8\]"):
        load_dataset(path)


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickled_object_is_refused_and_never_unpickled(tmp_path):
    objects = np.array([Trap(tmp_path / "sprung")] * 10, dtype=object)
    path = write_npz(tmp_path / "d.npz", x_train=pictures(10), y_train=objects)
    with pytest.raises(DataError, match=r"d\.npz: expected an NPZ archive"):
        load_dataset(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("names", [(), ("a", "b"), ("x_train",), ("x_train", "labels"), ("x_test", "y_test")])
def test_an_npz_file_without_the_usual_names_says_which_are_usual(tmp_path, names):
    path = write_npz(tmp_path / "d.npz", **dict(zip(names, (pictures(10), digits(10)), strict=False)))
    with pytest.raises(DataError, match=r"with x_train, y_train, .* got none of these names\nhint: numpy\.savez"):
        load_dataset(path)


@pytest.mark.parametrize(
    "content", [b"", b"x_train", b"PK\x03\x04" + bytes(100), b"PK\x05\x06" + bytes(18), b"\x93NUMPY", b"\x80\x04N."]
)
def test_what_is_no_zip_archive_of_arrays_is_said_so(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"d\.npz: expected an NPZ archive"):
        load_dataset(tmp_path / "d.npz")


def test_a_single_array_renamed_to_npz_is_said_to_be_one(tmp_path):
    np.save(tmp_path / "d.npy", pictures(10))
    (tmp_path / "d.npy").rename(tmp_path / "d.npz")
    with pytest.raises(DataError, match=r"expected an NPZ archive .*got a single array"):
        load_dataset(tmp_path / "d.npz")


def npy(array=None, shape=None):
    """The content of an .npy file of `array`, or of one that says it holds bytes of `shape` and holds none."""
    buffer = io.BytesIO()
    if array is None:
        fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(buffer, fields)
    else:
        np.save(buffer, array)
    return buffer.getvalue()


def write_zip(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_an_entry_that_is_no_array_is_refused(tmp_path):
    path = write_zip(tmp_path / "d.npz", {"x_train": b"these are no pictures", "y_train": npy(digits(10))})
    with pytest.raises(DataError, match=r"d\.npz"):
        load_dataset(path)


@pytest.mark.parametrize("count", [10**7, 10**10, 10**30])
def test_an_array_that_promises_more_than_the_archive_holds_is_refused(tmp_path, count):
    entries = {"x_train.npy": npy(shape=(count, 28, 28)), "y_train.npy": npy(digits(10))}
    with pytest.raises(DataError, match=r"d\.npz"):
        load_dataset(write_zip(tmp_path / "d.npz", entries))


ENTRIES = {"x_train.npy": npy(pictures(2)), "y_train.npy": npy(digits(2))}
STORED = write_zip(io.BytesIO(), ENTRIES)
DEFLATED = write_zip(io.BytesIO(), ENTRIES, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("whole", [STORED.getvalue(), DEFLATED.getvalue()], ids=["stored", "deflated"])
@pytest.mark.parametrize("at_end", [True, False], ids=["in its directory", "in its entries"])
def test_an_npz_file_with_any_byte_changed_is_read_or_a_data_error(tmp_path, whole, at_end):
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        position = len(whole) - 1 - rng.integers(300) if at_end else rng.integers(300)
        damaged[position] = rng.integers(256)
        (tmp_path / "d.npz").write_bytes(bytes(damaged))
        with contextlib.suppress(DataError):
            assert read_npz(tmp_path / "d.npz")["train"][0].shape[1:] == (28, 28)
