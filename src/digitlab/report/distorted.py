"""One image, as a training meets it again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.report.reading import reading
from digitlab.report.style import ACCENT, new_figure
from digitlab.runs import RunFolder

COLUMNS = 17
# Around each picture, in its own pixels.
GAP = 2


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
    path = folder / "distorted.npz"
    if not path.exists():
        return None
    with reading(path, "the file is damaged; train again"), path.open("rb") as file:
        with np.load(file, allow_pickle=False) as archive:
            found = Distorted(archive["original"], archive["distorted"])
        side = (IMAGE_SIDE, IMAGE_SIDE)
        if found.original.shape != side or found.forms.shape[1:] != side or not len(found.forms):
            msg = f"pictures of shape {found.forms.shape}"
            raise ValueError(msg)
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
