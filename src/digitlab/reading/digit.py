"""`read_digit`: the digit on a picture of one."""

from __future__ import annotations

from typing import Any

from digitlab.classifier import Classifier
from digitlab.imaging.decode import picture_name
from digitlab.imaging.frame import frame_picture
from digitlab.imaging.picture import open_picture
from digitlab.reading.judge import THRESHOLD, Judge
from digitlab.reading.reading import Reading
from digitlab.reading.reading_errors import reading_picture


def read_digit(picture: Any, classifier: Classifier | None = None, *, threshold: float = THRESHOLD) -> Reading:
    """Read one digit.

    Args:
        picture: A path, bytes, a Pillow image or a uint8 array, of any size; see `open_picture`.
        classifier: Names the digit; the shipped network by default.
        threshold: The least probability of being a digit that is believed.

    Returns:
        The reading; its ``label`` is always a class, ``readable`` says whether to believe it.

    Raises:
        PictureError: The picture cannot be read.
    """
    opened = open_picture(picture)
    box = (0, 0, opened.width, opened.height)
    with reading_picture(picture_name(picture)):
        framed = frame_picture(opened.grey)
    return Judge(classifier, threshold).read([framed], [box])[0]
