"""Whether an ONNX file keeps weights in other files, told without reading any of them.

An ONNX file is a protobuf message, and a tensor in it may name another file, and a place in that,
where its values lie. Following such a name is how a file from somebody else would read files of this
machine. So the message is walked here before ONNX Runtime sees it. The encoding is described at
https://protobuf.dev/programming-guides/encoding/, the messages in onnx.proto of the package `onnx`.
"""

from __future__ import annotations

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

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10
LARGEST_TAG = 2**32 - 1  # readers drop the bits above, and so see another field than we would


def holds_external_data(content: bytes) -> bool:
    """Whether any tensor of an ONNX file, at any depth, says that its values lie elsewhere.

    Raises:
        ValueError: The bytes are no protobuf message of ONNX's shape.
    """
    pending = [("ModelProto", 0, len(content))]
    while pending:
        message, at, end = pending.pop()
        while at < end:
            tag, at = _varint(content, at, end)
            if tag > LARGEST_TAG:
                raise _damaged(at)
            field, kind = tag >> 3, tag & 7
            start = at
            value, at = _skip(content, at, end, field, kind)
            if message == "TensorProto" and (field == EXTERNAL_DATA or (field == DATA_LOCATION and value)):
                return True
            if field in NESTED[message] and kind == LENGTH:
                pending.append((NESTED[message][field], at - value, at))
            elif field in NESTED[message]:
                raise _damaged(start)
    return False


def _skip(content: bytes, at: int, end: int, field: int, kind: int) -> tuple[int, int]:
    """The value (of a field with a length: that length) and the place behind the field."""
    start = at
    value = 0
    if kind in (VARINT, LENGTH):
        value, at = _varint(content, at, end)
    if kind == LENGTH:
        at += value
    elif kind in (FIXED64, FIXED32):
        at += 8 if kind == FIXED64 else 4
    elif kind != VARINT:
        raise _damaged(start)
    if field == 0 or at > end:
        raise _damaged(start)
    return value, at


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index in range(LONGEST_VARINT):
        if at + index >= end:
            break
        byte = content[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise _damaged(at)


def _damaged(at: int) -> ValueError:
    return ValueError(f"something else, or damaged, at byte {at:,}")
