"""Images in files of every format, and what a Parquet folder holds."""

import gzip
import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def idx(images):
    return struct.pack(">4I", 0x0803, len(images), 28, 28) + images.tobytes()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(compressed=False, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def parquet(images, kind, column="image", **options):
    flat = images.reshape(len(images), 784)
    if kind in (pa.binary(), pa.large_binary(), pa.binary(784)):
        values = pa.array([row.tobytes() for row in flat], kind)
    else:
        values = pa.array(flat.tolist(), kind)
    file = io.BytesIO()
    pq.write_table(pa.table({column: values, "label": pa.array([1] * len(flat), pa.int8())}), file, **options)
    return file.getvalue()


FORMATS = {
    "digits-idx3-ubyte": idx,
    "digits.idx": idx,
    "digits-idx3-ubyte.gz": lambda images: gzip.compress(idx(images)),
    "digits.npy": npy,
    "flat.npy": lambda images: npy(images.reshape(-1, 784)),
    "digits.npy.gz": lambda images: gzip.compress(npy(images)),
    "only.npz": lambda images: npz(arr_0=images),
    "named.npz": lambda images: npz(y_test=np.zeros(len(images)), x_test=images, x_train=images[:3]),
    "compressed.npz": lambda images: npz(compressed=True, images=images),
    "binary.parquet": lambda images: parquet(images, pa.binary(), row_group_size=37),
    "large.parquet": lambda images: parquet(images, pa.large_binary(), "images"),
    "fixed.parquet": lambda images: parquet(images, pa.binary(784), "pixels", row_group_size=50),
    "list.parquet": lambda images: parquet(images, pa.list_(pa.uint8()), "x"),
    "fixed-list.parquet": lambda images: parquet(images, pa.list_(pa.uint8(), 784), row_group_size=60),
}


def rows(out):
    """The rows of a Parquet folder in the order of its files: file, index, label, probability."""
    table = pq.read_table(out)
    return list(zip(*(table[name].to_pylist() for name in ("file", "index", "label", "probability")), strict=True))
