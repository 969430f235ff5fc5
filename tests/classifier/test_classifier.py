"""The classifier on ONNX Runtime: what it answers, at what cost, and what it refuses to answer."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import digitlab
from digitlab.classifier import Classifier
from digitlab.classifier.classifier import CHUNK
from digitlab.errors import DataError, ModelError, UsageError


def random_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def test_its_probabilities_are_those_of_the_arithmetic_done_by_hand(make_onnx, expected):
    images = random_images(50)
    probabilities = Classifier(make_onnx()).predict_proba(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected(images), atol=1e-5)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.one_of(st.integers(1, 3), st.integers(CHUNK - 1, CHUNK + 1), st.integers(1, 2 * CHUNK + 1)))
def test_any_number_of_images_gives_each_its_own_row(make_onnx, expected, count):
    images = random_images(count, seed=count)
    classifier = Classifier(make_onnx())
    probabilities, labels = classifier.predict_proba(images), classifier.predict(images)
    assert probabilities.shape == (count, 3)
    np.testing.assert_allclose(probabilities, expected(images), atol=1e-5)
    assert (labels.dtype, labels.shape) == (np.uint8, (count,))
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=1))


def test_every_other_image_of_a_larger_array_is_read_as_it_lies(make_onnx, expected):
    images = random_images(40)
    classifier = Classifier(make_onnx())
    np.testing.assert_allclose(classifier.predict_proba(images[::-2]), expected(images[::-2]), atol=1e-5)
    turned = images.transpose(0, 2, 1)
    np.testing.assert_allclose(classifier.predict_proba(turned), expected(turned), atol=1e-5)


def test_the_images_it_is_given_stay_as_they_were_and_may_be_read_only(make_onnx):
    images = random_images(3)
    before = images.copy()
    images.flags.writeable = False
    Classifier(make_onnx()).predict(images)
    np.testing.assert_array_equal(images, before)


def test_it_knows_its_classes(make_onnx):
    classifier = Classifier(make_onnx(names=["zero", 'a "b" ☃', ""]))
    assert classifier.class_names == ("zero", 'a "b" ☃', "")
    assert classifier.num_classes == 3


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (random_images(2) / 255, "uint8"),
        (random_images(2).astype(np.float32), "uint8"),
        (random_images(2).astype(np.int64), "uint8"),
        (random_images(2).reshape(2, 784), r"\[n, 28, 28\]"),
        (random_images(1)[0], r"\[n, 28, 28\]"),
        (random_images(2)[:0], "at least one"),
        (random_images(2).tolist(), "NumPy array"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_anything_but_uint8_images_is_refused_so_that_nothing_is_divided_twice(make_onnx, method, images, message):
    with pytest.raises(DataError, match=message):
        getattr(Classifier(make_onnx()), method)(images)


def test_two_threads_give_what_one_gives(make_onnx):
    images = random_images(2500)
    one, two = Classifier(make_onnx(), threads=1), Classifier(make_onnx(), threads=2)
    np.testing.assert_allclose(one.predict_proba(images), two.predict_proba(images), atol=1e-6)


@pytest.mark.parametrize("threads", [0, -1, 1.0, "2", True, None])
def test_a_number_of_threads_that_cannot_be_is_refused(make_onnx, threads):
    with pytest.raises(UsageError, match="threads: expected a whole number from 1"):
        Classifier(make_onnx(), threads=threads)


def test_many_callers_at_once_each_get_their_own_answer(make_onnx, expected):
    classifier = Classifier(make_onnx())
    batches = [random_images(20, seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(classifier.predict_proba, batches))
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_allclose(answer, expected(batch), atol=1e-5)


class OutOfMemory:
    """A session of ONNX Runtime that fails when it is run."""

    def run(self, outputs, inputs):
        raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION :\nFailed to allocate memory")


def test_a_network_that_fails_when_it_runs_is_said_so_in_two_lines(make_onnx):
    classifier = Classifier(make_onnx(), name="odd.onnx")
    classifier._session = OutOfMemory()
    with pytest.raises(ModelError, match=r"odd\.onnx: ONNX Runtime cannot run it: .*Failed to allocate") as caught:
        classifier.predict(np.full((1, 28, 28), 100, np.uint8))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is asked of resource")
def test_memory_beyond_the_result_does_not_grow_with_the_number_of_images(make_onnx, tmp_path):
    """Three hundred thousand images, which as floats would take 900 MB; they are one image, repeated in no memory."""
    (tmp_path / "model.onnx").write_bytes(make_onnx())
    code = (
        "import resource, sys, numpy as np, digitlab\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "classifier = digitlab.load_classifier(sys.argv[1])\n"
        "image = np.arange(784, dtype=np.uint32).astype(np.uint8).reshape(1, 28, 28)\n"
        "images = np.broadcast_to(image, (300_000, 28, 28))\n"
        "classifier.predict(images[:2000]); before = peak()\n"
        "labels = classifier.predict(images)\n"
        "assert set(labels) == set(classifier.predict(image))\n"
        "assert peak() - before < 50_000 * (1024 if sys.platform == 'darwin' else 1), peak() - before\n"
    )
    process = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def test_onnx_runtime_is_imported_with_the_first_network_and_nothing_that_trains_ever_is(make_onnx, tmp_path):
    (tmp_path / "model.onnx").write_bytes(make_onnx())
    code = (
        "import sys\n"
        "heavy = {'tensorflow', 'keras', 'onnx', 'sklearn', 'scipy', 'matplotlib'}\n"
        "import digitlab.classifier\n"
        "assert not (heavy | {'onnxruntime'}) & set(sys.modules)\n"
        "digitlab.load_classifier(sys.argv[1])\n"
        "assert 'onnxruntime' in sys.modules\n"
        "assert not heavy & set(sys.modules)\n"
    )
    process = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


def test_it_is_scored_like_any_other_classifier(make_onnx, expected):
    images = random_images(60)
    labels = expected(images).argmax(axis=1).astype(np.uint8)
    labels[:15] = (labels[:15] + 1) % 3
    split = digitlab.Split(images, labels, class_names=("zero", "one", "two"))
    assert digitlab.evaluate(Classifier(make_onnx()), split).accuracy == 0.75
