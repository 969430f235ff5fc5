"""Where a network of digits fails: MNIST's test images made harder, and pictures that are no digits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

import digitlab
from digitlab.data.split import Images
from digitlab.errors import DigitlabError

SURE = 0.9


def hard_forms(images: Images) -> Iterator[tuple[str, Images]]:
    """Ways in which a picture may differ from MNIST's, each with the images changed so, uint8 [n, 28, 28]."""
    yield "as they are", images
    for pixels in (2, 4):
        yield f"shifted {pixels} pixels to the right", np.roll(images, pixels, axis=2)
    for degrees in (15, 30, 45):
        yield f"turned by {degrees}°", _bytes(ndimage.rotate(images, degrees, axes=(2, 1), reshape=False, order=1))
    for factor in (0.6, 1.25):
        yield f"{factor:g} times as large", _scaled(images, factor)
    yield "strokes a pixel thicker on every side", ndimage.grey_dilation(images, size=(1, 3, 3))
    yield (
        "strokes thinner: the lowest of each pixel and the one to its left",
        np.minimum(images, np.roll(images, 1, axis=2)),
    )
    noise = np.random.default_rng(0).normal(0, 50, images.shape)
    yield "noise of standard deviation 50 of 255", _bytes(images + noise)
    yield "a third as bright", (images // 3).astype(np.uint8)
    yield "dark on white, not inverted", 255 - images


def garments(classifier: digitlab.Classifier) -> str:
    """How often pictures of garments are taken for digits with a probability above 0.9."""
    try:
        pictures = digitlab.load_dataset("fashion-mnist").test.images
    except DigitlabError:
        return "not measured: Fashion-MNIST was not at hand"
    sure = float(np.mean(classifier.predict_proba(pictures).max(axis=1) > SURE))
    return f"{100 * sure:.0f} % of Fashion-MNIST's {len(pictures):,} test pictures"


def _scaled(images: Images, factor: float) -> Images:
    centre = (images.shape[1] - 1) / 2
    offset = centre - centre / factor
    return _bytes(
        ndimage.affine_transform(images.astype(np.float32), [1, 1 / factor, 1 / factor], [0, offset, offset], order=1)
    )


def _bytes(values: np.ndarray) -> Images:
    return np.asarray(np.rint(values).clip(0, 255), dtype=np.uint8)
