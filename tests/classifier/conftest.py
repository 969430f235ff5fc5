"""A small network written by hand, its weights, and what it gives."""

import numpy as np
import pytest

from onnx_by_hand import build, draw_weights


@pytest.fixture
def make_onnx():
    """A softmax regression over 784 pixels as bytes; arguments change one thing about it."""
    return build


@pytest.fixture
def weights():
    """Its kernel [784, 3] and bias [3], float32."""
    return draw_weights()


@pytest.fixture
def expected(weights):
    """What it gives, by arithmetic in float64."""

    def probabilities(images):
        kernel, bias = (array.astype(np.float64) for array in weights)
        scores = np.exp(images.reshape(len(images), 784).astype(np.float64) @ kernel + bias)
        return scores / scores.sum(axis=1, keepdims=True)

    return probabilities
