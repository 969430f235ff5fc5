"""`open_image`: the one place where digitlab opens pictures with Pillow, within bounds of memory and time."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from digitlab.errors import DigitlabError, PictureError
from digitlab.imaging.formats import FORMATS, HEAD_BYTES, described, format_of
from digitlab.imaging.headers import read_header
from digitlab.imaging.headers.header import MOST_COUNTED, MOST_MEMORY, Header, RefusedError
from digitlab.imaging.libtiff import silence_libtiff
from digitlab.runs.regular_file import NotRegularError, open_regular
from digitlab.text import in_short

if TYPE_CHECKING:
    from PIL.Image import Image

# A phone's picture has 12 to 50 million pixels. What claims more is looked at no further.
MOST_PIXELS = 64_000_000
LEAST_SIDE, MOST_SIDE = 4, 20_000
# 64 million pixels of 4 bytes without compression are 244 MiB.
MOST_BYTES = 256 * 2**20
# Pillow imports these only after all of its other formats, unless they are there.
_PLUGINS = {"WEBP": "PIL.WebPImagePlugin", "TIFF": "PIL.TiffImagePlugin"}
# Bytes per pixel by Pillow's mode; all others have 4.
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
HINT = "save it again as PNG or JPEG"


@dataclass(frozen=True)
class OpenedImage:
    """An image that Pillow has opened and not yet decoded.

    Args:
        image: The image.
        memory: Bytes that its decoder needs beside the pixels. Defaults to 0.
    """

    image: Image
    memory: int = 0

    def check_memory(self, result_bytes: int) -> None:
        """Refuse the picture if decoding it and making a result of it would hold too many bytes at once.

        Args:
            result_bytes: Bytes of what is made of the pixels while they are held.

        Raises:
            RefusedError: Pillow's pixels, what the decoder holds, and the result exceed the bound.
        """
        image = self.image
        pixels = image.width * image.height * _PIXEL_BYTES.get(image.mode, 4)
        # What a decoder holds is released before the result is made, except WebP's canvases.
        beside = self.memory + result_bytes if image.format == "WEBP" else max(self.memory, result_bytes)
        if pixels + beside > MOST_MEMORY:
            raise RefusedError(
                f"a picture that takes at most {MOST_MEMORY // 10**6} MB of memory",
                f"{image.width}x{image.height} pixels of {image.format} {image.mode}, "
                f"which take {(pixels + beside) // 10**6} MB",
            )


@contextmanager
def open_image(picture: Any) -> Iterator[OpenedImage]:
    """Open a picture with Pillow, after its headers have been checked and before anything is decoded.

    Whatever Pillow raises inside the ``with`` block, where the pixels are decoded, is raised as a `PictureError` too.

    Args:
        picture: A path, the bytes of a file, or a Pillow image.

    Yields:
        The image. Its pixels are released at the end, unless it is the caller's own.

    Raises:
        PictureError: The picture is of no format in `FORMATS`, is damaged or too large, would need more memory or
            time than a picture may, has several frames, or is no regular file. Of a JPEG file with several pictures
            the first counts.
    """
    from PIL import Image

    name = picture_name(picture)
    if isinstance(picture, Image.Image):
        with _as_picture_errors(name, ""):
            yield OpenedImage(_checked_image(picture, name))
        return
    with _opened_file(picture, name) as file:
        head = file.read(HEAD_BYTES)
        kind = format_of(head)
        if kind is None:
            raise PictureError(
                f"{name}: expected a picture, got {described(head)}", hint=f"{HINT}; digitlab reads {_listed()}"
            )
        with _as_picture_errors(name, kind):
            header = _checked_header(file, kind, name)
            file.seek(0)
            if kind in _PLUGINS:
                import_module(_PLUGINS[kind])
            if kind == "TIFF":
                silence_libtiff()
            opened = Image.open(file, formats=(kind,))
            try:
                check_size(opened.size, name)
                _check_frames(opened, header, name)
                yield OpenedImage(opened, header.memory)
            finally:
                opened.close()


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse a picture with too few or too many pixels.

    Args:
        size: Its width and height in pixels.
        name: What it is called in the error.

    Raises:
        PictureError: It has fewer than 4 pixels per side, more than 20,000, or more than 64 million in all.
    """
    width, height = size
    if min(width, height) < LEAST_SIDE:
        raise PictureError(
            f"{name}: expected a picture of at least {LEAST_SIDE}x{LEAST_SIDE} pixels, got {width}x{height}",
            hint="no digit can be read in so few",
        )
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        raise _too_large(name, f"{width}x{height}")


