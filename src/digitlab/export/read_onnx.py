"""`read_onnx`: the chains of arithmetic in an ONNX file that digitlab wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from digitlab.classifier import Classifier
from digitlab.errors import ModelError
from digitlab.export.chain import Chain, Float64
from digitlab.export.graph import onnx_bytes
from digitlab.export.rounding import rounding_error
from digitlab.export.verify import TOLERANCE, probe_images

try:
    import onnx
except ModuleNotFoundError as error:
    raise ModelError(
        f"reading the networks in ONNX files needs the package {error.name}, which is not installed",
        hint='pip install "digitlab[train]"',
    ) from error

# Operators that are no step: of the input, of weights kept as float16, and of a committee's answers.
_NO_STEPS = ("Cast", "Flatten", "Mean")
# Images that the chains and the file are compared on.
PROBES = 30
_ACTIVATIONS = ("Relu", "Gelu", "Tanh", "Sigmoid", "Softmax")


def read_onnx(content: bytes, name: str) -> tuple[list[Chain], list[str]]:
    """The chains whose probabilities a file's network averages, and the names of its classes.

    Args:
        content: The file's bytes, as `onnx_bytes` gives them.
        name: What to call it in messages.

    Raises:
        ModelError: It is no ONNX file, or none of digitlab's: it keeps weights in other files, say, which the package
            `onnx` would read for it from the current folder.
    """
    # Refuses all that a classifier does not take: the package would follow the names of other files, and unpack more.
    classifier = Classifier(content, name=name)
    try:
        model = onnx.load_model_from_string(content)
        members = _read_members(model.graph, name)
    except ModelError:
        raise
    except Exception as error:
        raise _refuse(name, f"another one: {type(error).__name__}") from error
    _compare(members, classifier, name)
    return members, list(classifier.class_names)


def _compare(members: Sequence[Chain], classifier: Classifier, name: str) -> None:
    """Raise `ModelError` unless the chains give what the file gives: other tools may have wired nodes otherwise."""
    images = probe_images(PROBES)
    try:
        again = Classifier(onnx_bytes(members, classifier.class_names), name=name)
    except Exception as error:
        raise _refuse(name, f"one whose layers are no chain: {type(error).__name__}") from error
    difference = np.abs(again.predict_proba(images) - classifier.predict_proba(images)).max()
    if not difference <= max(TOLERANCE, rounding_error(members, images)):
        raise _refuse(name, "one whose nodes are connected in another way")


def _read_members(graph: Any, name: str) -> list[Chain]:
    constants = {
        tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor), dtype=np.float64) for tensor in graph.initializer
    }
    members: dict[str, Chain] = {}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        if node.op_type not in _NO_STEPS:
            _read_step(node, constants, members.setdefault(_member(node), Chain()), name)
    return list(members.values())


def _member(node: Any) -> str:
    """The part of a node's name that says whose it is: ``member_2`` of a committee, and nothing of a single chain."""
    first, _, rest = str(node.name).partition("/")
    return first if rest and first.startswith("member_") else ""


def _read_step(node: Any, constants: dict[str, Float64], chain: Chain, name: str) -> None:
    given = [constants[value] for value in node.input if value in constants]
    if node.op_type == "Gemm" and len(given) == 2 and not node.attribute:
        chain.dense(*given)
    elif node.op_type == "Mul" and len(given) == 1:
        chain.scale(given[0], np.zeros_like(given[0]))
    elif node.op_type == "Add" and len(given) == 1:
        chain.scale(np.ones_like(given[0]), given[0])
    elif node.op_type in _ACTIVATIONS:
        chain.activate(node.op_type)
    else:
        raise _refuse(name, f"one with the operator {node.op_type}")


def _refuse(name: str, came: str) -> ModelError:
    return ModelError(
        f"{name}: expected an ONNX file that `digitlab export` wrote, got {came}",
        hint="export the run, or name the run folder itself",
    )
