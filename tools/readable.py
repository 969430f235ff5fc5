"""The network that says whether a framed picture is a digit at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import digitlab
from digitlab.cli.console import percent
from digitlab.config import Distortion, TrainConfig
from digitlab.data.split import Images, Split
from digitlab.errors import DataError
from digitlab.imaging.frame import frame_picture
from digitlab.runs import RunFolder
from digitlab.training.adapter import adapter
from digitlab.training.held_out import one_hot
from digitlab.training.lesson import Lesson
from not_digits import KINDS, not_digits

CLASS_NAMES = ("other", "digit")
# As many pictures of either kind; a third of the digits as they are, a third with other pens, strokes and proportions,
# a third scanned into bitmaps and framed again.
EACH = 60_000
BITMAP, NARROW = (10, 33), 0.3
OTHER_FORMS = Distortion(thickness=0.5, strokes=0.4, stretch=0.25)
RECIPE = TrainConfig(
    hidden_units=(256, 64), learning_rate=0.003, batch_size=128, epochs=40, patience=0, validation_fraction=0.0,
    distortion=0.7, batch_normalization=True, schedule="cosine",
)  # fmt: skip
CHUNK = 1000
# The card tells the errors at these.
THRESHOLDS = (0.1, 0.25, 0.5, 0.75, 0.9)


def train_readable(digits: Split, out: Path, path: Path) -> Path:
    """Train it in the run folder `out` on `digits` and on as many pictures that are none, and write it as ONNX."""
    folder = RunFolder(out)
    if not (folder.exists() and folder.read_record()["status"] == "finished"):
        digitlab.train(readable_split(digits, EACH), RECIPE, out=out)
    return digitlab.export_onnx(out, path, class_names=CLASS_NAMES, half=True)


def error_rates(classifier: digitlab.Classifier, test: Split, each: int) -> str:
    """The rows of the card's table: how many digits are called unreadable, and what else is called a digit."""
    others = not_digits(test, each * len(KINDS), seed=1)
    rows = [_row("MNIST's test images, called unreadable", classifier, test.images, wrong=np.less)]
    for number, kind in enumerate(KINDS):
        rows.append(_row(f"{kind}, called a digit", classifier, others[number :: len(KINDS)]))
    garments = "garments (Fashion-MNIST's test images), called a digit"
    try:
        images = digitlab.load_dataset("fashion-mnist").test.images
    except DataError:  # said in the card, not left out of it
        rows.append(f"| {garments} | not at hand | {' | '.join('–' for _ in THRESHOLDS)} |")
    else:
        rows.append(_row(garments, classifier, np.stack([frame_picture(image) for image in images])))
    return "\n".join(rows)


def _row(
    name: str,
    classifier: digitlab.Classifier,
    images: Images,
    wrong: Callable[[Images, float], Images] = np.greater_equal,
) -> str:
    of_digit = classifier.predict_proba(images)[:, 1]
    cells = [percent(float(np.mean(wrong(of_digit, threshold)))) for threshold in THRESHOLDS]
    return f"| {name} | {len(images):,} | {' | '.join(cells)} |"


def readable_split(digits: Split, each: int, seed: int = 0) -> Split:
    """`each` digits and as many pictures that are none, in any order."""
    rng = np.random.default_rng([seed, 6])
    chosen = rng.choice(len(digits), each, replace=each > len(digits))
    plain, formed, scanned = (digits.take(part, "a third") for part in np.array_split(chosen, 3))
    bitmaps = [_as_bitmap(image, rng) for image in scanned.images]
    images = np.concatenate([plain.images, _in_other_forms(formed, seed), bitmaps, not_digits(digits, each, seed)])
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


def _as_bitmap(image: Images, rng: np.random.Generator) -> Images:
    """A digit in black and white in few pixels, some of them stretched towards a square, framed again."""
    rows, columns = (np.flatnonzero((image > 64).any(axis=axis)) for axis in (1, 0))
    digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side, natural = int(rng.integers(*BITMAP)), digit.shape[1] / digit.shape[0]
    # What is narrower than this is a block when it is a square, and no digit any more.
    share = natural if natural < NARROW else natural ** rng.choice([1.0, 1.0, rng.random(), 0.0])
    size = (max(2, round(side * min(1.0, share))), max(2, round(side / max(1.0, share))))
    few = cv2.resize(digit, size, interpolation=cv2.INTER_AREA)
    bits = np.where(few > rng.uniform(60, 180), 255, 0).astype(np.uint8)
    framed = frame_picture(bits if bits.any() else few)
    return framed if framed.any() else image
