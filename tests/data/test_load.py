"""`load_dataset`: every layout that is found in the world, and a `DataError` for whatever is wrong with one."""

import contextlib
import gzip
import io
import os
import shutil
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digitlab.data import load_dataset
from digitlab.data.known import FASHION_MNIST, KNOWN_SETS, recognise
from digitlab.data.npz import read_npz
from digitlab.errors import DataError, DownloadError, UsageError

DIGITS = tuple("0123456789")
LABELS_2_CLASSES = np.array([0, 1] * 5, dtype=np.uint8)


@pytest.fixture(autouse=True)
def nowhere_to_fetch_from(monkeypatch):
    """No set beside the user's own, and no network."""

    def fail(known, folder, **_):
        raise DownloadError(f"{known.name} could be had from no mirror", hint="there is no network in this test")

    monkeypatch.setattr("digitlab.data.load.fetch", fail)
    monkeypatch.delenv("DIGITLAB_DATA", raising=False)


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def digits(count):
    return np.arange(count, dtype=np.uint8) % 10


def idx(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return struct.pack(">I", 0x0800 + array.ndim) + sizes + array.tobytes()


def write_idx_folder(folder, train=20, test=10, pattern="{}-{}-idx{}-ubyte"):
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count, seed in (("train", train, 1), ("t10k", test, 2)):
        for kind, array in (("images", pictures(count, seed)), ("labels", digits(count))):
            path = folder / pattern.format(prefix, kind, array.ndim)
            path.write_bytes(gzip.compress(idx(array)) if path.suffix == ".gz" else idx(array))
    return folder


def assert_is_the_written_set(dataset):
    np.testing.assert_array_equal(dataset.train.images, pictures(20, 1))
    np.testing.assert_array_equal(dataset.test.images, pictures(10, 2))
    assert dataset.train.labels.tolist() == digits(20).tolist()
    assert dataset.test.labels.tolist() == digits(10).tolist()
    assert dataset.class_names == DIGITS


# IDX folders


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


# CSV


def write_csv(path, count=10, *, header=False, label_at=0, change=None):
    """A table of `count` pictures; `change(rows)` spoils it."""
    images, labels = pictures(count), digits(count)
    rows = [[str(v) for v in image.ravel()] for image in images]
    for row, label in zip(rows, labels, strict=True):
        row.insert(label_at, str(label))
    if header:
        names = [f"pixel{i}" for i in range(784)]
        names.insert(label_at, "label")
        rows.insert(0, names)
    if change is not None:
        change(rows)
    text = "".join(",".join(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def set_cell(row, column, value):
    def change(rows):
        rows[row][column] = value

    return change


def everything(dataset):
    """Both parts, as pairs of an image's bytes and its label, sorted."""
    return sorted(
        (image.tobytes(), int(label))
        for split in (dataset.train, dataset.test)
        for image, label in zip(split.images, split.labels, strict=True)
    )


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "TABLE.CSV"])
@pytest.mark.parametrize(
    ("header", "label_at"), [(False, 0), (True, 0), (True, 784), (True, 300)], ids=["none", "first", "last", "middle"]
)
def test_a_csv_file_is_read_with_or_without_a_header_wherever_its_label_stands(tmp_path, name, header, label_at):
    dataset = load_dataset(write_csv(tmp_path / name, header=header, label_at=label_at))
    expected = [(image.tobytes(), label) for label, image in enumerate(pictures(10))]
    assert everything(dataset) == sorted(expected)
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
    assert dataset.name == name


@pytest.mark.parametrize("name", ["Label", " class ", "target", "y"])
def test_the_labels_column_goes_by_several_names(tmp_path, name):
    path = write_csv(tmp_path / "t.csv", header=True, label_at=784, change=set_cell(0, 784, name))
    assert sorted(label for _, label in everything(load_dataset(path))) == list(range(10))


@pytest.mark.parametrize("label_at", [0, 784])
def test_a_header_may_call_its_pixels_by_numbers(tmp_path, label_at):
    def number_them(rows):
        rows[0] = [cell.removeprefix("pixel") for cell in rows[0]]

    path = write_csv(tmp_path / "t.csv", header=True, label_at=label_at, change=number_them)
    assert everything(load_dataset(path)) == sorted(
        (image.tobytes(), label) for label, image in enumerate(pictures(10))
    )


@pytest.mark.parametrize("header", [True, False])
def test_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path, header):
    path = write_csv(tmp_path / "t.csv", header=header)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert sorted(label for _, label in everything(load_dataset(path))) == list(range(10))


