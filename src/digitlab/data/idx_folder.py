"""Finding MNIST's four files in a folder, under the names and layouts they are found in the world."""

from __future__ import annotations

from pathlib import Path

from digitlab.data.idx import read_idx_images, read_idx_labels
from digitlab.data.split import Images, Labels
from digitlab.errors import DataError

PARTS = {"train": "train", "test": "t10k"}


def find_idx_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Images and labels of ``train`` and ``test``, as far as they are there; also where torchvision puts them."""
    found = {}
    for part, prefix in PARTS.items():
        images, labels = (_find(folder, prefix, kind) for kind in ("images-idx3", "labels-idx1"))
        if images and labels:
            found[part] = (images, labels)
        elif images:
            raise _without_its(images, "labels", f"{prefix}-labels-idx1-ubyte")
        elif labels:
            raise _without_its(labels, "images", f"{prefix}-images-idx3-ubyte")
    return found


def _without_its(found: Path, missing: str, name: str) -> DataError:
    return DataError(f"{found.parent}: found {found.name} without its {missing}", hint=f"put {name} beside it")


def read_idx_pair(images_path: Path, labels_path: Path) -> tuple[Images, Labels]:
    """Images and their labels, as many of one as of the other."""
    images, labels = read_idx_images(images_path), read_idx_labels(labels_path)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path.name} holds {len(images):,} images, {labels_path.name} {len(labels):,} labels",
            hint="the two files belong to different sets",
        )
    return images, labels


def _find(folder: Path, prefix: str, kind: str) -> Path | None:
    # LeCun's own archives unpack to a dot where everybody else has a dash.
    for place in (folder, folder / "raw", folder / "MNIST" / "raw"):
        for name in (f"{prefix}-{kind}-ubyte", f"{prefix}-{kind.replace('-idx', '.idx')}-ubyte"):
            for path in (place / name, place / f"{name}.gz"):
                if path.is_file():
                    return path
    return None
