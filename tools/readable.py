"""The network that says whether a framed picture is a digit at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import digitlab
from digitlab.config import Distortion, TrainConfig
from digitlab.data.split import Images, Split
from digitlab.training.adapter import adapter
from digitlab.training.held_out import one_hot
from digitlab.training.lesson import Lesson
from not_digits import not_digits

CLASS_NAMES = ("other", "digit")
# As many pictures of either kind; half of the digits as they are, half with other pens, strokes and proportions.
EACH = 60_000
OTHER_FORMS = Distortion(thickness=0.5, strokes=0.4, stretch=0.25)
RECIPE = TrainConfig(
    hidden_units=(256, 64), learning_rate=0.003, batch_size=128, epochs=40, patience=0, validation_fraction=0.0,
    distortion=0.7, batch_normalization=True, schedule="cosine",
)  # fmt: skip
CHUNK = 1000


def train_readable(digits: Split, path: Path) -> Path:
    """Train it on `digits` and on as many pictures that are none, and write it as ONNX."""
    run = digitlab.train(readable_split(digits, EACH), RECIPE)
    return digitlab.export_onnx(run, path, class_names=CLASS_NAMES, half=True)


def readable_split(digits: Split, each: int, seed: int = 0) -> Split:
    """`each` digits and as many pictures that are none, in any order."""
    rng = np.random.default_rng([seed, 6])
    chosen = rng.choice(len(digits), each, replace=each > len(digits))
    plain = digits.images[chosen[: each // 2]]
    others = _in_other_forms(digits.take(chosen[each // 2 :], "other forms"), seed)
    images = np.concatenate([plain, others, not_digits(digits, each, seed)])
    labels = np.repeat(np.array([1, 0], np.uint8), each)
    order = rng.permutation(len(images))
    return Split(images[order], labels[order], "digits and others", CLASS_NAMES)


def _in_other_forms(digits: Split, seed: int) -> Images:
    labels, lesson = one_hot(digits), Lesson(OTHER_FORMS)
    changed = []
    for number, first in enumerate(range(0, len(digits), CHUNK)):
        part = np.s_[first : first + CHUNK]
        key = np.array([seed, number], np.int32)
        images, _ = lesson((digits.images[part], labels[part]), adapter.uniform_of(key, 0))
        changed.append(np.rint(np.asarray(images)).clip(0, 255).astype(np.uint8))
    return np.concatenate(changed)
