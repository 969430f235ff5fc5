"""A folder of class folders, each full of 28x28 pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from digitlab.data.split import IMAGE_SIDE, MAX_CLASSES, Images, Labels
from digitlab.errors import DataError, PictureError
from digitlab.imaging.formats import SUFFIXES


def class_folders(folder: Path) -> list[Path]:
    """The folders in `folder` that hold pictures, digits in the order of their numbers, others by name."""
    found = [entry for entry in folder.iterdir() if entry.is_dir() and _pictures(entry)]
    numeric = all(entry.name.isdecimal() for entry in found)
    return sorted(found, key=lambda entry: (int(entry.name) if numeric else 0, entry.name))


def read_image_folder(folder: Path, class_names: tuple[str, ...]) -> tuple[Images, Labels]:
    """Pictures and labels of `folder`, whose class folders are called by `class_names`.

    Raises:
        DataError: Too many classes, a picture of another size, or one that cannot be read.
    """
    if not 2 <= len(class_names) <= MAX_CLASSES:
        raise DataError(
            f"{folder}: expected 2 to {MAX_CLASSES} class folders with pictures, got {len(class_names)}",
            hint="one folder a class, named after it, with 28x28 PNG files in it",
        )
    images, labels = [], []
    for label, name in enumerate(class_names):
        for path in _pictures(folder / name) if (folder / name).is_dir() else []:
            images.append(_read_picture(path))
            labels.append(label)
    if not images:
        raise DataError(
            f"{folder}: expected pictures in its class folders, found none",
            hint=f"put them into {folder.name}/{class_names[0]} and so on, or remove the folder",
        )
    return np.stack(images), np.array(labels, dtype=np.uint8)


def _pictures(folder: Path) -> list[Path]:
    # A pipe or a device in a picture's place is not left out: opening it says what it is.
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.is_dir())


def _read_picture(path: Path) -> Images:
    from digitlab.imaging.decode import open_image, picture_name

    try:
        with open_image(path) as opened:
            size = opened.image.size
            if size == (IMAGE_SIDE, IMAGE_SIDE):  # known before anything is decoded
                return np.asarray(opened.image.convert("L"), dtype=np.uint8)
    except PictureError as error:
        name = picture_name(path)
        raise DataError(
            f"{name}: expected a picture, got one that cannot be read: {error.message.removeprefix(f'{name}: ')}",
            hint="replace or remove the file",
        ) from error
    raise DataError(
        f"{path}: expected a picture of 28x28 pixels, got {size[0]}x{size[1]}",
        hint="digitlab's networks read 28x28 images; resize them first",
    )
