"""`reading_picture`: what OpenCV raises while a picture is read becomes a `PictureError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from digitlab.errors import PictureError


@contextmanager
def reading_picture(name: str) -> Iterator[None]:
    """Raise OpenCV's errors, and want of memory, as those of the picture.

    Args:
        name: What the picture is called in an error.

    Raises:
        PictureError: OpenCV refused what was to be done, or memory ran out.
    """
    try:
        yield
    except cv2.error as error:
        raise PictureError(
            f"{name}: expected a picture with digits, got one that OpenCV cannot work on: {_reason(error)}",
            hint="cut out the part with the digits",
        ) from error
    except MemoryError as error:
        raise PictureError(
            f"{name}: expected a picture that memory is enough for, got too large a one",
            hint="make the picture smaller, or end other programs",
        ) from error


def _reason(error: cv2.error) -> str:
    return " ".join(str(getattr(error, "err", "") or error).split())[:200]
