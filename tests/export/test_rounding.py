"""Large scores are rounded further by float32, and a network that has them is exported nevertheless."""

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.errors import ModelError
from digitlab.export import export_onnx
from digitlab.export.chain import Chain
from digitlab.export.rounding import rounding_error
from digitlab.export.verify import probe_images
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp


def network_with_scores_up_to(largest):
    """As after hundreds of thousands of updates: the last layer's weights so large that its scores are, too."""
    model = build_mlp(TrainConfig(hidden_units=(256, 128), seed=3), 10)
    hidden = keras.Model(model.inputs[0], model.layers[-2].output)
    kernel, bias = model.layers[-1].get_weights()
    scores = keras.ops.convert_to_numpy(hidden(probe_images(1000))) @ kernel
    model.layers[-1].set_weights([kernel * np.float32(largest / np.abs(scores).max()), bias])
    return model


def test_a_network_with_scores_of_a_thousand_is_written_and_only_because_of_them(tmp_path, monkeypatch):
    model = network_with_scores_up_to(1200)
    assert export_onnx(model, tmp_path / "model.onnx").exists()
    monkeypatch.setattr("digitlab.export.rounding.ROUNDING", 0.0)
    with pytest.raises(ModelError, match="within 1e-05 of Keras'"):
        export_onnx(model, tmp_path / "other.onnx")


def test_the_rounding_of_a_probability_is_told_by_the_largest_score_before_softmax():
    chain = Chain()
    chain.dense(np.tile([1.0, -2.0], (784, 1)) / 784, np.zeros(2))
    chain.activate("Softmax")
    grey = np.full((1, 28, 28), 200, np.uint8)
    # Scores of 200 and -400, each up to 6e-7 of its size off in each of two libraries, times a quarter at most.
    assert rounding_error([chain], grey) == pytest.approx(400 * 6e-7 * 2 / 4)


def test_where_the_scores_are_not_known_nothing_is_allowed_for_them():
    chain = Chain()
    chain.dense(np.ones((784, 2)), np.zeros(2))
    chain.activate("Sigmoid")
    assert rounding_error([chain], probe_images(3)) == 0


def test_nothing_is_allowed_for_scores_below_three_hundred():
    chain = Chain()
    chain.dense(np.tile([1.0, -1.4], (784, 1)) / 784, np.zeros(2))
    chain.activate("Softmax")
    assert rounding_error([chain], np.full((1, 28, 28), 200, np.uint8)) == 0  # scores of 200 and -280
