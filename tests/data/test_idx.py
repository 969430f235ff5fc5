"""IDX files: what was written comes back, and whatever is wrong with one is a `DataError` at little memory."""

import contextlib
import gzip
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digitlab.data.idx import read_idx_images, read_idx_labels
from digitlab.errors import DataError

IMAGES, LABELS = 0x00000803, 0x00000801
MEBIBYTE = 2**20

plain_or_zipped = pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])


def images_file(count, pixels, rows=28, columns=28):
    return struct.pack(">IIII", IMAGES, count, rows, columns) + pixels


def labels_file(labels):
    return struct.pack(">II", LABELS, len(labels)) + bytes(labels)


def noise(size):
    return np.random.default_rng(0).bytes(size)


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        (tmp_path / "file").write_bytes(content)
        return tmp_path / "file"

    return write_file


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One file that every example of a property overwrites."""
    return tmp_path_factory.mktemp("idx") / "file"


@given(pixels=st.binary(min_size=784, max_size=784), count=st.integers(1, 4), zipped=st.booleans())
@settings(deadline=None)
def test_images_come_back_as_they_were_written(scratch, pixels, count, zipped):
    content = images_file(count, pixels * count)
    scratch.write_bytes(gzip.compress(content) if zipped else content)
    images = read_idx_images(scratch)
    assert images.shape == (count, 28, 28)
    assert images.dtype == np.uint8
    assert images.tobytes() == pixels * count


@given(labels=st.binary(max_size=300), zipped=st.booleans())
@settings(deadline=None)
def test_labels_come_back_as_they_were_written(scratch, labels, zipped):
    content = labels_file(labels)
    scratch.write_bytes(gzip.compress(content) if zipped else content)
    read = read_idx_labels(scratch)
    assert read.dtype == np.uint8
    assert read.tolist() == list(labels)


def test_a_pixel_stands_where_its_row_and_column_say(write):
    pixels = bytearray(2 * 784)
    pixels[784 + 3 * 28 + 5] = 200  # second image, row 3, column 5
    images = read_idx_images(write(images_file(2, bytes(pixels))))
    assert np.argwhere(images).tolist() == [[1, 3, 5]]
    assert images[1, 3, 5] == 200


@plain_or_zipped
def test_a_file_of_images_cut_at_any_length_is_refused(write, pack):
    whole = pack(images_file(1, noise(784)))
    for length in range(len(whole)):
        with pytest.raises(DataError, match=r"\nhint: .*fetch"):
            read_idx_images(write(whole[:length]))


@plain_or_zipped
def test_a_file_of_labels_cut_at_any_length_is_refused(write, pack):
    whole = pack(labels_file(noise(100)))
    for length in range(len(whole)):
        with pytest.raises(DataError, match=r"\nhint: .*fetch"):
            read_idx_labels(write(whole[:length]))


@plain_or_zipped
@pytest.mark.parametrize("surplus", [1, 784])
def test_a_file_that_holds_more_than_its_header_says_is_refused(write, pack, surplus):
    with pytest.raises(DataError, match=r"expected 784 bytes after the header, got more than that"):
        read_idx_images(write(pack(images_file(1, bytes(784 + surplus)))))
    with pytest.raises(DataError, match=r"expected 3 bytes after the header, got more than that"):
        read_idx_labels(write(pack(labels_file(b"\1\2\3") + bytes(surplus))))


def test_labels_given_as_images_are_named_in_the_hint(write):
    with pytest.raises(DataError, match=r"expected the magic number 0x0803 .*0x0801\nhint: .*file of labels"):
        read_idx_images(write(labels_file(noise(100))))


def test_images_given_as_labels_are_named_in_the_hint(write):
    with pytest.raises(DataError, match=r"expected the magic number 0x0801 .*0x0803\nhint: .*file of images"):
        read_idx_labels(write(images_file(1, bytes(784))))


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">IIII", 0x00000D03, 1, 28, 28) + bytes(4 * 784),  # IDX of float32
        struct.pack("<IIII", IMAGES, 1, 28, 28) + bytes(784),  # little-endian
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"<!DOCTYPE html><html><body>404</body></html>",
    ],
    ids=["floats", "little-endian", "PNG", "error page"],
)
def test_another_format_is_refused_by_its_magic_number(write, content):
    with pytest.raises(
        DataError, match=r"expected the magic number 0x0803[\s\S]*hint: is this an IDX file of unsigned"
    ):
        read_idx_images(write(content))


@pytest.mark.parametrize(("rows", "columns"), [(14, 14), (28, 14), (32, 32), (784, 1), (0, 0)])
def test_images_of_another_size_are_refused_with_their_size(write, rows, columns):
    with pytest.raises(DataError, match=f"expected images of 28x28 pixels, got {rows}x{columns}\nhint: .*resize"):
        read_idx_images(write(images_file(2, bytes(2 * rows * columns), rows, columns)))


@plain_or_zipped
def test_a_header_that_promises_terabytes_costs_no_memory(write, pack):
    path = write(pack(images_file(2**32 - 1, bytes(784))))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"promises 3,367,254,359,280 bytes"):  # (2**32 - 1) * 784
            read_idx_images(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEBIBYTE


@plain_or_zipped
def test_labels_that_promise_gigabytes_cost_no_memory(write, pack):
    path = write(pack(struct.pack(">II", LABELS, 2**32 - 1) + bytes(10)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"promises 4,294,967,295 bytes"):
            read_idx_labels(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEBIBYTE


def test_a_small_file_that_unpacks_to_200_mb_is_refused_unread(write):
    compressor = zlib.compressobj(1, wbits=31)
    content = compressor.compress(images_file(1, b""))
    content += b"".join(compressor.compress(bytes(2_000_000)) for _ in range(100)) + compressor.flush()
    assert len(content) < MEBIBYTE
    path = write(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="expected 784 bytes after the header, got more than that"):
            read_idx_images(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEBIBYTE


@pytest.mark.parametrize("position", [-8, -1], ids=["checksum", "length"])
def test_a_gzip_file_whose_trailer_disagrees_is_refused(write, position):
    content = bytearray(gzip.compress(images_file(1, noise(784))))
    content[position] ^= 1
    with pytest.raises(DataError, match=r"expected a whole gzip file, got a damaged one[\s\S]*hint: .*fetch"):
        read_idx_images(write(bytes(content)))


@pytest.mark.parametrize("read", [read_idx_images, read_idx_labels])
def test_a_missing_file_is_named_with_a_hint(tmp_path, read):
    with pytest.raises(DataError, match=r"cannot read .*nowhere[\s\S]*hint: check the path"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("read", [read_idx_images, read_idx_labels])
def test_a_folder_is_no_file(tmp_path, read):
    with pytest.raises(DataError, match=r"cannot read [\s\S]*hint: check the path"):
        read(tmp_path)


headers = st.builds(
    struct.pack,
    st.just(">IIII"),
    st.sampled_from([IMAGES, LABELS, 0x00000D03]),
    st.integers(0, 3) | st.integers(0, 2**32 - 1),
    st.just(28) | st.integers(0, 2**32 - 1),
    st.just(28) | st.integers(0, 2**32 - 1),
)
contents = st.binary(max_size=64) | st.builds(lambda a, b: a + b, headers, st.binary(max_size=2000))


@given(content=contents, zipped=st.booleans())
@example(content=b"", zipped=False)
@example(content=b"\x1f\x8b", zipped=False)
@example(content=images_file(0, b""), zipped=True)
@settings(deadline=None, max_examples=150)
def test_any_bytes_are_an_array_or_a_data_error(scratch, content, zipped):
    scratch.write_bytes(gzip.compress(content) if zipped else content)
    for read, dimensions in ((read_idx_images, 3), (read_idx_labels, 1)):
        with contextlib.suppress(DataError):
            array = read(scratch)
            assert (array.dtype, array.ndim) == (np.uint8, dimensions)


ZIPPED = gzip.compress(images_file(1, noise(784)))


@given(position=st.integers(0, len(ZIPPED) - 1), value=st.integers(0, 255))
@settings(deadline=None, max_examples=150)
def test_a_gzip_file_with_one_byte_changed_gives_its_images_or_a_data_error(scratch, position, value):
    damaged = bytearray(ZIPPED)
    damaged[position] = value
    scratch.write_bytes(bytes(damaged))
    with contextlib.suppress(DataError):  # the time stamp, say, may change without harm; the pixels may not
        assert read_idx_images(scratch).tobytes() == noise(784)
