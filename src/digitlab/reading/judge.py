"""`Judge`: says of framed pictures which digit each is, and whether it is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from digitlab.classifier import Classifier, load_classifier
from digitlab.classifier.load import READABLE_FILE, load_shipped
from digitlab.data.split import Images
from digitlab.reading.reading import Box, Reading

# Below it a picture is called unreadable; docs/reading.md has what it costs.
THRESHOLD = 0.5


class Judge:
    """Two networks: one for the digit, one for whether it is any.

    Args:
        classifier: Names the digit; the shipped network by default.
        threshold: The least probability of being a digit that is believed.
    """

    def __init__(self, classifier: Classifier | None = None, threshold: float = THRESHOLD) -> None:
        self._classifier = classifier or _shipped()
        self._threshold = threshold

    def probabilities(self, framed: Images) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Of every class, float32 [n, k], and of being a digit, float32 [n]; `framed` uint8 [n, 28, 28]."""
        return self._classifier.predict_proba(framed), _readable().predict_proba(framed)[:, 1]

    def reading(self, framed: Images, of_classes: npt.NDArray[np.float32], of_digit: float, box: Box) -> Reading:
        """One picture's probabilities as a reading."""
        best = int(of_classes.argmax())
        return Reading(
            label=self._classifier.class_names[best],
            probability=float(of_classes[best]),
            probabilities=of_classes,
            digit_probability=float(of_digit),
            readable=bool(framed.any()) and float(of_digit) >= self._threshold,
            framed=framed,
            box=box,
        )

    def read(self, framed: Sequence[Images], boxes: Sequence[Box]) -> list[Reading]:
        """Readings of several framed pictures."""
        of_classes, of_digit = self.probabilities(np.stack(framed))
        return [self.reading(*one) for one in zip(framed, of_classes, of_digit, boxes, strict=True)]


@cache
def _shipped() -> Classifier:
    return load_classifier()


@cache
def _readable() -> Classifier:
    return load_shipped(READABLE_FILE)
