"""`Picture`: a picture, whatever it was given as, as grey pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from digitlab.errors import PictureError
from digitlab.imaging.decode import OpenedImage, check_size, open_image
from digitlab.imaging.pixels import LYING, Colour, Grey, colour_pixels, forget_exif, grey_pixels, orientation_of

if TYPE_CHECKING:
    from PIL.Image import Image

# A JPEG is decoded at a half, a quarter or an eighth of its size where that leaves at least so many pixels a side.
ENOUGH_PIXELS = 1200
# Pillow's names of a JPEG file: with one picture, and with several.
JPEG = ("JPEG", "MPO")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as it is looked at.

    Args:
        grey: uint8 [h, w], 0 black to 255 white; large JPEG files come smaller than they are.
        width: Columns of the upright picture itself.
        height: Its rows.
    """

    grey: Grey
    width: int
    height: int


def open_picture(picture: Any) -> Picture:
    """Open a picture as grey pixels, turned as its EXIF data say; transparent parts become paper.

    Args:
        picture: A path, the bytes of a file, a Pillow image, or an array: uint8 [h, w], [h, w, 3] or [h, w, 4].

    Returns:
        The picture.

    Raises:
        PictureError: It cannot be read, is damaged, too small or too large, or has several frames.
    """
    with open_image(_as_image(picture)) as opened:
        return _looked_at(opened)


def open_in_colour(picture: Any) -> Image:
    """Open a picture in colours and in its own size; arguments and errors are those of `open_picture`.

    Returns:
        A Pillow image of mode RGB, upright.
    """
    return open_reduced(picture, None)[0]


def open_reduced(picture: Any, most_pixels: int | None) -> tuple[Image, float]:
    """Open a picture in colours, smaller if it has too many pixels.

    Args:
        picture: As of `open_picture`.
        most_pixels: Pixels that the result has at most; None for the picture's own size.

    Returns:
        A Pillow image of mode RGB, upright, and its side as a share of the picture's own.

    Raises:
        PictureError: As of `open_picture`.
    """
    from PIL import Image

    with open_image(_as_image(picture)) as opened:
        pixels, scale = _in_colour(opened, most_pixels)
    return Image.fromarray(pixels), scale


def _looked_at(opened: OpenedImage) -> Picture:
    image = opened.image
    own = image.size
    if image.format in JPEG:
        image.draft("L", (min(own[0], ENOUGH_PIXELS), min(own[1], ENOUGH_PIXELS)))
    drafted = image.size != own
    opened.check_memory(image.width * image.height)
    orientation = _orientation(image)
    grey = grey_pixels(image, orientation)
    height, width = grey.shape
    if drafted:
        width, height = reversed(own) if orientation in LYING else own
    return Picture(grey, width, height)


def _in_colour(opened: OpenedImage, most_pixels: int | None) -> tuple[Colour, float]:
    image = opened.image
    own = image.width
    factor = 1 if most_pixels is None else math.ceil(math.sqrt(image.width * image.height / most_pixels))
    if factor > 1 and image.format in JPEG:
        image.draft(None, (image.width // factor, image.height // factor))
        factor = math.ceil(factor * image.width / own)
    opened.check_memory(3 * image.width * image.height // factor**2)
    pixels = colour_pixels(image, _orientation(image), factor)
    return pixels, image.width / own / factor


def _orientation(image: Image) -> int:
    orientation = orientation_of(image)
    if image.format == "TIFF":
        forget_exif(image)
    return orientation


def _as_image(picture: Any) -> Any:
    """An array as a Pillow image, everything else as it is."""
    if not isinstance(picture, np.ndarray):
        return picture
    from PIL import Image

    return Image.fromarray(_checked_array(picture))


def _checked_array(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if values.dtype != np.uint8 or values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        raise PictureError(
            f"expected a uint8 array [h, w], [h, w, 3] or [h, w, 4], got {values.dtype} {list(values.shape)}",
            hint="pass bytes from 0 to 255, undivided",
        )
    check_size((values.shape[1], values.shape[0]), "the array")
    return values
