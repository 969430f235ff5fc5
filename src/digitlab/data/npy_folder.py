"""A folder of NPY files, whose images stay in them: for sets that are larger than memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from digitlab.data.class_numbers import class_numbers
from digitlab.data.split import Images, Labels, check_images
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
    images = _open(images_path)
    if images.ndim == 2 and images.shape[1] == 784:
        images = images.reshape(-1, 28, 28)
    check_images(images, str(images_path))
    if not images.flags.c_contiguous:
        raise DataError(
            f"{images_path}: expected one image behind another (C order), got an array in Fortran's order",
            hint="numpy.save(path, numpy.ascontiguousarray(images))",
        )
    return images, class_numbers(_open(labels_path), len(images), str(labels_path))


def _open(path: Path) -> Any:
    """The array of an NPY file, read-only and not read yet."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", hint="check the path and its rights"
        ) from error
    except Exception as error:
        # A damaged header fails in NumPy's parser or in the mapping, each in its own way.
        raise DataError(
            f"{path}: expected a whole NPY file of numbers, got: {_first_line(error)}",
            hint="the file is damaged, was cut short or holds objects; write it anew with numpy.save",
        ) from error
    size, came = array.offset + array.nbytes, path.stat().st_size
    if came != size:
        raise DataError(
            f"{path}: expected {size:,} bytes by its header, got {came:,}",
            hint="the file holds something else besides; write it anew with numpy.save",
        )
    return array


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
