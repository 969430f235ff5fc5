"""What a Keras callback remembers between epochs, taken out of it and put back.

Keras' own callbacks forget on a resume: `EarlyStopping` and `ReduceLROnPlateau` reset themselves in
``on_train_begin``, and none can be asked for its state. Here the state of the known ones is named, and a
callback of one's own can tell it by the two methods ``get_state() -> dict`` and ``set_state(dict)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from digitlab.model.backend import keras

State = dict[str, Any]

_REMEMBERED: dict[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.History: ("epoch", "history"),
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