def test_carriage_returns_and_blank_lines_do_no_harm(tmp_path):
    path = write_csv(tmp_path / "t.csv")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert len(everything(load_dataset(path))) == 10


@pytest.mark.parametrize("names", [("train.csv", "test.csv"), ("mnist_train.csv.gz", "mnist_test.csv.gz")])
def test_a_folder_with_two_tables_has_a_training_and_a_test_part(tmp_path, names):
    write_csv(tmp_path / names[0], 30)
    write_csv(tmp_path / names[1], 20)
    dataset = load_dataset(tmp_path)
    assert (len(dataset.train), len(dataset.test), dataset.note) == (30, 20, "")


@pytest.mark.parametrize("row", [0, 3])
@pytest.mark.parametrize("header", [True, False])
def test_a_missing_column_is_told_with_its_row(tmp_path, row, header):
    path = write_csv(tmp_path / "t.csv", header=header, change=lambda rows: rows[row].pop())
    message = rf"t\.csv, row {row + 1}: expected 785 columns .*got 784\nhint: "
    with pytest.raises(DataError, match=message):
        load_dataset(path)


@pytest.mark.parametrize("row", [0, 4])
@pytest.mark.parametrize("value", ["0.5", "12.0"])
def test_a_float_pixel_is_told_with_its_row_and_column_and_a_hint_on_scaling(tmp_path, row, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(row, 2, value))
    with pytest.raises(DataError, match=rf"row {row + 1}, column 3: .*got '{value}'\nhint: .*not scaled to \[0, 1\]"):
        load_dataset(path)


@pytest.mark.parametrize("value", ["", "x", "nan", "1e2"])
@pytest.mark.parametrize("column", [1, 400])
@pytest.mark.parametrize("row", [0, 4])
def test_a_cell_that_is_no_number_is_told_and_its_row_never_left_out(tmp_path, row, column, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(row, column, value))
    with pytest.raises(DataError, match=rf"row {row + 1}, column {column + 1}: expected a whole number, got '{value}'"):
        load_dataset(path)


@pytest.mark.parametrize("value", [256, -1, 10**30])
def test_a_pixel_beyond_a_byte_is_told_with_its_row(tmp_path, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(2, 700, str(value)))
    with pytest.raises(DataError, match=rf"row 3: expected pixels from 0 to 255, got {value}\nhint: "):
        load_dataset(path)


@pytest.mark.parametrize("value", [-1, 100, 10**30])
@pytest.mark.parametrize("row", [0, 2])
def test_a_label_out_of_range_is_told_with_its_row(tmp_path, row, value):
    path = write_csv(tmp_path / "t.csv", change=set_cell(row, 0, str(value)))
    with pytest.raises(DataError, match=rf"row {row + 1}: expected a label from 0 to 99, got {value}\nhint: "):
        load_dataset(path)


