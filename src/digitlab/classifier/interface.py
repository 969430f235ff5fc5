"""What an ONNX file must take, give and say of itself to be a `Classifier`."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from digitlab.data.class_names import fault_in_names
from digitlab.data.split import IMAGE_SIDE, MAX_CLASSES
from digitlab.errors import ModelError
from digitlab.text import shortened

INPUT = "images"
OUTPUT = "probabilities"
CLASS_NAMES = "class_names"
# Of the JSON text of the names, in characters: more than a hundred of the longest names take.
LONGEST_LIST = 200_000

_HINT = "`digitlab export RUN` writes such a file of a trained network"


def check_session(session: Any, name: str) -> tuple[str, ...]:
    """The class names of an open network.

    It must have one input ``images``, uint8 [n, 28, 28] for any n, one output ``probabilities``,
    float32 [n, k], and in its metadata under ``class_names`` a JSON list of k names.

    Raises:
        ModelError: It has something else.
    """
    try:
        takes, gives = _describe(session.get_inputs()), _describe(session.get_outputs())
    except UnicodeDecodeError as error:
        raise ModelError(f"{name}: expected names in UTF-8, got other bytes", hint=_HINT) from error
    if len(takes) != 1 or not _is_batch(takes[0], INPUT, "uint8", [IMAGE_SIDE, IMAGE_SIDE]):
        raise ModelError(
            f"{name}: expected one input {INPUT}, uint8 [n, {IMAGE_SIDE}, {IMAGE_SIDE}], got {_list(takes)}",
            hint=_HINT,
        )
    count = gives[0].shape[-1] if gives and gives[0].shape else None
    if len(gives) != 1 or not _is_batch(gives[0], OUTPUT, "float", [count]):
        raise ModelError(f"{name}: expected one output {OUTPUT}, float32 [n, k], got {_list(gives)}", hint=_HINT)
    return _class_names(session, count, name)


class _Value(NamedTuple):
    """An input or output: its name, its kind such as ``tensor(float)``, and its size in each direction."""

    name: str
    kind: str
    shape: list[int | str | None]


def _describe(values: Any) -> list[_Value]:
    return [_Value(value.name, value.type, value.shape) for value in values]


def _is_batch(value: _Value, name: str, kind: str, shape: list[Any]) -> bool:
    # The first size is a name or nothing where any number of images will do.
    any_number = len(value.shape) > 0 and type(value.shape[0]) is not int
    return any_number and (value.name, value.kind, value.shape[1:]) == (name, f"tensor({kind})", shape)


def _list(values: list[_Value]) -> str:
    shown = [f"{value.name[:40]}, {value.kind} {value.shape}" for value in values[:3]]
    return " and ".join(shown) + (" and more" if len(values) > 3 else "") if shown else "none"


def _class_names(session: Any, count: object, name: str) -> tuple[str, ...]:
    try:
        text = session.get_modelmeta().custom_metadata_map.get(CLASS_NAMES)
        names = None if text is None else json.loads(text) if len(text) <= LONGEST_LIST else "one without end"
    except (ValueError, RecursionError):  # not UTF-8, or not JSON
        names = "something that is not JSON"
    if not isinstance(names, list) or not all(isinstance(entry, str) for entry in names):
        came = "none" if names is None else shortened(names)
        raise ModelError(
            f"{name}: expected a JSON list of class names in its metadata, under {CLASS_NAMES}, got {came}",
            hint=_HINT,
        )
    if not 2 <= len(names) <= MAX_CLASSES or (type(count) is int and count != len(names)):
        raise ModelError(
            f"{name}: expected 2 to {MAX_CLASSES} classes with a name each, got {count} classes and {len(names)} names",
            hint=_HINT,
        )
    if fault := fault_in_names(names):
        raise ModelError(f"{name}: expected class names of printable characters, got {fault}", hint=_HINT)
    return tuple(names)
