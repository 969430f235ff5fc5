"""A folder of NPY files, whose images stay in them: for sets that are larger than memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from digitlab.data.bounded import open_data
from digitlab.data.class_numbers import check_label_type, class_numbers
from digitlab.data.npy_header import NpyHeader, check_image_header, read_npy_header
from digitlab.data.split import IMAGE_SIDE, Images, Labels
from digitlab.errors import DataError

_PARTS = ("train", "test")


def find_npy_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Images and labels of ``train`` and ``test``, as far as they are there.

    Raises:
        DataError: One file of a pair is there without the other, or test files without training files.
    """
    found = {}
    for part in _PARTS:
        pair = [folder / f"{part}-{kind}.npy" for kind in ("images", "labels")]
        there = [path for path in pair if path.is_file()]
        if len(there) == 1:
            (missing,) = set(pair) - set(there)
            raise DataError(
                f"{folder}: found {there[0].name} without {missing.name}", hint=f"put {missing.name} beside it"
            )
        if there:
            found[part] = (pair[0], pair[1])
    if "test" in found and "train" not in found:
        raise DataError(
            f"{folder}: found test files, but no training files",
            hint="put train-images.npy and train-labels.npy beside",
        )
    return found


def map_npy_pair(images_path: Path, labels_path: Path) -> tuple[Images, Labels]:
    """Images, a read-only `numpy.memmap` of their file, and their labels.

    Raises:
        DataError: A file is damaged, cut short or too long, or holds an array of another kind, or there are not as
            many labels as images.
    """
    header = _header(images_path)
    count = check_image_header(header, str(images_path))
    if header.fortran:
        raise DataError(
            f"{images_path}: expected one image behind another (C order), got an array in Fortran's order",
            hint="numpy.save(path, numpy.ascontiguousarray(images))",
        )
    images = _map(images_path, header).reshape(count, IMAGE_SIDE, IMAGE_SIDE)
    header = _header(labels_path)
    check_label_type(header.dtype, header.shape, count, str(labels_path))
    return images, class_numbers(_map(labels_path, header), count, str(labels_path))


def _header(path: Path) -> NpyHeader:
    """The header of an NPY file, which is as long as the header says."""
    try:
        with open_data(path) as file:
            header = read_npy_header(file)
            came = file.seek(0, 2)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: expected a whole NPY file of numbers, got: {error}",
            hint="the file is damaged, was cut short or holds objects; write it anew with numpy.save",
        ) from error
    size = header.bytes + header.array_bytes
    if came < size:
        raise DataError(
            f"{path}: expected a whole NPY file of {size:,} bytes by its header, got {came:,}",
            hint="the file is damaged or was cut short; write it anew with numpy.save",
        )
    if came > size:
        raise DataError(
            f"{path}: expected {size:,} bytes by its header, got {came:,}",
            hint="the file holds something else besides; write it anew with numpy.save",
        )
    return header


def _map(path: Path, header: NpyHeader) -> Any:
    """The array of an NPY file, read-only and not read yet."""
    try:
        return np.memmap(path, header.dtype, "r", header.bytes, header.shape)
    except (OSError, ValueError) as error:  # replaced or cut short since its header was read
        raise DataError(f"cannot read {path}: {error}", hint="write it anew with numpy.save") from error
