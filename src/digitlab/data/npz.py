"""NPZ archives: arrays under the names that are usual for images and labels."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from digitlab.data.bounded import most_bytes
from digitlab.data.class_numbers import class_numbers
from digitlab.data.split import Images, Labels, check_images
from digitlab.errors import DataError

_NAMES = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
    "all": (("images", "labels"), ("x", "y"), ("X", "y")),
}


def read_npz(path: Path) -> dict[str, tuple[Images, Labels]]:
    """Images and labels of ``train`` and ``test``, or of ``all`` where the file has no test part.

    Raises:
        DataError: No such archive or arrays, pickled objects, floats, or labels that are no class numbers.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise _not_npz(path, "a single array")
            with archive:
                _refuse_bombs(path)
                found = {part: _pair(archive, names, path) for part, names in _NAMES.items()}
    except DataError:
        raise
    except Exception as error:
        # A damaged archive fails in zipfile, zlib, NumPy's header parser or its allocation, each in its own way.
        raise _not_npz(path, f"a damaged one: {str(error) or type(error).__name__}") from error
    present = {part: pair for part, pair in found.items() if pair is not None}
    if "train" not in present and "all" not in present:
        raise _not_npz(path, "none of these names")
    return present


def _pair(archive: Any, names: tuple[tuple[str, str], ...], path: Path) -> tuple[Images, Labels] | None:
    for images_name, labels_name in names:
        if images_name in archive and labels_name in archive:
            images, labels = (np.asarray(archive[name]) for name in (images_name, labels_name))
            if images.ndim == 2 and images.shape[1] == 784:
                images = images.reshape(-1, 28, 28)
            check_images(images, f"{path}:{images_name}")
            return images, class_numbers(labels, len(images), f"{path}:{labels_name}")
    return None


def _refuse_bombs(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.file_size > most_bytes():
                raise DataError(
                    f"{path}: {entry.filename} would unpack to {entry.file_size:,} bytes",
                    hint="the file is damaged or was made to deceive",
                )


def _not_npz(path: Path, came: str) -> DataError:
    return DataError(
        f"{path}: expected an NPZ archive with x_train, y_train, x_test, y_test (or images, labels), got {came}",
        hint="numpy.savez('data.npz', x_train=..., y_train=..., x_test=..., y_test=...)",
    )
