"""`Lesson`: what becomes of a batch before the network learns from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from digitlab.config import UNDISTORTED, Distortion
from digitlab.model.backend import keras
from digitlab.training.distortion import distort
from digitlab.training.teacher import Teacher


@dataclass(frozen=True, eq=False)
class Lesson:
    """Changes a batch's images, then asks a teacher about them.

    Args:
        distortion: How the images are changed; by default they are not.
        teacher: Whose answers become a part of the labels; by default nobody's do.
    """

    distortion: Distortion = UNDISTORTED
    teacher: Teacher | None = None

    def __call__(self, batch: tuple[Any, ...], uniform: Callable[..., Any]) -> tuple[Any, ...]:
        """The batch that is learnt from.

        Args:
            batch: Images [n, 28, 28], labels, and what goes with them.
            uniform: ``uniform(index, *shape)`` gives float32 numbers from -1 to 1, others for another index.
        """
        if self.distortion:
            images = keras.ops.cast(batch[0], "float32")
            batch = (distort(images, batch[1], self.distortion, uniform), *batch[1:])
        return self.teacher(batch) if self.teacher else batch
