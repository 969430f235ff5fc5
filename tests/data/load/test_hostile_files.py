"""Files made to harm: each is a `DataError` at little memory, or the images that it holds."""

import contextlib
import gzip
import io
import os
import socket
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sets import digits, idx, pictures, write_csv, write_idx_folder

from digitlab.bulk.images import open_images
from digitlab.bulk.place import place
from digitlab.data import load_dataset
from digitlab.data.npy_folder import map_npy_pair
from digitlab.errors import DataError, DigitlabError, UsageError

MEBIBYTE = 2**20
MANY = 300_000  # images of zeros, which unpack to 235 MB
PIECE = bytes(10 * MEBIBYTE)

settings_here = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextlib.contextmanager
def refused_at_little_memory(match, most=8 * MEBIBYTE):
    tracemalloc.start()
    try:
        with pytest.raises(DigitlabError, match=match) as caught:
            yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most
    assert len(str(caught.value).splitlines()) == 2


def header(shape, descr="|u1"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_npz(path, kind=zipfile.ZIP_DEFLATED, **members):
    """Each member is bytes, or bytes and how many zeros follow them."""
    with zipfile.ZipFile(path, "w", kind, compresslevel=1) as archive:
        for name, member in members.items():
            content, zeros = member if isinstance(member, tuple) else (member, 0)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                file.write(content)
                for start in range(0, zeros, len(PIECE)):
                    file.write(PIECE[: min(len(PIECE), zeros - start)])
    return path


TEN = {"x_train": npy(pictures(10)), "y_train": npy(digits(10))}


@pytest.mark.parametrize("load", [load_dataset, lambda path: open_images(place(path))], ids=["data set", "bulk"])
def test_images_of_nothing_that_would_fill_the_memory_are_refused_unread(tmp_path, load):
    labels = (header((MANY,)), MANY)
    path = write_npz(tmp_path / "d.npz", x_train=(header((MANY, 28, 28)), MANY * 784), y_train=labels)
    with refused_at_little_memory("its header promises 23.,...,... bytes, expected at most 134,217,728"):
        load(path)


@pytest.mark.parametrize(
    ("shape", "descr", "came"),
    [
        ((30_000, 28, 28), "<f8", "got float64"),
        ((300_000, 28), "|u1", r"got \[300000, 28\]"),
        ((2**30,), "<c16", "expected"),
    ],
)
def test_what_is_no_array_of_images_is_refused_by_its_header(tmp_path, shape, descr, came):
    size = min(200 * MEBIBYTE, int(np.prod(shape)) * np.dtype(descr).itemsize)
    path = write_npz(tmp_path / "d.npz", x_train=(header(shape, descr), size), y_train=npy(digits(10)))
    with refused_at_little_memory(came):
        load_dataset(path)


def test_labels_are_looked_at_before_they_are_unpacked(tmp_path):
    path = write_npz(tmp_path / "d.npz", x_train=TEN["x_train"], y_train=(header((10, 20 * 10**6)), 200 * 10**6))
    with refused_at_little_memory("y_train: expected 10 whole numbers"):
        load_dataset(path)


def test_other_members_are_never_unpacked(tmp_path):
    path = write_npz(tmp_path / "d.npz", **TEN, junk=(b"", 200 * MEBIBYTE))
    tracemalloc.start()
    try:
        assert len(load_dataset(path).train) == 8
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEBIBYTE


def test_a_list_of_many_members_is_refused_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        for number in range(25_000):
            archive.writestr(f"{number}", b"")
    with refused_at_little_memory("a list of members of more than 1,048,576 bytes"):
        load_dataset(tmp_path / "d.npz")


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_packs_tighter_than_numpy_does_is_refused(tmp_path, kind):
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in TEN.items():
            archive.writestr(f"{name}.npy", content)
    with refused_at_little_memory("neither stored nor deflated"):
        load_dataset(path)


def test_members_that_overlap_count_what_they_all_unpack_to(tmp_path):
    """The kernel of a zip bomb (Fifield 2019): many entries of the list that name the same compressed bytes."""
    path = write_npz(tmp_path / "d.npz", x_train=(header((MANY // 2, 28, 28)), MANY // 2 * 784))
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    entry, end = content[start : content.index(b"PK\x05\x06")], content[content.index(b"PK\x05\x06") :]
    other = entry.replace(b"x_train", b"y_train")
    path.write_bytes(content[:start] + entry + other + end[:8] + struct.pack("<HHI", 2, 2, 2 * len(entry)) + end[16:])
    with refused_at_little_memory("y_train"):
        load_dataset(path)


def test_sixty_thousand_images_of_one_colour_are_a_set_all_the_same(tmp_path):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, images=np.zeros((60_000, 28, 28), np.uint8), labels=np.arange(60_000) % 10)
    assert len(load_dataset(path).train) == 48_000


@pytest.mark.parametrize(
    "spoilt",
    [
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 1000,
        b"\x93NUMPY\x09\x00" + bytes(100),
        npy(pictures(2)).replace(b"(2, 28, 28)", b"(-2,28, 28)"),
        npy(pictures(2)).replace(b"(2, 28, 28)", b"(True,28,28"),
        npy(pictures(2)).replace(b"'|u1'", b"((((("),
        npy(pictures(2)).replace(b"{'descr'", b"[[[[[[[["),
        npy(pictures(2)).replace(b"'shape'", b"'\\ud800'"),
        npy(pictures(2)).replace(b"False", b"-----"),
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b"(" * 60_000,
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 900) + b"-" * 899 + b"1",
        header((10**4000, 28, 28)),
    ],
)
def test_a_damaged_header_is_a_data_error_wherever_an_array_lies(tmp_path, spoilt):
    np.save(tmp_path / "train-labels.npy", digits(2))
    (tmp_path / "train-images.npy").write_bytes(spoilt)
    write_npz(tmp_path / "d.npz", x_train=spoilt, y_train=npy(digits(2)))
    for load in (
        lambda: load_dataset(tmp_path),
        lambda: load_dataset(tmp_path / "d.npz"),
        lambda: open_images(place(tmp_path / "train-images.npy")),
        lambda: open_images(place(tmp_path / "d.npz")),
    ):
        with refused_at_little_memory("expected"):
            load()


def test_a_table_whose_quotes_never_close_is_refused_in_its_row(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(b'"' + b"\n" * 100_000 + b'",')
    with refused_at_little_memory("more than 25,120 characters in row 1"):
        load_dataset(tmp_path / "t.csv.gz")


def test_many_short_quoted_cells_are_one_row(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(100_000):
            file.write(b'"' + b"\n" * 100 + b'",')
    with refused_at_little_memory("more than 25,120 characters in row 1"):
        load_dataset(tmp_path / "t.csv.gz")


def test_rows_without_cells_are_refused_at_some_number(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"\n" * 10_000_000)
    with refused_at_little_memory("empty rows without end"):
        load_dataset(tmp_path / "t.csv.gz")


def test_a_gzipped_table_that_unpacks_to_a_hundred_times_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("digitlab.data.csv_file.SMALL_TEXT", 10**6)
    with gzip.open(tmp_path / "t.csv.gz", "wb") as file:
        file.write((b"0," * 784 + b"0\n") * 2000)
    with refused_at_little_memory("more than 25 times its size"):
        load_dataset(tmp_path / "t.csv.gz")


@pytest.mark.parametrize("cell", ["9" * 5000, "٣", "1_0", "0x10", "1e2", "\x00", "²", '"', "\x1b[31m", "\u202e7"])
def test_a_cell_of_other_than_plain_digits_is_told_by_row_and_column_at_bounded_length(tmp_path, cell):
    path = write_csv(tmp_path / "t.csv", change=lambda rows: rows[2].__setitem__(7, cell))
    with pytest.raises(DataError, match=r"row 3|row 2|in row") as caught:
        load_dataset(path)
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("cell", [" 7", "7 ", "+7", "007", '"7"'])
def test_a_number_may_be_written_in_other_ways(tmp_path, cell):
    path = write_csv(tmp_path / "t.csv", change=lambda rows: rows[2].__setitem__(1, cell))
    dataset = load_dataset(path)
    assert 7 in {*dataset.train.images[:, 0, 0], *dataset.test.images[:, 0, 0]}


def test_a_gzipped_idx_file_of_nothing_is_refused_unread(tmp_path):
    folder = write_idx_folder(tmp_path / "set")
    compressor = zlib.compressobj(1, wbits=31)
    content = compressor.compress(struct.pack(">4I", 0x0803, MANY, 28, 28))
    content += b"".join(compressor.compress(PIECE) for _ in range(23)) + compressor.flush()
    (folder / "train-images-idx3-ubyte").unlink()
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with refused_at_little_memory("its header promises 235,200,000 bytes"):
        load_dataset(folder)
    with refused_at_little_memory("its header promises 235,200,016 bytes"):
        open_images(place(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize("name", ["d.npz", "d.csv", "d.csv.gz"])
def test_a_pipe_in_the_place_of_a_data_file_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    for load in (load_dataset, lambda path: open_images(place(path))):
        with pytest.raises(DataError, match="expected a regular file, got a named pipe"):
            load(tmp_path / name)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no such sockets here")
def test_a_socket_or_a_device_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("d.npz")
        with pytest.raises(DataError, match="got a socket"):
            load_dataset("d.npz")
    (tmp_path / "d.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="got a device"):
        load_dataset("d.csv")


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "\u202egnp"])
def test_a_class_folder_with_a_name_that_a_terminal_would_obey_is_refused(tmp_path, name):
    from PIL import Image

    for folder in (name, "b"):
        (tmp_path / folder).mkdir()
        for number in range(5):
            Image.fromarray(pictures(1)[0]).save(tmp_path / folder / f"{number}.png")
    with pytest.raises(DataError, match="expected class names of printable characters") as caught:
        load_dataset(tmp_path)
    assert caught.value.message.isprintable()


def test_a_path_that_no_record_can_hold_is_wrong_usage(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    write_csv(tmp_path / "t.csv")
    os.rename(tmp_path / "t.csv", name)  # noqa: PTH104
    with pytest.raises(UsageError, match=r"\\udcff.csv: expected a path in UTF-8"):
        load_dataset(name)


GOOD = {
    "d.npz": write_npz(io.BytesIO(), **TEN).getvalue(),
    "d.npy": npy(pictures(10)),
    "d.idx.gz": gzip.compress(idx(pictures(10))),
}


@settings_here
@given(name=st.sampled_from(sorted(GOOD)), data=st.data())
def test_a_file_with_any_bytes_changed_is_an_error_of_ours_or_the_right_images(tmp_path_factory, name, data):
    content = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 4))):
        near = st.integers(0, min(200, len(content) - 1)) | st.integers(max(0, len(content) - 400), len(content) - 1)
        content[data.draw(near)] = data.draw(st.integers(0, 255))
    content = content[: len(content) - data.draw(st.sampled_from([0, 0, 0, 1, 50]))]
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(bytes(content))
    with contextlib.suppress(DigitlabError):
        rows = open_images(place(path))
        with contextlib.closing(rows):
            assert rows.read(0, rows.count).shape[1:] == (28, 28)
    if name == "d.npz":
        with contextlib.suppress(DigitlabError):
            assert load_dataset(path).train.images.shape[1:] == (28, 28)
    if name == "d.npy":
        labels = tmp_path_factory.getbasetemp() / "labels.npy"
        np.save(labels, digits(10))
        with contextlib.suppress(DigitlabError):
            assert map_npy_pair(path, labels)[0].shape == (10, 28, 28)
        path.unlink()  # it may be mapped still


ROWS = ",".join(["3", *["0"] * 784]) + "\n"


@settings_here
@given(data=st.data())
def test_a_table_with_any_text_in_it_is_an_error_of_ours_or_the_right_images(tmp_path_factory, data):
    text = ROWS * 5
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        inserted = data.draw(st.text(alphabet='0123456789,."\n\r -+_٣é\x00', max_size=6))
        text = text[:at] + inserted + text[at + data.draw(st.sampled_from([0, 1, 2])) :]
    path = tmp_path_factory.getbasetemp() / "any-text.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(DigitlabError):
        assert load_dataset(path).train.images.shape[1:] == (28, 28)


def test_what_a_damaged_archive_says_of_itself_is_cut_short(tmp_path):
    path = tmp_path / "long.npz"
    np.savez(path, x_train=np.zeros((2, 28, 28), np.uint8), y_train=np.zeros(2, np.uint8))
    content = bytearray(path.read_bytes())
    # The length of the first member's name, in its own header: the name then runs on into the pixels.
    content[26:28] = (1500).to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert len(caught.value.message) < 500 + len(str(path))
