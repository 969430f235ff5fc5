"""NPZ archives: arrays under the names that are usual for images and labels."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from digitlab.data.bounded import most_bytes, open_data, refuse_implausible
from digitlab.data.class_numbers import check_label_type, class_numbers
from digitlab.data.npy_header import NpyHeader, check_image_header
from digitlab.data.npz_archive import NpzArchive
from digitlab.data.split import Images, Labels
from digitlab.errors import DataError
from digitlab.text import in_short

_NAMES = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
    "all": (("images", "labels"), ("x", "y"), ("X", "y")),
}

Pair = tuple[str, str]


def read_npz(path: Path) -> dict[str, tuple[Images, Labels]]:
    """Images and labels of ``train`` and ``test``, or of ``all`` where the file has no training part.

    Only these arrays are unpacked, and only after their headers were found to be those of images and labels.

    Raises:
        DataError: No such archive or arrays, pickled objects, floats, labels that are no class numbers, or arrays that
            would take more memory than such a file or this machine can hold.
    """
    with open_data(path) as file:
        try:
            return _read(file, path)
        except DataError:
            raise
        except Exception as error:
            # A damaged archive fails in zipfile, zlib, NumPy's header parser or its allocation, each in its own way.
            raise _not_npz(path, f"a damaged one: {in_short(error)}") from error


def _read(file: IO[bytes], path: Path) -> dict[str, tuple[Images, Labels]]:
    if file.read(6) == b"\x93NUMPY":
        raise _not_npz(path, "a single array")
    archive = NpzArchive(file)
    pairs = _pairs(archive.names, path)
    headers = {name: archive.header(name) for pair in pairs.values() for name in pair}
    for images, labels in pairs.values():
        count = check_image_header(headers[images], f"{path}:{images}")
        check_label_type(headers[labels].dtype, headers[labels].shape, count, f"{path}:{labels}")
    _refuse_bombs(archive, headers, path)
    return {part: _read_pair(archive, pair, headers, path) for part, pair in pairs.items()}


def _pairs(names: list[str], path: Path) -> dict[str, Pair]:
    """Which arrays are which part's; of all in one only where there is no training part."""
    found: dict[str, Pair] = {}
    for part, usual in _NAMES.items():
        present = [pair for pair in usual if set(pair) <= set(names)]
        if present and not (part == "all" and "train" in found):
            found[part] = present[0]
    if "train" not in found and "all" not in found:
        raise _not_npz(path, "none of these names")
    return found


def _refuse_bombs(archive: NpzArchive, headers: dict[str, NpyHeader], path: Path) -> None:
    if (total := sum(header.array_bytes for header in headers.values())) > most_bytes():
        raise DataError(
            f"{path}: expected arrays of at most {most_bytes():,} bytes, half of this machine's memory, got {total:,}",
            hint="save the set as NPY files, which are read as they are used: see docs/data.md",
        )
    packed = [name for name in headers if archive.is_compressed(name)]
    unpacked = sum(headers[name].array_bytes for name in packed)
    compressed = min(archive.bytes, sum(archive.compressed_bytes(name) for name in packed))
    refuse_implausible(unpacked, compressed + len(packed), str(path))


def _read_pair(archive: NpzArchive, pair: Pair, headers: dict[str, NpyHeader], path: Path) -> tuple[Images, Labels]:
    images, labels = (archive.read(name, headers[name]) for name in pair)
    images = np.ascontiguousarray(images).reshape(-1, 28, 28)
    return images, class_numbers(labels, len(images), f"{path}:{pair[1]}")


def _not_npz(path: Path, came: str) -> DataError:
    return DataError(
        f"{path}: expected an NPZ archive with x_train, y_train, x_test, y_test (or images, labels), got {came}",
        hint="numpy.savez('data.npz', x_train=..., y_train=..., x_test=..., y_test=...)",
    )
