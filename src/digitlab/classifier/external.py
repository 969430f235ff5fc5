"""Whether an ONNX file keeps weights in other files, told without reading any of them.

An ONNX file is a protobuf message, and a tensor in it may name another file, and a place in that,
where its values lie. Following such a name is how a file from somebody else would read files of this
machine. So the message is walked here before ONNX Runtime sees it. The messages are described in
onnx.proto of the package `onnx`.
"""

from __future__ import annotations

from digitlab.classifier.protobuf import LENGTH, damaged, read_fields

# Of each message that may lead to a tensor: the fields that do, by number, and what they hold.
NESTED: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto", 6: "GraphProto", 10: "TensorProto", 11: "GraphProto",
        22: "SparseTensorProto", 23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}  # fmt: skip
EXTERNAL_DATA = 13  # of a TensorProto: the other file's name, offset and length
DATA_LOCATION = 14  # of a TensorProto: 0, the default, for "in this file"

# A committee of a thousand networks of ten layers has two thirds of that; each takes a microsecond to look at.
MOST_FIELDS = 500_000


def holds_external_data(content: bytes) -> bool:
    """Whether any tensor of an ONNX file, at any depth, says that its values lie elsewhere.

    Raises:
        ValueError: The bytes are no protobuf message of ONNX's shape, or one of more than `MOST_FIELDS` fields.
    """
    pending = [("ModelProto", 0, len(content))]
    seen = 0
    while pending:
        message, at, end = pending.pop()
        nested = NESTED[message]
        for number, kind, value, stop in read_fields(content, at, end):
            seen += 1
            if seen > MOST_FIELDS:
                msg = f"one of more than {MOST_FIELDS:,} fields"
                raise ValueError(msg)
            if message == "TensorProto" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value)):
                return True
            if number in nested:
                if kind != LENGTH:
                    raise damaged(stop)
                pending.append((nested[number], stop - value, stop))
    return False
