"""Keras networks as classifiers: what is loaded, and what is refused."""

import logging
import zipfile

import numpy as np
import pytest

from digitlab.config import TrainConfig
from digitlab.errors import DataError, ModelError
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.model.keras_classifier import KerasClassifier, load_keras_classifier


@pytest.fixture(scope="module")
def model():
    return build_mlp(TrainConfig(hidden_units=(8,)), 10)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (1203, 28, 28), dtype=np.uint8)


def test_the_documents_network_has_235146_weights():
    # 784 x 256 + 256, 256 x 128 + 128, 128 x 10 + 10
    assert build_mlp(TrainConfig(), 10).count_params() == 200_960 + 32_896 + 1_290


def test_its_probabilities_are_those_of_the_arithmetic_done_by_hand(model, images):
    (w1, b1, w2, b2) = (w.astype(np.float64) for w in model.get_weights())
    hidden = np.maximum(images[:50].reshape(50, 784) / 255 @ w1 + b1, 0)
    scores = np.exp(hidden @ w2 + b2)
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(KerasClassifier(model).predict_proba(images[:50]), expected, atol=1e-5)


def test_every_image_gets_its_row_also_after_the_last_whole_chunk(model, images):
    probabilities = KerasClassifier(model).predict_proba(images)
    assert probabilities.shape == (1203, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(
        probabilities[-1:], KerasClassifier(model).predict_proba(images[-1:]), rtol=1e-4, atol=1e-6
    )


def test_scoring_many_networks_traces_nothing_that_tensorflow_would_warn_of(images):
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("tensorflow").addHandler(handler)
    try:
        for seed in range(4):
            classifier = KerasClassifier(build_mlp(TrainConfig(hidden_units=(4,), seed=seed), 10))
            for count in (1203, 7):
                classifier.predict_proba(images[:count])
    finally:
        logging.getLogger("tensorflow").removeHandler(handler)
    assert said == []


def test_initial_weights_depend_on_the_seed_alone():
    keras.utils.set_random_seed(1)
    first = build_mlp(TrainConfig(hidden_units=(8,), seed=5), 3).get_weights()
    keras.utils.set_random_seed(2)
    again = build_mlp(TrainConfig(hidden_units=(8,), seed=5), 3).get_weights()
    other = build_mlp(TrainConfig(hidden_units=(8,), seed=6), 3).get_weights()
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_floats_are_refused_so_that_nothing_is_divided_twice(model, images):
    with pytest.raises(DataError, match=r"uint8[\s\S]*hint: "):
        KerasClassifier(model).predict_proba(images[:2] / 255)


def test_a_network_over_other_pictures_is_refused(tmp_path):
    other = keras.Sequential([keras.Input((32, 32)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match=r"\[n, 28, 28\]"):
        load_keras_classifier(tmp_path / "other.keras")


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04rubbish", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_no_model_is_said_so_in_two_lines(tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="expected a Keras model file") as caught:
        load_keras_classifier(path)
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(ModelError, match="found none"):
        load_keras_classifier(tmp_path / "model.keras")


def test_a_strangers_file_with_code_in_it_runs_nothing(tmp_path):
    layer = keras.layers.Lambda(lambda x: x, output_shape=(28, 28))
    trap = keras.Sequential([keras.Input((28, 28)), layer, keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    trap.save(tmp_path / "trap.keras")
    assert zipfile.is_zipfile(tmp_path / "trap.keras")
    with pytest.raises(ModelError, match="expected a Keras model file"):
        load_keras_classifier(tmp_path / "trap.keras")