@pytest.mark.parametrize("keep", [0, 1], ids=["empty", "only a header"])
def test_a_table_without_rows_is_said_to_have_none(tmp_path, keep):
    path = write_csv(tmp_path / "t.csv", header=True, change=lambda rows: rows.__delitem__(slice(keep, None)))
    with pytest.raises(DataError, match="expected at least one row, got none"):
        load_dataset(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_table_that_is_not_utf_8_is_said_so(tmp_path, encoding):
    path = write_csv(tmp_path / "t.csv")
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(DataError, match="expected a CSV file, got: 'utf-8' codec can't decode"):
        load_dataset(path)


def test_a_gzipped_table_cut_short_is_refused(tmp_path):
    path = write_csv(tmp_path / "t.csv.gz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="expected a CSV file, got: "):
        load_dataset(path)


def test_a_small_table_that_unpacks_to_one_endless_line_takes_little_memory(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"0" * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            load_dataset(tmp_path / "t.csv.gz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@given(content=st.binary(max_size=300) | st.text(alphabet='0123456789,.-"\n\rlabel ', max_size=300).map(str.encode))
@settings(deadline=None)
def test_any_bytes_given_as_a_table_are_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)  # too short for one picture
    with pytest.raises(DataError):
        load_dataset(path)


# NPZ


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


# folders of class folders


def write_pictures(folder, counts, suffix=".png", size=(28, 28)):
    """Each class's pictures have the brightness of its place in `counts`."""
    for brightness, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new("L", size, brightness).save(folder / name / f"{i}{suffix}")
    return folder


def test_class_folders_with_numbers_are_ordered_by_number(tmp_path):
    dataset = load_dataset(write_pictures(tmp_path, {"10": 5, "9": 5, "1": 5, "2": 5}))
    assert dataset.class_names == ("1", "2", "9", "10")
    brightness = {1: 2, 2: 3, 9: 1, 10: 0}
    for image, label in zip(dataset.train.images, dataset.train.labels, strict=True):
        assert np.all(image == brightness[int(dataset.class_names[label])])


def test_class_folders_with_names_are_ordered_by_name(tmp_path):
    dataset = load_dataset(write_pictures(tmp_path, {"b": 5, "10": 5, "a": 5, "9": 5}))
    assert dataset.class_names == ("10", "9", "a", "b")
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert np.bincount(dataset.test.labels).tolist() == [1, 1, 1, 1]


def test_train_and_test_folders_are_the_parts(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    write_pictures(tmp_path / "test", {"0": 2, "1": 1})
    dataset = load_dataset(tmp_path)
    assert np.bincount(dataset.train.labels).tolist() == [3, 4]
    assert np.bincount(dataset.test.labels).tolist() == [2, 1]
    assert dataset.note == ""


def test_a_class_may_be_missing_from_the_test_folder(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    write_pictures(tmp_path / "test", {"1": 2})
    assert load_dataset(tmp_path).test.labels.tolist() == [1, 1]


def test_a_class_that_only_the_test_folder_has_is_refused_and_not_left_out(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    write_pictures(tmp_path / "test", {"0": 2, "1": 1, "surprise": 2})
    with pytest.raises(DataError, match="surprise"):
        load_dataset(tmp_path)


def test_a_test_folder_without_pictures_is_a_data_error(tmp_path):
    write_pictures(tmp_path / "train", {"0": 3, "1": 4})
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match="test"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", ".png"), ("RGB", ".JPG"), ("1", ".png"), ("P", ".gif")])
def test_pictures_of_any_usual_kind_become_grey(tmp_path, mode, suffix):
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
        for i in range(5):
            picture = Image.new("L", (28, 28), 255 if name == "light" else 0).convert(mode)
            picture.save(tmp_path / name / f"{i}{suffix}")
    dataset = load_dataset(tmp_path)
    assert sorted(everything(dataset)) == [(bytes(784), 0)] * 5 + [(b"\xff" * 784, 1)] * 5


def test_other_files_and_folders_without_pictures_are_passed_over(tmp_path):
    write_pictures(tmp_path, {"0": 5, "1": 5})
    (tmp_path / "0" / "notes.txt").write_text("not a picture")
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "papers").mkdir()
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == ("0", "1")
    assert len(everything(dataset)) == 10


@pytest.mark.parametrize("count", [1, 101])
def test_one_class_folder_or_more_than_a_hundred_are_refused(tmp_path, count):
    write_pictures(tmp_path, {f"c{i}": 1 for i in range(count)})
    with pytest.raises(DataError, match=rf"expected 2 to 100 class folders with pictures, got {count}\nhint: "):
        load_dataset(tmp_path)


@pytest.mark.parametrize("size", [(14, 14), (28, 29), (4000, 4000)])
def test_a_picture_of_another_size_is_named_with_its_size(tmp_path, size):
    write_pictures(tmp_path, {"0": 5, "1": 5})
    Image.new("L", size).save(tmp_path / "1" / "odd.png")
    with pytest.raises(DataError, match=rf"odd\.png: expected a picture of 28x28 .*, got {size[0]}x{size[1]}\nhint: "):
        load_dataset(tmp_path)


def test_a_picture_cut_at_any_length_is_named(tmp_path):
    write_pictures(tmp_path, {"0": 2, "1": 2})
    path = tmp_path / "1" / "cut.png"
    Image.fromarray(pictures(1)[0]).save(path)
    whole = path.read_bytes()
    last_pixel = whole.rindex(b"IEND") - 12  # behind it: two checksums and a length
    for length in range(0, last_pixel, 17):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut\.png: expected a picture, got one that cannot be read[\s\S]*hint: "):
            load_dataset(tmp_path)


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"expected IDX files, .* or class folders of pictures, found none\nhint: "):
        load_dataset(tmp_path)


# names and paths


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("minst", "mnist"),
        ("MNIST", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("fashionmnist", "fashion-mnist"),
        ("smaple", "sample"),
        ("Auto", "auto"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_known_one(tmp_path, monkeypatch, name, meant):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"{name}: neither a known data set .*\nhint: did you mean '{meant}'"):
        load_dataset(name)


def test_a_path_that_does_not_exist_is_answered_with_the_known_names(tmp_path):
    with pytest.raises(UsageError, match=r"hint: a path, or one of auto, sample, mnist, fashion-mnist"):
        load_dataset(tmp_path / "nowhere.csv")


def test_an_empty_name_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(write_idx_folder(tmp_path))
    with pytest.raises(UsageError):
        load_dataset("")


def test_the_folder_one_stands_in_is_called_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.chdir(write_idx_folder(tmp_path / "mine"))
    assert load_dataset(".").name == "mine"


@pytest.mark.skipif(os.name == "nt", reason="making a symbolic link takes rights there")
def test_a_link_is_read_by_its_own_name_and_not_by_that_of_what_it_leads_to(tmp_path):
    # as Hugging Face's cache and git-annex keep files
    write_csv(tmp_path / "table.csv").rename(tmp_path / "c0ffee")
    (tmp_path / "mine.csv").symlink_to(tmp_path / "c0ffee")
    dataset = load_dataset(tmp_path / "mine.csv")
    assert (dataset.name, len(everything(dataset))) == ("mine.csv", 10)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    write_idx_folder(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert_is_the_written_set(load_dataset("~/mine"))


@pytest.mark.parametrize(
    "name",
    ["~nobody-of-this-name/x", "a\0b", "x" * 5_000, "loop"],
    ids=["home of nobody", "null", "too long", "link to itself"],
)
def test_a_path_that_cannot_be_is_no_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if os.name != "nt":
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="neither a known data set nor an existing path"):
        load_dataset(name)


def test_a_file_of_another_kind_is_refused_with_what_is_read(tmp_path):
    path = write_idx_folder(tmp_path) / "train-images-idx3-ubyte"
    with pytest.raises(UsageError, match=r"expected a folder, a \.csv or an \.npz file\nhint: .*the folder that holds"):
        load_dataset(path)


# the sample, and `auto`


def test_the_sample_is_400_and_100_of_every_digit_and_always_the_same():
    first, second = load_dataset("sample"), load_dataset("sample")
    assert (len(first.train), len(first.test)) == (4_000, 1_000)
    assert np.bincount(first.train.labels).tolist() == [400] * 10
    assert np.bincount(first.test.labels).tolist() == [100] * 10
    assert first.fingerprint == second.fingerprint
    assert first.train.fingerprint != first.test.fingerprint
    assert "not full MNIST" in first.note


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
