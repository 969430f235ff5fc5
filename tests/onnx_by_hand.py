"""A small ONNX file written by hand with the package `onnx`, and not by digitlab."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAMES = ["zero", "one", "two"]


def draw_weights():
    rng = np.random.default_rng(7)
    return rng.normal(0, 0.002, (784, 3)).astype(np.float32), rng.normal(0, 0.1, 3).astype(np.float32)


def build(
    *,
    inputs=(("images", TensorProto.UINT8, ["n", 28, 28]),),
    outputs=(("probabilities", TensorProto.FLOAT, ["n", 3]),),
    names=NAMES,
    metadata=None,
    last="Softmax",
    change=lambda model: None,
):
    taken, given = inputs[0][0], outputs[0][0]
    kernel, bias = draw_weights()
    nodes = [
        helper.make_node("Cast", [taken], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["rows"]),
        helper.make_node("Gemm", ["rows", "kernel", "bias"], ["scores"]),
        helper.make_node(last, ["scores"], [given]),
    ]
    nodes += [helper.make_node("Identity", ["scores"], [name]) for name, _, _ in outputs[1:]]
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    metadata = {"class_names": json.dumps(names)} if metadata is None else metadata
    helper.set_model_props(model, metadata)
    change(model)
    return onnx.ModelProto.SerializeToString(model, deterministic=True)
