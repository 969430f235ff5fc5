"""One image, as a training meets it again and again."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.report.style import ACCENT, new_figure
from digitlab.runs import RunFolder
from digitlab.runs.checks import CheckError, reading, within
from digitlab.runs.layout import DISTORTED
from digitlab.runs.npz_file import check_array, read_arrays

COLUMNS = 17
# Around each picture, in its own pixels.
GAP = 2
# A training writes a hundred pictures; ten times as many still make a figure.
_FORMS = (None, IMAGE_SIDE, IMAGE_SIDE)
MOST_BYTES = 1000 * IMAGE_SIDE**2


@dataclass(frozen=True)
class Distorted:
    """An image, uint8 [28, 28], and what distortion made of it, uint8 [n, 28, 28]."""

    original: Images
    forms: Images


def read_distorted(folder: RunFolder) -> Distorted | None:
    """What distorted.npz holds, `None` where a training distorted nothing.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / DISTORTED
    folder.check_file(DISTORTED)
    if not os.path.lexists(path):
        return None
    with reading(path, "the file is damaged; train again"):
        arrays = read_arrays(path, lambda name: name in ("original", "distorted"), MOST_BYTES)
        found = Distorted(
            within(
                "original", lambda array: check_array(array, (IMAGE_SIDE, IMAGE_SIDE), np.uint8), arrays["original"]
            ),
            within("distorted", lambda array: check_array(array, _FORMS, np.uint8), arrays["distorted"]),
        )
        if not len(found.forms):
            raise CheckError("at least one picture", "none", ("distorted",))
        return found


def draw_distorted(distorted: Distorted) -> Figure:
    """The original, framed, and its forms after it, row by row."""
    pictures = [distorted.original, *distorted.forms]
    cell = IMAGE_SIDE + 2 * GAP
    rows = -(-len(pictures) // COLUMNS)
    sheet = np.zeros((rows * cell, COLUMNS * cell), dtype=np.uint8)
    for position, picture in enumerate(pictures):
        row, column = divmod(position, COLUMNS)
        top, left = row * cell + GAP, column * cell + GAP
        sheet[top : top + IMAGE_SIDE, left : left + IMAGE_SIDE] = picture
    figure = new_figure(9.6, 9.6 / COLUMNS * rows)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.add_patch(Rectangle((0, 0), cell - 1, cell - 1, fill=False, edgecolor=ACCENT, linewidth=1.5))
    return figure
