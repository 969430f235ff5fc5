"""Small data sets in the layouts that are found in the world."""

import gzip
import struct

import numpy as np

DIGITS = tuple("0123456789")


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


def everything(dataset):
    """Both parts, as pairs of an image's bytes and its label, sorted."""
    return sorted(
        (image.tobytes(), int(label))
        for split in (dataset.train, dataset.test)
        for image, label in zip(split.images, split.labels, strict=True)
    )
