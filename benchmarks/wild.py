"""Real people's digits that are not MNIST's: where they are, and how each set is laid out.

They are no part of the project, whose licence they do not share: a folder `wild` in DIGITLAB_DATA or in ../shared.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

# And whether their ink is bright.
BITMAPS = {
    "optdigits32_windep": True,
    "optdigits32_tra_cv": True,
    "semeion": True,
    "hwd1000": False,
    "jcprogjava_2k": False,
}
FOLDERS = ("photos", "drawings")


@dataclass(frozen=True)
class WildSet:
    """Pictures and what is written on them.

    Args:
        name: Of the set.
        pictures: Arrays uint8 [h, w], or paths.
        texts: A digit, or a number; "/" parts the rows of a sheet. In the set ``numbers`` "|" parts answers that are
            equally right, and behind a leading "*" the order of the digits does not count; see `is_right`.
        bright_ink: Whether all of its ink is bright on dark, or all dark on bright; `None` where it varies.
    """

    name: str
    pictures: list[Any]
    texts: list[str]
    bright_ink: bool | None = None


def find_wild() -> Path | None:
    """The folder, or `None` where it is missing."""
    root = os.environ.get("DIGITLAB_DATA")
    candidates = [Path(root) / "wild"] if root else []
    candidates.append(Path(__file__).parents[2] / "shared" / "wild")
    return next((folder for folder in candidates if (folder / "semeion.npz").is_file()), None)


def single_digits(folder: Path) -> Iterator[WildSet]:
    """The sets of one digit a picture."""
    for name, bright_ink in BITMAPS.items():
        with np.load(folder / f"{name}.npz") as arrays:
            yield WildSet(name, list(arrays["images"]), [str(label) for label in arrays["labels"]], bright_ink)
    for name in FOLDERS:
        rows = _rows(folder / name)
        yield WildSet(name, [folder / name / row["file"] for row in rows], [row["label"] for row in rows])


def cheque_boxes(folder: Path) -> WildSet:
    """Each digit of the cheque amounts in its own box."""
    pictures, texts = [], []
    for row in _rows(folder / "cheque_amounts"):
        with Image.open(folder / "cheque_amounts" / row["file"]) as opened:
            grey: npt.NDArray[np.uint8] = np.asarray(opened.convert("L"))
        for text, box in zip(row["label"], row["boxes_xywh"].split(";"), strict=True):
            x, y, width, height = map(int, box.split(","))
            pictures.append(grey[max(0, y) : y + height, max(0, x) : x + width])
            texts.append(text)
    return WildSet("cheque digits in their boxes", pictures, texts, bright_ink=False)


def numbers(folder: Path) -> Iterator[WildSet]:
    """The sets of several digits a picture; the last one is missing in older copies of the folder."""
    for name in ("cheque_amounts", "sheets", "numbers"):
        if not (folder / name).is_dir():
            continue
        rows = _rows(folder / name)
        yield WildSet(name, [folder / name / row["file"] for row in rows], [row["label"] for row in rows])


def is_right(read: str, text: str) -> bool:
    """Whether what was read, rows joined by "/", is one of the answers that a label accepts."""
    if text.startswith("*"):
        return sorted(read.replace("/", "")) == sorted(text[1:].replace("/", ""))
    return read in text.split("|")


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