def picture_name(picture: Any) -> str:
    """Return what a picture is called in an error: its path, on one line, or what kind of object it is."""
    if isinstance(picture, (str, os.PathLike)):
        return in_short(str(picture))
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return "the picture"
    return "the array" if isinstance(picture, np.ndarray) else "the image"


@contextmanager
def _as_picture_errors(name: str, kind: str) -> Iterator[None]:
    """Raise whatever a decoder raises as a `PictureError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage that Pillow can live with, and of sizes, which are checked here
        try:
            yield
        except DigitlabError:
            raise
        except RefusedError as error:
            raise PictureError(f"{name}: expected {error.expected}, got {error.received}", hint=HINT) from error
        except Exception as error:  # Pillow raises errors of a dozen kinds for damaged files
            if type(error).__name__ == "DecompressionBombError":
                raise _too_large(name, f"more: {in_short(str(error))}") from error
            what = in_short(error)
            raise PictureError(f"{name}: expected a picture, got {_damage(what, kind)}", hint=HINT) from error


def _damage(what: str, kind: str) -> str:
    # Pillow names the object that it was given, which says nothing here.
    return f"a damaged {kind} file" if "cannot identify image file" in what else what


@contextmanager
def _opened_file(picture: Any, name: str) -> Iterator[BinaryIO]:
    if isinstance(picture, (bytes, bytearray, memoryview)):
        yield io.BytesIO(picture)
        return
    if not isinstance(picture, (str, os.PathLike)):
        raise PictureError(
            f"expected a path, bytes, a Pillow image or an array, got {type(picture).__name__}",
            hint="pass what Pillow can open, or a uint8 array",
        )
    try:
        file = open_regular(Path(picture))
    except NotRegularError as error:
        received = str(error.strerror).rpartition("got ")[2]
        raise PictureError(f"{name}: expected a picture, got {received}", hint="name a file") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte, or characters that no file name can hold
        received = in_short(str(getattr(error, "strerror", None) or error))
        raise PictureError(
            f"{name}: expected a picture, got: {received}", hint="check the path and its rights"
        ) from error
    with file:
        yield file


def _checked_header(file: BinaryIO, kind: str, name: str) -> Header:
    file_bytes = file.seek(0, os.SEEK_END)
    if file_bytes > MOST_BYTES:
        raise PictureError(
            f"{name}: expected a file of at most {MOST_BYTES >> 20} MiB, got {file_bytes:,} bytes",
            hint="cut out the part with the digits, or make the picture smaller",
        )
    header = read_header(file, kind, file_bytes)
    if header.memory > MOST_MEMORY:  # some of it is taken when the file is opened
        raise RefusedError(
            f"a {kind} file that takes at most {MOST_MEMORY // 10**6} MB of memory", f"{header.memory // 10**6} MB"
        )
    return header


def _check_frames(opened: Image, header: Header, name: str) -> None:
    """Refuse animations and pages. Of GIF and TIFF Pillow would go through all of them, so they are counted before."""
    # A second picture in a JPEG file is a smaller copy, a depth map or the other eye's, by the makers of phones.
    frames = 1 if opened.format in ("JPEG", "MPO") else header.frames
    if opened.format in ("PNG", "WEBP"):
        frames = getattr(opened, "n_frames", 1)
    if frames > 1:
        raise _several_frames(name, f"more than {MOST_COUNTED}" if frames > MOST_COUNTED else str(frames))


def _checked_image(opened: Image, name: str) -> Image:
    """The caller's own image; its size and frames are checked as those of a file."""
    check_size(opened.size, name)
    if opened.format != "MPO" and getattr(opened, "is_animated", False):
        raise _several_frames(name, "several")
    return opened


def _several_frames(name: str, received: str) -> PictureError:
    return PictureError(f"{name}: expected one picture, got {received} frames", hint="save the frame that is meant")


def _too_large(name: str, received: str) -> PictureError:
    return PictureError(
        f"{name}: expected at most {MOST_PIXELS // 10**6} million pixels, got {received}",
        hint="cut out the part with the digits, or make the picture smaller",
    )


def _listed() -> str:
    return f"{', '.join(FORMATS[:-1])} and {FORMATS[-1]}"
