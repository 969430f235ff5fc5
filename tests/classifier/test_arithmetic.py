"""Which ONNX files are run: those whose own size bounds what running them costs."""

import itertools
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from digitlab.classifier import Classifier
from digitlab.classifier.arithmetic import check_arithmetic
from digitlab.errors import ModelError
from digitlab.text import UNPRINTABLE

node = helper.make_node
PIXELS = [node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT), node("Flatten", ["pixels"], ["rows"])]
LAST = [node("Gemm", ["rows", "w", "b"], ["scores"]), node("Softmax", ["scores"], ["probabilities"])]


def tensor(name, values, kind=np.float32):
    return numpy_helper.from_array(np.asarray(values, kind), name)


WEIGHTS = (tensor("w", np.zeros((784, 2))), tensor("b", [0, 0]))


def network(nodes, tensors=WEIGHTS, *, names=("a", "b"), change=lambda model: None):
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 28, 28])
    given = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "by hand", [images], [given], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    helper.set_model_props(model, {"class_names": json.dumps(list(names))})
    change(model)
    return model.SerializeToString(deterministic=True)


def refusal(content):
    with pytest.raises(ModelError) as caught:
        Classifier(content)
    assert len(str(caught.value).splitlines()) == 2
    return caught.value.message


SIMPLE = {
    "as digitlab writes it": (PIXELS + LAST, WEIGHTS),
    "reshaped": (
        [PIXELS[0], node("Reshape", ["pixels", "shape"], ["rows"]), *LAST],
        [*WEIGHTS, tensor("shape", [-1, 784], np.int64)],
    ),
    "product and sum": (
        [*PIXELS, node("MatMul", ["rows", "w"], ["product"]), node("Add", ["product", "b"], ["scores"]), LAST[1]],
        WEIGHTS,
    ),
    "pixels divided, weights transposed": (
        [
            PIXELS[0],
            node("Div", ["pixels", "255"], ["grey"]),
            node("Flatten", ["grey"], ["rows"]),
            node("Gemm", ["rows", "w", "b"], ["scores"], transB=1),
            LAST[1],
        ],
        [tensor("w", np.zeros((2, 784))), WEIGHTS[1], tensor("255", 255)],
    ),
    "a committee of half weights": (
        [
            *PIXELS,
            node("Cast", ["h"], ["w"], to=TensorProto.FLOAT),
            *(node("Gemm", ["rows", "w", "b"], [f"s{i}"]) for i in "12"),
            *(node("Softmax", [f"s{i}"], [f"p{i}"]) for i in "12"),
            node("Mean", ["p1", "p2"], ["probabilities"]),
        ],
        [tensor("h", np.zeros((784, 2)), np.float16), WEIGHTS[1]],
    ),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_layers_over_a_batch_of_images_are_run(name):
    answer = Classifier(network(*SIMPLE[name])).predict_proba(np.zeros((3, 28, 28), np.uint8))
    np.testing.assert_allclose(answer, 0.5)


def constant_of_shape():
    shape = tensor("shape", [2**30], np.int64)
    nodes = [node("ConstantOfShape", ["shape"], ["zeros"]), node("ReduceMax", ["zeros"], ["zero"])]
    return network([*nodes, *PIXELS, *LAST], [*WEIGHTS, shape])


def tile():
    nodes = [node("Tile", ["b", "times"], ["zeros"]), *PIXELS, *LAST]
    return network(nodes, [*WEIGHTS, tensor("times", [2**30], np.int64)])


def broadcast():
    """Two constants of 40 kB whose sum has 400 MB."""
    nodes = [node("Add", ["column", "row"], ["table"]), *PIXELS, *LAST]
    constants = [tensor("column", np.zeros((10_000, 1))), tensor("row", np.zeros((1, 10_000)))]
    return network(nodes, [*WEIGHTS, *constants])


def wide_batch():
    """A constant that would repeat each image ten thousand times."""
    nodes = [*PIXELS, node("Add", ["rows", "copies"], ["many"]), *LAST]
    return network(nodes, [*WEIGHTS, tensor("copies", np.zeros((10_000, 1, 1)))])


def one_weight_many_times():
    nodes = [*PIXELS, *(node("Gemm", ["rows", "square"], [f"y{i}"]) for i in range(1500)), *LAST]
    return network(nodes, [*WEIGHTS, tensor("square", np.zeros((784, 784)))])


def many_nodes():
    names = ["rows", *(f"x{i}" for i in range(3000))]
    steps = [node("Identity", [a], [b]) for a, b in itertools.pairwise(names)]
    return network([*PIXELS, *steps, *LAST])


def shape_of_its_own():
    """A tensor that says that it has a thousand million numbers, and has six."""

    def promise(model):
        del model.graph.initializer[1].dims[:]
        model.graph.initializer[1].dims.extend([2**30])

    return network(PIXELS + LAST, change=promise)


def loop():
    body = helper.make_graph([node("Identity", ["c"], ["d"])], "body", [], [])
    return network([node("Loop", ["", ""], ["never"], body=body), *PIXELS, *LAST])


def function():
    def add(model):
        made = helper.make_function("own", "f", ["x"], ["y"], [node("Relu", ["x"], ["y"])], [])
        model.functions.append(made)

    return network(PIXELS + LAST, change=add)


def two_graphs():
    content = network(PIXELS + LAST)
    again = onnx.ModelProto()
    again.graph.node.append(node("Relu", ["rows"], ["more"]))
    return content + again.SerializeToString()


def other_domain():
    return network([*PIXELS, node("Relu", ["rows"], ["same"], domain="com.microsoft"), *LAST])


def cast_to_text():
    return network([*PIXELS, node("Cast", ["rows"], ["words"], to=TensorProto.STRING), *LAST])


def across_the_batch():
    return network([*PIXELS, LAST[0], node("Softmax", ["scores"], ["probabilities"], axis=0)])


@pytest.mark.parametrize(
    ("make", "came"),
    [
        (constant_of_shape, "the operator 'ConstantOfShape'"),
        (tile, "the operator 'Tile'"),
        (broadcast, "the operator 'Add'"),
        (wide_batch, "the operator 'Add'"),
        (one_weight_many_times, "numbers per image"),
        (many_nodes, "one of 3,004 nodes"),
        (shape_of_its_own, "another size"),
        (loop, "no number"),
        (function, "functions of its own"),
        (two_graphs, "2 graphs"),
        (other_domain, "com.microsoft"),
        (cast_to_text, "a cast"),
        (across_the_batch, "the operator 'Softmax'"),
    ],
)
def test_what_its_size_does_not_bound_is_refused_before_it_is_opened(make, came, monkeypatch):
    monkeypatch.setattr("digitlab.classifier.classifier.open_session", None)  # it must not come to that
    assert came in refusal(make())


def test_a_network_of_wide_layers_is_asked_about_fewer_images_at_once():
    content = network(
        [
            *PIXELS,
            node("Gemm", ["rows", "w", "b"], ["two"]),
            node("Gemm", ["two", "out"], ["wide"]),
            node("Gemm", ["wide", "in", "b"], ["scores"]),
            LAST[1],
        ],
        [*WEIGHTS, tensor("out", np.zeros((2, 300_000))), tensor("in", np.zeros((300_000, 2)))],
    )
    numbers = check_arithmetic(content)
    assert numbers == 784 + 784 + 2 + 300_000 + 2 + 2
    assert Classifier(content)._chunk == 2**26 // numbers
    assert Classifier(network(PIXELS + LAST))._chunk == 1000


@pytest.mark.parametrize("name", ["\x1b[31mX", "a\nb", "\ud800", "\u202egpj", "x" * 201, "\x9b"])
def test_names_that_a_terminal_would_obey_or_no_file_can_hold_are_refused(name):
    message = refusal(network(PIXELS + LAST, names=[name, "b"]))
    assert "expected class names of printable characters" in message
    assert not UNPRINTABLE.search(message)


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_refused_when_the_network_is_opened(weight):
    kernel = np.zeros((784, 2))
    kernel[400, 0] = weight
    assert "expected probabilities that sum to 1" in refusal(network(PIXELS + LAST, [tensor("w", kernel), WEIGHTS[1]]))


def test_an_answer_that_is_no_number_is_refused_when_it_is_given():
    """Two weights that cancel each other in a black and in a white image, which every network is tried on."""
    kernel, factors = np.zeros((784, 2)), np.diag([1e10, 1])
    kernel[0, 0], kernel[1, 0] = 1e36, -1e36
    nodes = [*PIXELS, node("Gemm", ["rows", "w", "b"], ["x"]), node("Gemm", ["x", "f"], ["scores"]), LAST[1]]
    classifier = Classifier(network(nodes, [tensor("w", kernel), WEIGHTS[1], tensor("f", factors)]))
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, 0] = 200
    with pytest.raises(ModelError, match="sum to 1 in every row, got numbers from nan"):
        classifier.predict(image)
