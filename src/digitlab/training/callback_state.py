"""What a Keras callback remembers between epochs, taken out of it and put back.

Keras' own callbacks forget on a resume: `EarlyStopping` and `ReduceLROnPlateau` reset themselves in
``on_train_begin``, and none can be asked for its state. Here the state of the known ones is named, and a
callback of one's own can tell it by the two methods ``get_state() -> dict`` and ``set_state(dict)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from digitlab.model.backend import keras
from digitlab.runs.checks import Check, CheckError, any_number, fields, list_of, mapping_of, optional, shown, whole

State = dict[str, Any]


def _weights(value: object) -> Any:
    """What `get_weights` of a network gave: a list of arrays of numbers."""
    return list_of(_array)(value)


def _array(value: object) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        raise CheckError("an array of numbers", shown(value))
    return value


_count = whole(0, 10**9)
# What each of Keras' callbacks remembers, and what may be put back: a checkpoint may be damaged, or a stranger's.
_REMEMBERED: dict[type, dict[str, Check[Any]]] = {
    keras.callbacks.EarlyStopping: {
        "wait": _count,
        "stopped_epoch": _count,
        "best": optional(any_number),
        "best_epoch": _count,
        "best_weights": optional(_weights),
    },
    keras.callbacks.ReduceLROnPlateau: {"wait": _count, "best": optional(any_number), "cooldown_counter": _count},
    keras.callbacks.ModelCheckpoint: {"best": optional(any_number)},
    keras.callbacks.History: {"epoch": list_of(_count), "history": mapping_of(list_of(any_number))},
}
_STATELESS = (
    keras.callbacks.CSVLogger,
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.TensorBoard,
    keras.callbacks.TerminateOnNaN,
)


def get_state(callback: Any) -> State | None:
    """The callback's state, `None` for one that cannot tell. Arrays stay arrays."""
    if hasattr(callback, "get_state"):
        return dict(callback.get_state())
    names = _REMEMBERED.get(type(callback))
    if names is not None:
        return {name: getattr(callback, name) for name in names if hasattr(callback, name)}
    return {} if type(callback) in _STATELESS else None


def check_state(callback: Any, state: State) -> State:
    """Check what is to be put back into a callback.

    Keras' own callbacks have their checks here. Any other states them as ``state_checks``, by the keys of its state, or
    looks at the state itself.

    Raises:
        CheckError: Names what the callback does not remember like that.
    """
    own: dict[str, Check[Any]] | None = getattr(callback, "state_checks", None)
    return fields(own)(state) if own is not None else fields({}, _REMEMBERED.get(type(callback), {}))(state)


def set_state(callback: Any, state: State) -> None:
    """Put back what `get_state` gave, after ``on_train_begin`` has reset the callback."""
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    for name in _REMEMBERED.get(type(callback), ()):
        if name in state:
            setattr(callback, name, state[name])


def untold(callbacks: Sequence[Any]) -> list[str]:
    """Class names of the callbacks whose state cannot be kept, for a warning."""
    return [type(callback).__name__ for callback in callbacks if get_state(callback) is None]
