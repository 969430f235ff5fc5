"""`Picture`: a picture from wherever it comes, as grey pixels. Pillow decodes it."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from digitlab.errors import PictureError

if TYPE_CHECKING:
    from PIL.Image import Image

Grey = npt.NDArray[np.uint8]
Result = TypeVar("Result")

# A phone's picture has 12 to 50 million pixels. What claims more is looked at no further.
MOST_PIXELS = 64_000_000
LEAST_SIDE, MOST_SIDE = 4, 20_000
# A JPEG is decoded at a half, a quarter or an eighth of its size where that leaves at least so many pixels a side.
ENOUGH_PIXELS = 1200
# The EXIF tag that says how the camera was held, and its values for pictures that lie on a side.
ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)


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
    """A picture as grey pixels, turned as its EXIF data say; transparent parts become paper.

    Args:
        picture: A path, the bytes of a file, a Pillow image, or an array: uint8 [h, w], [h, w, 3] or [h, w, 4].

    Raises:
        PictureError: It cannot be read, is damaged, too small or too large, or has several frames.
    """
    return _opened(picture, _looked_at)


def open_in_colour(picture: Any) -> Image:
    """The upright picture as a Pillow image of mode RGB, in its own size; what `open_picture` takes and raises."""
    return _opened(picture, _in_colour)


def _opened(picture: Any, use: Callable[[Image], Result]) -> Result:
    """What `use` makes of the picture, its faults told as a `PictureError`."""
    from PIL import Image

    if isinstance(picture, Image.Image):
        return use(_checked(picture, "the image"))
    if isinstance(picture, np.ndarray):
        return use(_checked(_of_array(picture), "the array"))
    name, content = _content(picture)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage that Pillow can live with, and of sizes, which are checked here
        try:
            with Image.open(io.BytesIO(content)) as opened:
                return use(_checked(opened, name))
        except Image.DecompressionBombError as error:
            raise _too_large(name, f"more: {error}") from error
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise _unreadable(name, content, error) from error


def _content(picture: Any) -> tuple[str, bytes]:
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return "the picture", bytes(picture)
    if not isinstance(picture, (str, os.PathLike)):
        raise PictureError(
            f"expected a path, bytes, a Pillow image or an array, got {type(picture).__name__}",
            hint="pass what Pillow can open, or a uint8 array",
        )
    path = Path(picture)
    try:
        return str(path), path.read_bytes()
    except OSError as error:
        raise PictureError(
            f"{path}: expected a picture, got: {error.strerror or error}", hint="check the path and its rights"
        ) from error


def _checked(opened: Image, name: str) -> Image:
    """The same image, after its size has been looked at and before anything is decoded."""
    width, height = opened.size
    if min(width, height) < LEAST_SIDE:
        raise PictureError(
            f"{name}: expected a picture of at least {LEAST_SIDE}x{LEAST_SIDE} pixels, got {width}x{height}",
            hint="no digit can be read in so few",
        )
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        raise _too_large(name, f"{width}x{height}")
    if (frames := getattr(opened, "n_frames", 1)) > 1:
        raise PictureError(f"{name}: expected one picture, got {frames} frames", hint="save the frame that is meant")
    return opened


def _looked_at(opened: Image) -> Picture:
    own = opened.size
    if opened.format == "JPEG":
        opened.draft("L", (min(own[0], ENOUGH_PIXELS), min(own[1], ENOUGH_PIXELS)))
    lying = opened.getexif().get(ORIENTATION, 1) in LYING
    width, height = reversed(own) if lying else own
    return Picture(_grey(opened), width, height)


def _grey(opened: Image) -> Grey:
    """Upright and on paper."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(opened)
    if upright.mode.startswith(("I", "F")):
        return _of_deep(np.asarray(upright, dtype=np.float64))
    if upright.has_transparency_data:
        upright = _on_paper(upright.convert("RGBA"))
    return np.asarray(upright.convert("L"), dtype=np.uint8)


def _in_colour(opened: Image) -> Image:
    from PIL import Image, ImageOps

    if opened.mode.startswith(("I", "F")):
        return Image.fromarray(_grey(opened)).convert("RGB")
    upright = ImageOps.exif_transpose(opened)
    if upright.has_transparency_data:
        upright = _on_paper(upright.convert("RGBA"))
    return upright.convert("RGB")


def _on_paper(drawing: Image) -> Image:
    """A drawing with transparent parts on white, or on black where its own ink is bright."""
    from PIL import Image

    pixels = np.asarray(drawing, dtype=np.float32)
    opaque = pixels[..., 3]
    if opaque.sum() == 0:
        return Image.new("L", drawing.size, "white")
    brightness = (pixels[..., :3].mean(axis=2) * opaque).sum() / opaque.sum()
    paper = Image.new("RGBA", drawing.size, "black" if brightness > 170 else "white")
    return Image.alpha_composite(paper, drawing)


def _of_deep(values: npt.NDArray[np.float64]) -> Grey:
    """Pictures of more than 8 bits, of which nobody says where black and white lie: between their own ends."""
    low, high = float(values.min()), float(values.max())
    return np.asarray(np.rint(255 * (values - low) / max(high - low, 1e-12)), dtype=np.uint8)


def _of_array(values: npt.NDArray[Any]) -> Image:
    from PIL import Image

    if values.dtype != np.uint8 or values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        raise PictureError(
            f"expected a uint8 array [h, w], [h, w, 3] or [h, w, 4], got {values.dtype} {list(values.shape)}",
            hint="pass bytes from 0 to 255, undivided",
        )
    return Image.fromarray(values)


def _too_large(name: str, came: str) -> PictureError:
    return PictureError(
        f"{name}: expected at most {MOST_PIXELS // 10**6} million pixels, got {came}",
        hint="cut out the part with the digits, or make the picture smaller",
    )


def _unreadable(name: str, content: bytes, error: Exception) -> PictureError:
    came = "an empty file" if not content else " ".join(str(error).split())
    if content.startswith(b"%PDF"):
        came = "a PDF document"
    # Pillow names the object that it was given, which says nothing here.
    came = "no format that Pillow knows" if "BytesIO" in came else came
    return PictureError(f"{name}: expected a picture, got {came}", hint="save it again as PNG or JPEG")
