"""`Classifier`: uint8 images in, probabilities out, on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from digitlab.classifier.interface import INPUT, OUTPUT, check_session
from digitlab.classifier.session import check_content, open_session
from digitlab.data.split import IMAGE_SIDE, Images, Labels, check_images
from digitlab.errors import ModelError
from digitlab.text import in_short

if TYPE_CHECKING:
    from digitlab.data.fingerprints import Fingerprints

CHUNK = 1000
# Computed at once at most, of float32: 256 MiB. A network of many wide layers is asked about fewer images at once.
CHUNK_NUMBERS = 2**26
# The largest sum of a row's probabilities that rounding explains.
MOST_PROBABLE = 1.001


class Classifier:
    """An exported network. Made by `load_classifier`; may be used by several threads at once.

    Args:
        content: The bytes of an ONNX file as `digitlab.export_onnx` writes it.
        name: What to call it in messages, such as the file's path.
        threads: Threads that share the work on one chunk of images. One is quickest for the small
            networks that this is for, see docs/architecture.md.
        read_fingerprints: Reads the fingerprints of the images that the network was trained on. It is called when
            they are first asked for. Defaults to None: they are not known.

    Raises:
        ModelError: The bytes are no ONNX file, or one with another input, output or metadata.
        UsageError: `threads` is below 1.
    """

    def __init__(
        self,
        content: bytes,
        *,
        name: str = "network",
        threads: int = 1,
        read_fingerprints: Callable[[], Fingerprints | None] | None = None,
    ) -> None:
        self._name, self._content = name, content
        self._read_fingerprints = read_fingerprints
        numbers = check_content(content, name)
        self._chunk = max(1, min(CHUNK, CHUNK_NUMBERS // max(1, numbers)))
        self._session = open_session(content, name, threads)
        self._class_names = check_session(self._session, name)
        self._check_answer()

    @property
    def name(self) -> str:
        """What it is called: the path of its file, or that it is the shipped network."""
        return self._name

    @property
    def content(self) -> bytes:
        """The bytes of its ONNX file, from which another process can open it."""
        return self._content

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names, in the order of the labels."""
        return self._class_names

    @property
    def num_classes(self) -> int:
        """Columns of what `predict_proba` gives, 2 to 100."""
        return len(self._class_names)

    @cached_property
    def training_fingerprints(self) -> Fingerprints | None:
        """Of the images that the network and its teacher were trained on, ascending, uint64 [m]; `None` if not known.

        Raises:
            RunError: The file that holds them is damaged.
        """
        return None if self._read_fingerprints is None else self._read_fingerprints()

    def predict_proba(self, images: Images) -> npt.NDArray[np.float32]:
        """float32 [n, k], a row of probabilities an image; `images` uint8 [n, 28, 28].

        Beyond the result, no more memory is used for ten million images than for a thousand.

        Raises:
            DataError: The images are not uint8 [n, 28, 28].
        """
        check_images(images, "images")
        probabilities = np.empty((len(images), self.num_classes), dtype=np.float32)
        for rows, answer in self._answers(images):
            probabilities[rows] = answer
        return probabilities

    def predict(self, images: Images) -> Labels:
        """uint8 [n], the most probable class of each image; `images` uint8 [n, 28, 28].

        Raises:
            DataError: The images are not uint8 [n, 28, 28].
        """
        check_images(images, "images")
        labels = np.empty(len(images), dtype=np.uint8)
        for rows, answer in self._answers(images):
            labels[rows] = answer.argmax(axis=1)
        return labels

    def _answers(self, images: Images) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        for start in range(0, len(images), self._chunk):
            rows = slice(start, min(start + self._chunk, len(images)))
            yield rows, self._run(images[rows])

    def _run(self, images: Images) -> Any:
        try:
            (answer,) = self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(images)})
        except Exception as error:
            raise ModelError(
                f"{self._name}: ONNX Runtime cannot run it: {in_short(error)}",
                hint="export the network again with `digitlab export`",
            ) from error
        if answer.shape != (len(images), self.num_classes):
            raise ModelError(
                f"{self._name}: expected {self.num_classes} probabilities for each of {len(images)} images, "
                f"got the shape {list(answer.shape)}",
                hint="export the network again with `digitlab export`",
            )
        # False for NaN too, which fits into neither JSON nor any decision.
        if not (answer.min() >= 0 and answer.max() <= MOST_PROBABLE):
            raise ModelError(
                f"{self._name}: expected probabilities that sum to 1 in every row, got numbers from "
                f"{answer.min():.3g} to {answer.max():.3g}",
                hint="the network must end in softmax; did its training diverge?",
            )
        return answer

    def _check_answer(self) -> None:
        """Try it on a black and a white image: a file may promise a shape and give another, or end without softmax."""
        images = np.zeros((2, IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
        images[1] = 255
        answer = self._run(images)
        if not np.allclose(answer.sum(axis=1), 1, atol=1e-3):
            raise ModelError(
                f"{self._name}: expected probabilities that sum to 1 in every row, got {answer[0].sum():.3g}",
                hint="the network must end in softmax; did its training diverge?",
            )
