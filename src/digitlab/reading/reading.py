"""`Reading` and `Line`: what was read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digitlab.data.split import Images

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Reading:
    """One digit as it was read.

    Args:
        label: The most probable class's name; always given.
        probability: Of that class, if it is a digit at all.
        probabilities: Of every class, float32 [k].
        digit_probability: That it is a digit, whatever its class.
        readable: Whether that is high enough to believe `label`.
        framed: What the network saw, uint8 [28, 28].
        box: x, y, width and height on the picture, in its pixels.
    """

    label: str
    probability: float
    probabilities: npt.NDArray[np.float32]
    digit_probability: float
    readable: bool
    framed: Images
    box: Box


@dataclass(frozen=True, eq=False)
class Line:
    """A row of digits.

    Args:
        digits: From left to right.
    """

    digits: tuple[Reading, ...]

    @property
    def text(self) -> str:
        """The labels side by side, those that could not be read as ``?``."""
        return "".join(digit.label if digit.readable else "?" for digit in self.digits)
