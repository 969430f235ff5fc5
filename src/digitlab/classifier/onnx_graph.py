"""`read_graph`: the nodes and weights of an ONNX file, without the package `onnx` and without the weights' values.

The messages are described in onnx.proto of the package `onnx`. What digitlab has no use for is refused and not passed
over: functions, sparse tensors, graphs within nodes.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from digitlab.classifier.protobuf import FIXED32, LENGTH, VARINT, packed_varints, read_fields

FLOAT, INT64, FLOAT16 = 1, 7, 10
_BYTES = {FLOAT: 4, INT64: 8, FLOAT16: 2}
# By message, the numbers of fields.
MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_SPARSE = 1, 5, 11, 15
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_FLOAT, ATTRIBUTE_INT = 1, 2, 3
# Of an attribute: the text s, floats, ints, strings, the comment and the type.
ATTRIBUTE_HARMLESS = (4, 7, 8, 9, 13, 20)
TENSOR_DIMS, TENSOR_TYPE, TENSOR_SEGMENT, TENSOR_NAME, TENSOR_RAW = 1, 2, 3, 8, 9
TENSOR_NUMBERS = (4, 5, 7)  # float_data, int32_data and int64_data
VALUE_NAME = 1
# A committee of a thousand networks of ten layers has fewer.
MOST_NODES = 50_000


class Node(NamedTuple):
    """An operator, the values that it takes and gives, and its attributes that are single numbers."""

    operator: str
    domain: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, int | float]


class Tensor(NamedTuple):
    """The shape of a constant; of a few whole numbers (the shape that a Reshape asks for) the numbers too."""

    shape: tuple[int, ...]
    whole_numbers: tuple[int, ...]


class Graph(NamedTuple):
    """A graph's inputs by name, its constants, and its nodes in their order."""

    inputs: list[str]
    tensors: dict[str, Tensor]
    nodes: list[Node]


def read_graph(content: bytes) -> Graph:
    """The graph of an ONNX file.

    Raises:
        ValueError: There is none or several, it has more than `MOST_NODES` nodes, or something that digitlab has no use
            for, or a tensor of another size than its shape says.
    """
    graphs = []
    for number, kind, value, end in read_fields(content, 0, len(content)):
        if number in (MODEL_TRAINING, MODEL_FUNCTIONS):
            raise ValueError("one with functions of its own")
        if number == MODEL_GRAPH:
            graphs.append((end - _length(kind, value), end))
    if len(graphs) != 1:  # readers merge several into one
        raise ValueError(f"one with {len(graphs)} graphs")
    graph = Graph([], {}, [])
    for number, kind, value, end in read_fields(content, *graphs[0]):
        if number == GRAPH_SPARSE:
            raise ValueError("one with sparse weights")
        if number in (GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT):
            start = end - _length(kind, value)
            _add(graph, number, content, start, end)
    return graph


def _add(graph: Graph, number: int, content: bytes, start: int, end: int) -> None:
    if number == GRAPH_INPUT:
        graph.inputs.append(_text_field(content, start, end, VALUE_NAME))
    elif number == GRAPH_NODE:
        if len(graph.nodes) == MOST_NODES:
            raise ValueError(f"one of more than {MOST_NODES:,} nodes")
        graph.nodes.append(_node(content, start, end))
    else:
        name, tensor = _tensor(content, start, end)
        if name in graph.tensors:
            raise ValueError(f"the weights {name!r} twice")
        graph.tensors[name] = tensor


def _node(content: bytes, start: int, end: int) -> Node:
    texts: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], NODE_OPERATOR: [], NODE_DOMAIN: []}
    attributes: dict[str, int | float] = {}
    for number, kind, value, stop in read_fields(content, start, end):
        if number in texts:
            texts[number].append(_text(content, stop - _length(kind, value), stop))
        elif number == NODE_ATTRIBUTE:
            name, single = _attribute(content, stop - _length(kind, value), stop)
            attributes[name] = single
    operator, domain = (texts[number][-1] if texts[number] else "" for number in (NODE_OPERATOR, NODE_DOMAIN))
    return Node(operator, domain, texts[NODE_INPUT], texts[NODE_OUTPUT], attributes)


def _attribute(content: bytes, start: int, end: int) -> tuple[str, int | float]:
    name, single = "", 0.0
    for number, kind, value, stop in read_fields(content, start, end):
        if number == ATTRIBUTE_NAME:
            name = _text(content, stop - _length(kind, value), stop)
        elif number == ATTRIBUTE_INT and kind == VARINT:
            single = value - 2**64 if value >= 2**63 else value
        elif number == ATTRIBUTE_FLOAT and kind == FIXED32:
            (single,) = struct.unpack("<f", content[stop - 4 : stop])
        elif number not in ATTRIBUTE_HARMLESS:
            raise ValueError(f"an attribute {name!r} that is no number")
    return name, single


def _tensor(content: bytes, start: int, end: int) -> tuple[str, Tensor]:
    """A tensor's name and shape; its values take as many bytes as its shape says, or no fewer than it has numbers."""
    shape: list[int] = []
    name, element, numbers = "", 0, 0
    raw: tuple[int, int] | None = None
    for number, kind, value, stop in read_fields(content, start, end):
        if number == TENSOR_DIMS:
            shape += [value] if kind == VARINT else packed_varints(content, stop - _length(kind, value), stop)
        elif number == TENSOR_TYPE:
            element = value
        elif number == TENSOR_NAME:
            name = _text(content, stop - _length(kind, value), stop)
        elif number == TENSOR_RAW:
            raw = (stop - _length(kind, value), stop)
        elif number in TENSOR_NUMBERS:
            numbers += value if kind == LENGTH else 1
        elif number == TENSOR_SEGMENT:
            raise ValueError(f"the weights {name!r} in parts")
    if element not in _BYTES:
        raise ValueError(f"the weights {name!r} of the type {element}, expected float32 or float16")
    size = math.prod(shape)
    fits = size <= numbers if raw is None else size * _BYTES[element] == raw[1] - raw[0]
    if not fits:
        raise ValueError(f"the weights {name!r} of another size than their shape {shape[:4]}")
    few = raw is not None and element == INT64 and len(shape) == 1 and size <= 2
    whole = struct.unpack(f"<{size}q", content[raw[0] : raw[1]]) if raw is not None and few else ()
    return name, Tensor(tuple(shape), whole)


def _text_field(content: bytes, start: int, end: int, wanted: int) -> str:
    texts = [
        _text(content, stop - _length(kind, value), stop)
        for number, kind, value, stop in read_fields(content, start, end)
        if number == wanted
    ]
    return texts[-1] if texts else ""


def _text(content: bytes, start: int, end: int) -> str:
    return content[start:end].decode(errors="replace")


def _length(kind: int, value: int) -> int:
    if kind != LENGTH:
        raise ValueError("a field of another kind than ONNX has")
    return value
