"""Files of images: any stretch of any format is what lies there, and what is damaged is said to be."""

import gzip
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import idx, npy, npz, parquet

from digitlab.bulk.images import open_images
from digitlab.bulk.place import place
from digitlab.bulk.remote_place import RemotePlace
from digitlab.bulk.sources import find_image_files, open_file
from digitlab.errors import DataError, UsageError

stretches = st.lists(st.tuples(st.integers(0, 130), st.integers(0, 130)).map(sorted), min_size=1, max_size=5)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=stretches)
def test_any_stretches_in_any_order_are_the_images_that_lie_there(file_of_images, images, asked):
    rows = open_images(place(file_of_images))
    assert rows.count == 130
    for start, stop in asked:
        assert np.array_equal(rows.read(start, stop), images[start:stop])
    rows.close()


def test_an_arrow_array_that_was_sliced_gives_its_own_rows(images):
    from digitlab.bulk.parquet_rows import pixels

    flat = images.reshape(-1, 784)
    for kind in (pa.binary(), pa.large_binary(), pa.binary(784)):
        values = pa.array([row.tobytes() for row in flat], kind)
        assert np.array_equal(pixels(values[40:90], "x"), flat[40:90])
    for kind in (pa.list_(pa.uint8()), pa.large_list(pa.uint8()), pa.list_(pa.uint8(), 784)):
        values = pa.array(flat.tolist(), kind)
        assert np.array_equal(pixels(values[40:90], "x"), flat[40:90])


DAMAGED = {
    "cut.idx": lambda images: idx(images)[:-1],
    "longer.idx": lambda images: idx(images) + b"\0",
    "other-size.idx": lambda images: struct.pack(">4I", 0x0803, 130, 32, 32) + bytes(130 * 1024),
    "labels.idx": lambda images: struct.pack(">2I", 0x0801, 130) + bytes(130),
    "deceiving.idx.gz": lambda images: gzip.compress(struct.pack(">4I", 0x0803, 2**32 - 1, 28, 28)),
    "floats.npy": lambda images: npy(images / 255),
    "labels.npy": lambda images: npy(np.zeros(130, np.uint8)),
    "columns.npy": lambda images: npy(np.asfortranarray(images)),
    "cut.npy": lambda images: npy(images)[:-784],
    "objects.npy": lambda images: npy(np.array([{}], dtype=object)),
    "others.npz": lambda images: npz(a=images, b=images),
    "cut.npz": lambda images: npz(images=images)[:2000],
    "cut.parquet": lambda images: parquet(images, pa.binary())[:-100],
    "other.parquet": lambda images: parquet(images[:, :2].reshape(-1, 56).repeat(14, 1), pa.list_(pa.int64())),
    "nothing": lambda images: b"",
    "text": lambda images: b"0,1,2\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_when_it_is_opened_by_its_name_in_one_line(name, tmp_path, images):
    (tmp_path / name).write_bytes(DAMAGED[name](images))
    with pytest.raises(DataError) as caught:
        open_images(place(tmp_path / name))
    assert name in caught.value.message
    assert len(str(caught.value).splitlines()) == 2


def test_a_gzipped_file_cut_short_is_refused_where_it_ends(tmp_path, images):
    whole = gzip.compress(idx(images))
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    rows = open_images(place(tmp_path / "cut.gz"))
    assert np.array_equal(rows.read(0, 10), images[:10])
    with pytest.raises(DataError, match=r"cut\.gz"):
        rows.read(10, 130)


def test_a_value_of_another_size_in_parquet_is_refused(tmp_path, images):
    short = np.concatenate([images.reshape(-1, 784)] * 2, axis=1)[:, :800]
    path = tmp_path / "wide.parquet"
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": pa.array([row.tobytes() for row in short])}), path)
    rows = open_images(place(path))
    with pytest.raises(DataError, match="expected 784 bytes an image, got 800"):
        rows.read(0, 1)
    rows.close()


def test_of_a_folder_labels_and_hidden_files_are_passed_over_and_others_are_named(tmp_path, images):
    (tmp_path / "b-idx3-ubyte").write_bytes(idx(images[:3]))
    (tmp_path / "a.npy").write_bytes(npy(images[:2]))
    (tmp_path / "b-idx1-ubyte").write_bytes(struct.pack(">2I", 0x0801, 3) + bytes(3))
    (tmp_path / "_notes").write_text("x")
    (tmp_path / "README.md").write_text("about these digits")
    files, passed_over = find_image_files([tmp_path, tmp_path / "a.npy"])
    assert [(file.name, file.rows) for file in files] == [
        (str(tmp_path / "a.npy"), 2),
        (str(tmp_path / "b-idx3-ubyte"), 3),
    ]
    assert passed_over == [str(tmp_path / "README.md")]


def test_in_a_folder_a_file_whose_name_says_images_must_hold_them(tmp_path, images):
    (tmp_path / "a.npy").write_bytes(npy(images))
    (tmp_path / "b.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"b\.npy"):
        find_image_files([tmp_path])


@pytest.mark.parametrize("named", ["", "nowhere", "nowhere://x/y", "no-such-scheme+x://y"])
def test_what_is_not_there_is_wrong_usage(named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        find_image_files([named])


def test_the_sample_is_its_thousand_test_images():
    from digitlab.data import load_dataset

    (file,), _ = find_image_files(["sample"])
    assert file.rows == 1000
    assert np.array_equal(open_file(file.address).read(10, 20), load_dataset("sample").test.images[10:20])


@pytest.mark.real_data
def test_mnist_means_its_test_images(real_mnist, monkeypatch):
    monkeypatch.setenv("DIGITLAB_DATA", str(real_mnist))
    (file,), _ = find_image_files(["mnist"])
    assert file.rows == 10_000


def test_a_uri_is_read_through_pyarrow_as_a_path_is(file_of_images, images):
    rows = open_images(RemotePlace(file_of_images.as_uri()))
    assert np.array_equal(rows.read(100, 130), images[100:130])
    assert np.array_equal(rows.read(7, 9), images[7:9])


def test_a_password_in_a_uri_is_in_no_name():
    remote = RemotePlace("s3://key:secret@bucket/folder?region=eu-central-1")
    assert remote.name == "s3://bucket/folder"
    assert "secret" in remote.address
    assert remote.child("a b").address == "s3://key:secret@bucket/folder/a%20b?region=eu-central-1"
