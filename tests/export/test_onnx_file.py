"""ONNX files of Keras networks: what they hold, that they answer as Keras does, and what is refused."""

import errno
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import digitlab
from digitlab.classifier import load_classifier
from digitlab.config import TrainConfig
from digitlab.errors import ModelError, RunError, UsageError
from digitlab.export import export_onnx
from digitlab.export import onnx_file as module
from digitlab.export.verify import probe_images
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.runs import RunFolder
from digitlab.runs.version import VERSION
from digitlab.text import UNPRINTABLE

layers = keras.layers
IMAGES = np.random.default_rng(99).integers(0, 256, (40, 28, 28), dtype=np.uint8)
TOLERANCE = 1e-5


def network(*middle, classes=10, last="softmax"):
    """Pixels scaled, what is given, and a dense layer at the end."""
    return keras.Sequential([keras.Input((28, 28)), layers.Rescaling(1 / 255), *middle, layers.Dense(classes, last)])


def with_random_statistics(model, seed=0):
    """Batch normalisation as it is after training, and not the identity that it is before."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(0, 0.5, size))
            layer.moving_variance.assign(rng.uniform(0.1, 2, size))
            if layer.scale:
                layer.gamma.assign(rng.normal(0, 1, size))  # below 0 too
            if layer.center:
                layer.beta.assign(rng.normal(0, 1, size))
    return model


def assert_answers_as_keras_does(model, path):
    export_onnx(model, path)
    expected = keras.ops.convert_to_numpy(model(IMAGES, training=False))
    np.testing.assert_allclose(load_classifier(path).predict_proba(IMAGES), expected, rtol=0, atol=TOLERANCE)


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def test_half_the_size_costs_at_most_a_hundredth_of_a_probability(tmp_path):
    model = build_mlp(TrainConfig(hidden_units=(64, 32), batch_normalization=True, seed=3), 10)
    whole = export_onnx(model, tmp_path / "whole.onnx")
    half = export_onnx(model, tmp_path / "half.onnx", half=True)
    assert half.stat().st_size < 0.53 * whole.stat().st_size
    a, b = (load_classifier(path).predict_proba(IMAGES) for path in (whole, half))
    assert 0 < np.abs(a - b).max() < 1e-2
    stored = {tensor.name: tensor.data_type for tensor in onnx.load(half).graph.initializer}
    assert {kind for name, kind in stored.items() if "weights" in name} == {onnx.TensorProto.FLOAT16}
    assert {kind for name, kind in stored.items() if "bias" in name} == {onnx.TensorProto.FLOAT}


def refusal(model, path):
    """The message of the two-line error that an export ends in; nothing is left behind."""
    with pytest.raises(ModelError) as caught:
        export_onnx(model, path)
    assert len(str(caught.value).splitlines()) == 2
    assert list(path.parent.iterdir()) == []
    return caught.value.message


@pytest.fixture(scope="module")
def documents_network():
    return build_mlp(TrainConfig(seed=3), 10)


def test_the_documents_network_is_eight_nodes_from_bytes_to_probabilities(documents_network, tmp_path):
    path = export_onnx(documents_network, str(tmp_path / "model.onnx"))
    assert path == tmp_path / "model.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert operators(path) == ["Cast", "Flatten", "Gemm", "Relu", "Gemm", "Relu", "Gemm", "Softmax"]
    (images,), (probabilities,) = model.graph.input, model.graph.output
    assert images.name == "images"
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_param or d.dim_value for d in images.type.tensor_type.shape.dim] == ["n", 28, 28]
    assert probabilities.name == "probabilities"
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [d.dim_param or d.dim_value for d in probabilities.type.tensor_type.shape.dim] == ["n", 10]
    assert sum(int(np.prod(weights.dims)) for weights in model.graph.initializer) == 235_146


def test_the_file_says_who_wrote_it_and_what_its_classes_are_called(documents_network, tmp_path):
    path = export_onnx(documents_network, tmp_path / "model.onnx", class_names=[f"digit {d}" for d in range(10)])
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert (model.producer_name, model.producer_version) == ("digitlab", VERSION)
    assert metadata["digitlab_version"] == VERSION
    assert json.loads(metadata["class_names"]) == [f"digit {d}" for d in range(10)]


def test_onnx_runtimes_of_the_last_years_read_it(documents_network, tmp_path):
    """ONNX Runtime 1.17 of January 2024 was the first with opset 20, and takes IR versions up to 9."""
    model = onnx.load(export_onnx(documents_network, tmp_path / "model.onnx"))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert model.ir_version == 9


def test_it_answers_as_keras_does(documents_network, tmp_path):
    assert_answers_as_keras_does(documents_network, tmp_path / "model.onnx")


def test_the_same_weights_give_the_same_bytes_whatever_keras_calls_its_layers(documents_network, tmp_path):
    first = export_onnx(documents_network, tmp_path / "first.onnx").read_bytes()
    copy = network(layers.Flatten(), layers.Dense(256, "relu"), layers.Dense(128, "relu"))
    copy.set_weights(documents_network.get_weights())
    copy.save(tmp_path / "copy.keras")
    again = export_onnx(tmp_path / "copy.keras", tmp_path / "again.onnx").read_bytes()
    assert export_onnx(copy, tmp_path / "copy.onnx").read_bytes() == first == again


@pytest.mark.parametrize("classes", [2, 100])
def test_two_classes_and_a_hundred_are_exported(tmp_path, classes):
    path = tmp_path / "model.onnx"
    assert_answers_as_keras_does(network(layers.Flatten(), classes=classes), path)
    assert load_classifier(path).class_names == tuple(str(label) for label in range(classes))


@pytest.mark.parametrize("classes", [1, 101])
def test_one_class_or_more_than_a_hundred_are_refused(tmp_path, classes):
    message = refusal(network(layers.Flatten(), classes=classes), tmp_path / "model.onnx")
    assert f"2 to 100 classes, got {classes}" in message


odd_names = st.lists(
    st.one_of(
        st.text(max_size=20).filter(lambda name: not UNPRINTABLE.search(name)),
        st.sampled_from(['"', "\\", "☃", "\U0001f600", "a, b", "کتاب\u200cها"]),
    ),
    min_size=3,
    max_size=3,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=odd_names)
def test_class_names_of_any_printable_characters_come_back_as_they_were(tmp_path, three_classes, names):
    path = export_onnx(three_classes, tmp_path / "model.onnx", class_names=names)
    assert load_classifier(path).class_names == tuple(names)


@pytest.mark.parametrize("name", ["\n", "\x00", "\ud800", "\x1b[31m", "\u202e", "x" * 201])
def test_a_class_name_that_a_terminal_would_obey_or_no_file_can_hold_is_refused(three_classes, tmp_path, name):
    with pytest.raises(ModelError, match="expected class names of printable characters"):
        export_onnx(three_classes, tmp_path / "model.onnx", class_names=["a", "b", name])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def three_classes():
    return network(layers.Flatten(), classes=3)


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", 3], "abc", [], 3, ["a", "b", None]])
def test_names_that_do_not_fit_the_network_are_refused(three_classes, tmp_path, names):
    with pytest.raises(ModelError, match="expected 3 class names"):
        export_onnx(three_classes, tmp_path / "model.onnx", class_names=names)
    assert list(tmp_path.iterdir()) == []


# What a user may put between scaling and the last layer. All have a batch normalisation to fold.
normalised = {
    "between a dense layer and its activation": lambda: [
        layers.Flatten(),
        layers.Dense(12, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ],
    "behind the activation, so before the next dense layer": lambda: [
        layers.Flatten(),
        layers.Dense(12, "relu"),
        layers.BatchNormalization(),
    ],
    "on the pixels": lambda: [layers.Flatten(), layers.BatchNormalization()],
    "on the columns of the image": lambda: [layers.BatchNormalization(), layers.Flatten()],
    "on the rows of the image": lambda: [layers.BatchNormalization(axis=1), layers.Flatten()],
    "on one channel": lambda: [layers.Reshape((28, 28, 1)), layers.BatchNormalization(), layers.Flatten()],
    "twice over": lambda: [
        layers.Flatten(),
        layers.Dense(12),
        layers.BatchNormalization(scale=False),
        layers.BatchNormalization(center=False, epsilon=0.1),
        layers.Activation("relu"),
    ],
    "around dropout": lambda: [
        layers.Flatten(),
        layers.Dense(12),
        layers.Dropout(0.5),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Activation("relu"),
        layers.Dropout(0.5),
    ],
}


@pytest.mark.parametrize("middle", normalised.values(), ids=normalised)
def test_batch_normalisation_disappears_in_the_weights_wherever_it_stands(tmp_path, middle):
    path = tmp_path / "model.onnx"
    assert_answers_as_keras_does(with_random_statistics(network(*middle())), path)
    assert set(operators(path)) <= {"Cast", "Flatten", "Gemm", "Relu", "Softmax"}


def test_batch_normalisation_with_no_dense_layer_beside_it_is_a_product_and_a_sum(tmp_path):
    path = tmp_path / "model.onnx"
    model = network(layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dense(9, "tanh"))
    assert_answers_as_keras_does(with_random_statistics(model), path)
    assert operators(path)[:5] == ["Cast", "Flatten", "Mul", "Add", "Relu"]


def test_batch_normalisation_of_the_scores_is_folded_before_softmax(tmp_path):
    model = network(layers.Flatten(), last="linear")
    model.add(layers.BatchNormalization())
    model.add(layers.Softmax())
    assert_answers_as_keras_does(with_random_statistics(model), tmp_path / "model.onnx")


blocks = st.lists(
    st.sampled_from(["dense", "dense relu", "dense gelu", "dense tanh", "norm", "relu", "dropout", "flatten"]),
    max_size=6,
)


def build_block(name):
    if name.startswith("dense"):
        return layers.Dense(6, activation=name.partition(" ")[2] or None)
    kinds = {"norm": layers.BatchNormalization, "relu": layers.ReLU, "flatten": layers.Flatten}
    return kinds[name]() if name in kinds else layers.Dropout(0.3)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=blocks, seed=st.integers(0, 2**31))
def test_any_order_of_layers_answers_as_keras_does(tmp_path, names, seed):
    keras.utils.set_random_seed(seed)
    model = with_random_statistics(network(layers.Flatten(), *map(build_block, names), classes=4), seed)
    assert_answers_as_keras_does(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "sigmoid", "linear", None])
def test_each_known_activation_answers_as_keras_does(tmp_path, activation):
    middle = [layers.Flatten(), layers.Dense(30, activation), layers.Dense(20), layers.Activation(activation)]
    assert_answers_as_keras_does(network(*middle), tmp_path / "model.onnx")


def test_scaling_with_an_offset_or_a_factor_for_each_column_is_exported(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Rescaling(np.linspace(0.5, 2, 28, dtype=np.float32).tolist()),
            layers.Flatten(),
            layers.Dense(5, "softmax"),
        ]
    )
    path = tmp_path / "model.onnx"
    assert_answers_as_keras_does(model, path)
    assert operators(path) == ["Cast", "Flatten", "Gemm", "Softmax"]


def test_a_functional_chain_and_networks_within_a_network_are_exported(tmp_path):
    pixels = keras.Input((28, 28))
    head = keras.Sequential([keras.Input((784,)), layers.Dense(8, "relu"), layers.Dense(5, "softmax")])
    model = keras.Model(pixels, head(layers.Flatten()(layers.Rescaling(1 / 255)(pixels))))
    assert_answers_as_keras_does(model, tmp_path / "model.onnx")


def committee(*members):
    pixels = keras.Input((28, 28))
    # Networks within a network need names of their own.
    named = [keras.Sequential(member.layers, name=f"member_{index}") for index, member in enumerate(members)]
    return keras.Model(pixels, layers.Average()([member(pixels) for member in named]))


def test_a_committee_answers_with_the_mean_of_its_members(tmp_path):
    members = [
        build_mlp(TrainConfig(hidden_units=(16,), seed=1), 10),
        build_mlp(TrainConfig(hidden_units=(8, 8), seed=2), 10),
        with_random_statistics(network(layers.Flatten(), layers.BatchNormalization())),
    ]
    path = tmp_path / "model.onnx"
    assert_answers_as_keras_does(committee(*members), path)
    assert operators(path)[-1] == "Mean"
    mean = np.mean([keras.ops.convert_to_numpy(member(IMAGES)) for member in members], axis=0)
    np.testing.assert_allclose(load_classifier(path).predict_proba(IMAGES), mean, rtol=0, atol=TOLERANCE)


def test_a_committee_from_a_file_is_exported(tmp_path):
    members = [build_mlp(TrainConfig(hidden_units=(8,), seed=seed), 10) for seed in (1, 2)]
    committee(*members).save(tmp_path / "committee.keras")
    export_onnx(tmp_path / "committee.keras", tmp_path / "committee.onnx")
    mean = np.mean([keras.ops.convert_to_numpy(member(IMAGES)) for member in members], axis=0)
    answer = load_classifier(tmp_path / "committee.onnx").predict_proba(IMAGES)
    np.testing.assert_allclose(answer, mean, rtol=0, atol=TOLERANCE)


@keras.saving.register_keras_serializable("digitlab tests")
def doubled(x):
    return 2 * x


class Dense(layers.Dense):
    """Of the same name, and another arithmetic."""

    def call(self, inputs, training=None):
        return super().call(inputs) * 1.5


unknown = {
    "LayerNormalization": lambda: network(layers.Flatten(), layers.LayerNormalization(name="culprit")),
    "LeakyReLU": lambda: network(layers.Flatten(), layers.LeakyReLU(name="culprit")),
    "one with a maximum": lambda: network(layers.Flatten(), layers.ReLU(max_value=6, name="culprit")),
    "activation doubled": lambda: network(layers.Flatten(), layers.Dense(4, doubled, name="culprit")),
    "activation silu": lambda: network(layers.Flatten(), layers.Activation("silu", name="culprit")),
    "Flatten": lambda: network(layers.Dense(4, name="culprit"), layers.Flatten()),
    "softmax over": lambda: network(layers.Softmax(name="culprit"), layers.Flatten()),
    "along the axis 0": lambda: network(layers.Flatten(), layers.Softmax(axis=0, name="culprit")),
    "channels first": lambda: network(
        layers.Reshape((28, 28, 1)), layers.Flatten(data_format="channels_first", name="culprit")
    ),
    "Conv2D": lambda: network(layers.Reshape((28, 28, 1)), layers.Conv2D(2, 3, name="culprit"), layers.Flatten()),
    "another kind": lambda: network(layers.Flatten(), Dense(4, name="culprit")),
}


@pytest.mark.parametrize("build", unknown.values(), ids=unknown)
def test_a_layer_that_cannot_be_exported_is_named(tmp_path, request, build):
    message = refusal(build(), tmp_path / "model.onnx")
    assert message.startswith("the layer culprit (")
    assert request.node.callspec.id in message


def test_a_network_with_a_way_round_some_layers_is_refused(tmp_path):
    pixels = keras.Input((28, 28))
    rows = layers.Flatten()(pixels)
    model = keras.Model(pixels, layers.Dense(3, "softmax")(layers.Add()([rows, layers.Dense(784)(rows)])))
    assert "(Add) cannot be exported" in refusal(model, tmp_path / "model.onnx")


def test_an_average_of_anything_but_whole_networks_is_refused(tmp_path):
    pixels = keras.Input((28, 28))
    rows = layers.Flatten()(pixels)
    answers = [layers.Dense(3, "softmax")(rows) for _ in range(2)]
    model = keras.Model(pixels, layers.Average(name="culprit")(answers))
    assert "culprit (Average) cannot be exported" in refusal(model, tmp_path / "model.onnx")


def test_a_committee_whose_members_do_not_count_alike_is_refused(tmp_path):
    pixels = keras.Input((28, 28))
    first, second = (network(layers.Flatten(), classes=3) for _ in range(2))
    model = keras.Model(pixels, layers.Average()([first(pixels), second(pixels), first(pixels)]))
    assert "got a difference" in refusal(model, tmp_path / "model.onnx")


def layer_used_twice():
    """Its layers in order are one chain, and it is another: only running it tells."""
    pixels = keras.Input((28, 28))
    shared = layers.Dense(8, "relu")
    first = layers.Dense(8)(layers.Flatten()(layers.Rescaling(1 / 255)(pixels)))
    return keras.Model(pixels, layers.Dense(3, "softmax")(shared(shared(first))))


def test_a_file_that_answers_otherwise_than_keras_does_never_appears(tmp_path):
    message = refusal(layer_used_twice(), tmp_path / "model.onnx")
    assert "probabilities within 1e-05 of Keras'" in message


def test_a_failed_verification_leaves_the_older_file_as_it_was(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"older")
    with pytest.raises(ModelError, match="got a difference"):
        export_onnx(layer_used_twice(), tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_bytes() == b"older"


@pytest.mark.parametrize("wrong", [2e-5, 0.1, np.nan])
def test_a_weight_that_is_off_is_found(tmp_path, monkeypatch, three_classes, wrong):
    """Added to the score of one class: a probability p moves by p (1 - p) as much, here by a fifth or more."""

    def off(members, names, **options):
        bias = members[0].steps[-2].bias
        bias[0] += 5 * wrong
        return onnx_bytes(members, names, **options)

    onnx_bytes = module.onnx_bytes
    monkeypatch.setattr(module, "onnx_bytes", off)
    assert len(refusal(three_classes, tmp_path / "model.onnx")) > 0


def test_a_network_whose_training_diverged_is_refused(tmp_path):
    model = network(layers.Flatten(), classes=3)
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    refusal(model, tmp_path / "model.onnx")


def test_a_network_without_softmax_is_refused(tmp_path):
    assert "sum to 1" in refusal(network(layers.Flatten(), last="sigmoid"), tmp_path / "model.onnx")


def test_weights_beyond_what_a_file_can_hold_are_refused(tmp_path, monkeypatch, three_classes):
    monkeypatch.setattr("digitlab.export.graph.MOST_WEIGHT_BYTES", 4 * (784 * 3 + 3) - 1)
    assert "at most 9,419 bytes of weights, got 9,420" in refusal(three_classes, tmp_path / "model.onnx")


def test_a_full_disk_is_two_lines_and_leaves_nothing(tmp_path, monkeypatch, three_classes):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left on device\nhint: "):
        export_onnx(three_classes, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model", "model.keras", "model.onnx.txt"])
def test_a_name_of_another_kind_of_file_is_refused(tmp_path, three_classes, name):
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        export_onnx(three_classes, tmp_path / name)


@pytest.mark.parametrize("thing", [None, 3, object(), SimpleNamespace(model=3), np.zeros(3)])
def test_what_is_no_network_is_refused_by_name(tmp_path, thing):
    assert type(thing).__name__ in refusal(thing, tmp_path / "model.onnx")


@pytest.fixture
def run_folder(tmp_path, three_classes):
    """A run as `digitlab train` leaves it, as far as an export looks at it."""
    folder = RunFolder(tmp_path / "run")
    folder.write_record(
        {
            "format": 1, "name": "run", "status": "finished", "config": {}, "stages": {}, "versions": {}, "machine": {},
            "dataset": {"class_names": ["ant", "bee", "cat"]},
        }
    )  # fmt: skip
    three_classes.save(folder / "model.keras")
    return folder.path


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_run_folder_is_exported_with_its_class_names(run_folder, tmp_path, kind):
    path = export_onnx(kind(run_folder), tmp_path / "model.onnx")
    assert load_classifier(path).class_names == ("ant", "bee", "cat")


def test_what_train_gave_is_exported_with_its_class_names(run_folder, tmp_path, three_classes):
    split = digitlab.Split(IMAGES, np.zeros(len(IMAGES), np.uint8), class_names=("x", "y", "z"))
    known = SimpleNamespace(model=three_classes, path=None, validation=split)
    saved = SimpleNamespace(model=three_classes, path=run_folder, validation=None)
    neither = SimpleNamespace(model=three_classes, path=None, validation=None)
    names = [load_classifier(export_onnx(run, tmp_path / "a.onnx")).class_names for run in (known, saved, neither)]
    assert names == [("x", "y", "z"), ("ant", "bee", "cat"), ("0", "1", "2")]


def test_a_run_whose_training_has_not_finished_is_told_how_to_go_on(run_folder, tmp_path):
    (run_folder / "model.keras").unlink()
    with pytest.raises(RunError, match=r"found no model\.keras") as caught:
        export_onnx(run_folder, tmp_path / "model.onnx")
    assert "--resume" in caught.value.hint


def test_a_network_that_is_nowhere_is_said_so(tmp_path):
    with pytest.raises(ModelError, match="found nothing"):
        export_onnx(tmp_path / "nowhere", tmp_path / "model.onnx")


def test_it_is_read_where_nothing_that_trains_is_installed(documents_network, tmp_path):
    path = export_onnx(documents_network, tmp_path / "model.onnx")
    np.save(tmp_path / "images.npy", IMAGES)
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'onnx', 'sklearn', 'scipy'): sys.modules[name] = None\n"
        "import numpy as np, digitlab\n"
        "classifier = digitlab.load_classifier(sys.argv[1])\n"
        "np.save(sys.argv[3], classifier.predict_proba(np.load(sys.argv[2])))\n"
    )
    files = (path, tmp_path / "images.npy", tmp_path / "answer.npy")
    process = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    expected = keras.ops.convert_to_numpy(documents_network(IMAGES))
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), expected, rtol=0, atol=TOLERANCE)


def test_the_images_it_is_verified_on_are_always_the_same_and_of_many_kinds():
    images = probe_images(1000)
    assert (images.dtype, images.shape) == (np.uint8, (1000, 28, 28))
    np.testing.assert_array_equal(images, probe_images(1000))
    assert len({image.tobytes() for image in images}) == 1000
    assert images.std(axis=0).min() > 0, "every pixel has more than one value"
    assert [int(image.astype(int).sum()) for image in images[:3]] == [0, 255 * 784, 255]
