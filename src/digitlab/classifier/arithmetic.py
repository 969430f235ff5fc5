"""`check_arithmetic`: an ONNX file is run only if its own size bounds what running it costs.

ONNX has operators that make a tensor of any size of a few bytes (ConstantOfShape, Expand, Tile), loops, and
broadcasting that multiplies sizes; ONNX Runtime computes what is constant while it opens a file. So a file is accepted
only if it is what `digitlab export` writes or something as simple: layers over a batch of images. The shapes of all
values then follow from those of the images and of the weights, and are known before ONNX Runtime sees the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from digitlab.classifier.onnx_graph import FLOAT, Graph, Node, read_graph
from digitlab.data.split import IMAGE_SIDE

Shape = tuple[int, ...]

# Of one value, which each of these makes another of the same shape.
ACTIVATIONS = frozenset({
    "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Tanh", "Sigmoid", "Softplus", "Erf", "Exp", "Log", "Identity",
})  # fmt: skip
# What an operator costs per number that it gives, where a multiplication and addition of a layer cost 1.
ELEMENT_COST = 8
# Beyond four times what using every weight once costs: a few numbers per image are free.
FREE_COST = 2**20
# ONNX Runtime takes a seventh of a millisecond to open a node. A layer of a committee's smallest networks has more than
# a thousand weights, and three nodes.
FREE_NODES, WEIGHTS_PER_NODE = 2000, 250


class Value(NamedTuple):
    """What is known of a value before anything is computed.

    Args:
        shape: Of a constant its shape, of a batch that of one image's part of it.
        is_batch: Whether there is one for each image.
    """

    shape: Shape
    is_batch: bool


def check_arithmetic(content: bytes) -> int:
    """Check that an ONNX file holds no operator and no shape but those of simple layers.

    Returns:
        How many numbers it computes per image, which bounds the memory that a batch takes.

    Raises:
        ValueError: It holds something else, or computes more per image than four times the weights in it.
    """
    graph = read_graph(content)
    weights = sum(math.prod(tensor.shape) for tensor in graph.tensors.values())
    if len(graph.nodes) > (most := FREE_NODES + weights // WEIGHTS_PER_NODE):
        raise ValueError(f"one of {len(graph.nodes):,} nodes, expected at most {most:,} with such weights")
    values = {name: Value(tensor.shape, is_batch=False) for name, tensor in graph.tensors.items()}
    # That they are images is checked once the file is open; what else is fed to it would be refused then.
    values |= {name: Value((IMAGE_SIDE, IMAGE_SIDE), is_batch=True) for name in graph.inputs if name not in values}
    cost = numbers = 0
    for node in graph.nodes:
        given = _inputs(node, values)
        result = _operator(node)(node, given, graph)
        if node.outputs[0] in values:
            raise ValueError(f"the value {node.outputs[0]!r} twice")
        values[node.outputs[0]] = result
        size = math.prod(result.shape)
        numbers += size if result.is_batch else 0
        cost += _cost(node, given, size, is_batch=result.is_batch)
    if cost > (most := 4 * weights + FREE_COST):
        raise ValueError(f"one that computes {cost:,} numbers per image, expected at most {most:,} with such weights")
    return numbers


def _cost(node: Node, given: list[Value], size: int, *, is_batch: bool) -> int:
    if node.operator in ("Gemm", "MatMul"):
        return math.prod(given[1].shape)
    return ELEMENT_COST * size if is_batch else size  # what is constant is computed once


def _inputs(node: Node, values: dict[str, Value]) -> list[Value]:
    if len(node.outputs) != 1 or not node.inputs or node.domain not in ("", "ai.onnx"):
        raise ValueError(f"the operator {node.operator!r} of {node.domain!r} with {len(node.outputs)} outputs")
    if missing := [name for name in node.inputs if name not in values]:
        raise ValueError(f"the operator {node.operator!r} of the unknown value {missing[0]!r}")
    return [values[name] for name in node.inputs]


def _operator(node: Node) -> Callable[[Node, list[Value], Graph], Value]:
    if node.operator in ACTIVATIONS:
        return _same
    if node.operator not in _OPERATORS:
        known = ", ".join(sorted({*ACTIVATIONS, *_OPERATORS}))
        raise ValueError(f"the operator {node.operator!r}, expected one of {known}")
    return _OPERATORS[node.operator]


def _same(node: Node, given: list[Value], graph: Graph) -> Value:
    if len(given) != 1:
        raise _wrong(node, given)
    return given[0]


def _cast(node: Node, given: list[Value], graph: Graph) -> Value:
    if node.attributes.get("to") != FLOAT:
        raise ValueError("a cast to something else than float32")
    return _same(node, given, graph)


def _softmax(node: Node, given: list[Value], graph: Graph) -> Value:
    if node.attributes.get("axis", -1) not in (1, -1) or len(given[0].shape) != 1 or not given[0].is_batch:
        raise _wrong(node, given)
    return _same(node, given, graph)


def _flatten(node: Node, given: list[Value], graph: Graph) -> Value:
    if node.attributes.get("axis", 1) != 1 or len(given) != 1 or not given[0].is_batch:
        raise _wrong(node, given)
    return Value((math.prod(given[0].shape),), is_batch=True)


def _reshape(node: Node, given: list[Value], graph: Graph) -> Value:
    """The one reshaping that is flattening."""
    size = math.prod(given[0].shape)
    asked = graph.tensors[node.inputs[1]].whole_numbers if node.inputs[-1] in graph.tensors else ()
    if len(given) != 2 or not given[0].is_batch or asked not in ((-1, size), (0, size), (0, -1)) or node.attributes:
        raise _wrong(node, given)
    return Value((size,), is_batch=True)


def _dense(node: Node, given: list[Value], graph: Graph) -> Value:
    """Gemm and MatMul: rows of d numbers by weights [d, k], and a bias."""
    rows, weights, *bias = given if len(given) > 1 else [given[0], given[0]]
    shape = weights.shape[::-1] if node.attributes.get("transB") else weights.shape
    fits = rows.is_batch and not weights.is_batch and len(rows.shape) == 1 and len(shape) == 2
    if not fits or shape[0] != rows.shape[0] or node.attributes.get("transA") or len(bias) > 1:
        raise _wrong(node, given)
    if bias and (bias[0].is_batch or bias[0].shape not in ((), (1,), (shape[1],), (1, 1), (1, shape[1]))):
        raise _wrong(node, given)
    return Value((shape[1],), is_batch=True)


def _elementwise(node: Node, given: list[Value], graph: Graph) -> Value:
    """Two batches of one shape, or a batch and a constant that is repeated along it."""
    batches = [value for value in given if value.is_batch]
    if len(given) != 2 or not batches or any(batch != batches[0] for batch in batches):
        raise _wrong(node, given)
    shape = (1, *batches[0].shape)
    for constant in (value.shape for value in given if not value.is_batch):
        aligned = shape[len(shape) - len(constant) :] if len(constant) <= len(shape) else ()
        if len(aligned) != len(constant) or any(a not in (1, b) for a, b in zip(constant, aligned, strict=True)):
            raise _wrong(node, given)
    return batches[0]


def _mean(node: Node, given: list[Value], graph: Graph) -> Value:
    if any(value != given[0] or not value.is_batch for value in given):
        raise _wrong(node, given)
    return given[0]


_OPERATORS: dict[str, Callable[[Node, list[Value], Graph], Value]] = {
    "Cast": _cast,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Gemm": _dense,
    "MatMul": _dense,
    "Add": _elementwise,
    "Sub": _elementwise,
    "Mul": _elementwise,
    "Div": _elementwise,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Mean": _mean,
    "Sum": _mean,
}


def _wrong(node: Node, given: list[Value]) -> ValueError:
    shapes = " and ".join(f"{'n x ' if value.is_batch else ''}{list(value.shape)}" for value in given[:3])
    return ValueError(f"the operator {node.operator!r} of {shapes}, which is no layer over a batch of images")
