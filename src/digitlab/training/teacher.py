"""`Teacher`: a trained network whose answers become a part of the labels.

Hinton, Vinyals, Dean 2015 (arXiv 1503.02531), at a temperature of 1: the teacher is asked about the very image that
the student sees, bent as it is, and its doubts about a bent image are what the plain label does not say. Loss and
accuracy of the training are then those of the mixed labels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.fingerprints import read_beside
from digitlab.errors import ModelError
from digitlab.model.backend import keras
from digitlab.model.keras_classifier import load_keras_classifier
from digitlab.runs import find_model


@dataclass(frozen=True, eq=False)
class Teacher:
    """Mixes its answers into a batch's labels.

    Args:
        network: Gives probabilities, [n, k].
        share: Of each label that is the teacher's, above 0 to 1.
    """

    network: Any
    share: float

    def __call__(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """The batch (images, one-hot labels, ...) with other labels."""
        images, labels, *rest = batch
        answers = keras.ops.cast(self.network(images, training=False), labels.dtype)
        return (images, (1 - self.share) * labels + self.share * answers, *rest)


def load_teacher(config: TrainConfig, num_classes: int) -> Teacher | None:
    """The teacher that a configuration names, `None` if it names none.

    Raises:
        ModelError: There is no such network, or it knows another number of classes.
    """
    if not config.teacher:
        return None
    file, _ = find_model(Path(config.teacher))
    classifier = load_keras_classifier(file)
    if classifier.num_classes != num_classes:
        raise ModelError(
            f"{config.teacher}: expected a teacher of {num_classes} classes, got {classifier.num_classes}",
            hint="name a network that was trained on the same classes",
        )
    return Teacher(classifier.model, config.distillation)


def describe_teacher(config: TrainConfig) -> dict[str, Any] | None:
    """What run.json says of the teacher; `None` without one.

    Returns:
        Its ``file``, the ``sha256`` of that, and ``training_images_known``: whether the images that it was trained on
        are known.

    Raises:
        ModelError: There is no such network.
    """
    if not config.teacher:
        return None
    file, _ = find_model(Path(config.teacher))
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"file": str(file), "sha256": digest, "training_images_known": read_beside(file) is not None}
