"""From chains of arithmetic to the bytes of an ONNX file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.classifier.interface import CLASS_NAMES, INPUT, OUTPUT
from digitlab.data.split import IMAGE_SIDE
from digitlab.errors import ModelError
from digitlab.export.chain import Activation, Chain, Dense, Scale, Step
from digitlab.runs.version import VERSION

try:
    import onnx
except ModuleNotFoundError as error:
    raise ModelError(
        f"writing ONNX files needs the package {error.name}, which is not installed",
        hint='pip install "digitlab[train]"',
    ) from error

SUFFIX = ".onnx"
# Of 2023, for the operator Gelu: ONNX Runtime reads both since version 1.17.
OPSET = 20
IR_VERSION = 9
# What protobuf can hold, less room for names.
MOST_WEIGHT_BYTES = 2**31 - 2**20


def onnx_bytes(members: Sequence[Chain], class_names: Sequence[str], *, half: bool = False) -> bytes:
    """An ONNX file: uint8 `images` [n, 28, 28] to float32 `probabilities` [n, k]. The same in, the same out.

    Args:
        members: The chains whose answers are averaged, one or more.
        class_names: The k names, written into the metadata as a JSON list.
        half: Keep weights as float16, half the size. They are made float32 when the file is opened, and all
            arithmetic is float32.

    Raises:
        ModelError: The weights do not fit into one file.
    """
    _refuse_too_many_weights(members)
    graph = _Graph(half=half)
    pixels = graph.add("Cast", [INPUT], "pixels", to=onnx.TensorProto.FLOAT)
    rows = graph.add("Flatten", [pixels], "rows", axis=1)
    if len(members) == 1:
        _add_chain(graph, members[0], rows, "", OUTPUT)
    else:
        parts = [f"member_{number}/" for number in range(1, len(members) + 1)]
        answers = [
            _add_chain(graph, chain, rows, part, f"{part}{OUTPUT}") for part, chain in zip(parts, members, strict=True)
        ]
        graph.add("Mean", answers, OUTPUT)
    model = onnx.helper.make_model(
        graph.close(len(class_names)),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="digitlab",
        producer_version=VERSION,
    )
    metadata = {CLASS_NAMES: json.dumps(list(class_names)), "digitlab_version": VERSION}
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _add_chain(graph: _Graph, chain: Chain, rows: str, part: str, output: str) -> str:
    """Append a chain's nodes; `part` begins their names, the last one's value is called `output`."""
    counts: Counter[str] = Counter()
    value = rows
    for step in chain.steps:
        kind = step.operator.lower() if isinstance(step, Activation) else type(step).__name__.lower()
        counts[kind] += 1
        name = f"{part}{kind}_{counts[kind]}"
        value = _add_step(graph, step, value, name, output if step is chain.steps[-1] else name)
    return value


def _add_step(graph: _Graph, step: Step, value: str, name: str, output: str) -> str:
    if isinstance(step, Activation):
        attributes = {"axis": 1} if step.operator == "Softmax" else {}
        return graph.add(step.operator, [value], output, **attributes)
    if isinstance(step, Scale):
        factor = graph.constant(f"{name}/factor", step.factor)
        offset = graph.constant(f"{name}/offset", step.offset)
        return graph.add("Add", [graph.add("Mul", [value, factor], f"{name}/product"), offset], output)
    weights = graph.weights(f"{name}/weights", step.weights)
    bias = graph.constant(f"{name}/bias", step.bias)
    return graph.add("Gemm", [value, weights, bias], output)


class _Graph:
    """Nodes and constants in the order in which they are added, each node named as its output."""

    def __init__(self, *, half: bool) -> None:
        self._half = half
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(onnx.helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: npt.NDArray[np.float64]) -> str:
        self._constants.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def weights(self, name: str, values: npt.NDArray[np.float64]) -> str:
        if not self._half:
            return self.constant(name, values)
        stored = f"{name}/half"
        self._constants.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        return self.add("Cast", [stored], name, to=onnx.TensorProto.FLOAT)

    def close(self, num_classes: int) -> Any:
        kinds = onnx.TensorProto
        images = onnx.helper.make_tensor_value_info(INPUT, kinds.UINT8, ["n", IMAGE_SIDE, IMAGE_SIDE])
        probabilities = onnx.helper.make_tensor_value_info(OUTPUT, kinds.FLOAT, ["n", num_classes])
        return onnx.helper.make_graph(self._nodes, "digits", [images], [probabilities], self._constants)


def _refuse_too_many_weights(members: Sequence[Chain]) -> None:
    dense = [step for chain in members for step in chain.steps if isinstance(step, Dense)]
    size = sum(4 * (step.weights.size + step.bias.size) for step in dense)
    if size > MOST_WEIGHT_BYTES:
        raise ModelError(
            f"expected at most {MOST_WEIGHT_BYTES:,} bytes of weights, got {size:,}",
            hint="an ONNX file in one piece holds no more; export a network with narrower layers",
        )
