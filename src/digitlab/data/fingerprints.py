"""Fingerprints of single images: which images a network was trained on, without keeping the images.

A fingerprint is a 64-bit hash of an image's 784 bytes; the label takes no part in it. Equal images have equal
fingerprints. The hash is multilinear (Carter, Wegman 1979, J. Computer and System Sciences 18: 143-154), since SHA-256
takes seven times as long: two different images have the same fingerprint with a probability of 2**-63 to 2**-32,
depending on where they differ. It does not withstand someone who constructs a collision.
"""

from __future__ import annotations

import functools
import hashlib
import os
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from digitlab.data.bounded import most_bytes
from digitlab.data.split import IMAGE_SIDE, Images, Part, Split
from digitlab.errors import RunError
from digitlab.runs import RunFolder, atomic_path
from digitlab.runs.regular_file import open_regular

Fingerprints = npt.NDArray[np.uint64]

# The file beside a network that holds the fingerprints of the images that it was trained on.
FINGERPRINTS_FILE = "training_fingerprints.npy"
# The networks that digitlab writes into a run folder. Any other file there may be anyone's.
RUN_MODELS = ("model.keras", "model.onnx")

# An image is hashed as 196 words of four bytes. In words of eight, differences of two images that lie in the last bytes
# of words alone would cancel out in one pair of 256.
_WORDS = IMAGE_SIDE * IMAGE_SIDE // 4
_CHUNK = 1000
_HEADER_BYTES = 128
_DAMAGED = "the file is damaged; restore it, or remove it, and scores no longer say what was trained on"


def fingerprint_images(images: Images) -> Fingerprints:
    """The fingerprint of each image, uint64 [n], in the order of `images`, uint8 [n, 28, 28]."""
    found = np.empty(len(images), dtype=np.uint64)
    for start in range(0, len(images), _CHUNK):
        chunk = np.ascontiguousarray(images[start : start + _CHUNK])
        np.einsum("ij,j->i", chunk.reshape(len(chunk), -1).view("<u4"), _factors(), out=found[start : start + _CHUNK])
    return found


def fingerprint_split(split: Split) -> Fingerprints:
    """The fingerprints of a split's images, ascending and each once, uint64 [m].

    The split may be larger than memory: 8 bytes per image are held.
    """
    if isinstance(split, Part) and 2 * len(split) > len(split.whole):
        # Reading a file from its start to its end takes a fifth of the time that picking most of its images takes.
        return merge_fingerprints(_of_pieces(split.whole)[split.indices])
    return merge_fingerprints(_of_pieces(split))


def _of_pieces(split: Split) -> Fingerprints:
    return np.concatenate([fingerprint_images(piece) for piece in split.pieces()])


def merge_fingerprints(*several: Fingerprints) -> Fingerprints:
    """All of several arrays of fingerprints, ascending and each once, uint64 [m]."""
    found = np.sort(np.concatenate(several))  # `numpy.unique` takes eight times as long
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


def count_among(split: Split, known: Fingerprints) -> int:
    """How many images of a split have one of the fingerprints `known`, which must ascend.

    An image that occurs twice in the split is counted twice.
    """
    if len(known) == 0:
        return 0
    return sum(_count(fingerprint_images(piece), known) for piece in split.pieces())


def write_fingerprints(path: Path, fingerprints: Fingerprints) -> None:
    """Write ascending fingerprints as an NPY file, whole or not at all: 128 bytes, and 8 bytes per fingerprint.

    Raises:
        RunError: It cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(_header(len(fingerprints)))
        file.write(np.ascontiguousarray(fingerprints, dtype="<u8").data)


def read_fingerprints(file: Path | Traversable) -> Fingerprints | None:
    """Read what `write_fingerprints` wrote; `None` where there is no such file.

    Raises:
        RunError: The file is damaged, is no regular file, or is larger than half of this machine's memory.
    """
    try:
        with open_regular(file) if isinstance(file, Path) else file.open("rb") as opened:
            return _parse(opened)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise RunError(
            f"{file}: expected the fingerprints of a network's training images, got: {error}",
            hint=_DAMAGED,
        ) from error


def read_beside(model: Path) -> Fingerprints | None:
    """The fingerprints of the images that the network of a run folder was trained on, its teacher's images included.

    Args:
        model: The run's ``model.keras`` or ``model.onnx``.

    Returns:
        Ascending fingerprints; `None` where they are not known, as for any other file.

    Raises:
        RunError: See `read_fingerprints`. Or they are not those that the finished training left.
    """
    if model.name not in RUN_MODELS:
        return None
    file = model.parent / FINGERPRINTS_FILE
    if os.path.lexists(file):
        RunFolder(model.parent).check_file(FINGERPRINTS_FILE, hint=_DAMAGED)
    return read_fingerprints(file)


@functools.cache
def _factors() -> Fingerprints:
    """An odd random number per word of an image. With other numbers, existing files would mean other images."""
    drawn = hashlib.shake_256(b"digitlab image fingerprint 1").digest(8 * _WORDS)
    return np.frombuffer(drawn, "<u8").astype(np.uint64) | np.uint64(1)


def _count(asked: Fingerprints, known: Fingerprints) -> int:
    asked = np.sort(asked)  # neighbours then look in the same place of `known`
    places = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return int(np.count_nonzero(known[places] == asked))


def _header(count: int) -> bytes:
    """The header of an NPY file of `count` numbers, the same from every version of NumPy."""
    text = f"{{'descr': '<u8', 'fortran_order': False, 'shape': ({count},), }}".ljust(_HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("ascii")


def _parse(file: IO[bytes]) -> Fingerprints:
    """The content of an open file, of which nothing is read before its size agrees with its header."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    count, rest = divmod(size - _HEADER_BYTES, 8)
    if size > most_bytes() or count < 0 or rest or file.read(_HEADER_BYTES) != _header(count):
        msg = f"{size:,} bytes without the header of so many whole numbers"
        raise ValueError(msg)
    found = np.frombuffer(file.read(8 * count), "<u8").astype(np.uint64, copy=False)
    if len(found) != count or (found[1:] <= found[:-1]).any():
        msg = "numbers that do not ascend"
        raise ValueError(msg)
    return found
