"""`Checkpoint`: after every epoch, all that is needed to go on as if nothing had happened."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.runs import atomic_path
from digitlab.runs.checks import (
    CheckError,
    any_number,
    epoch,
    fields,
    flag,
    list_of,
    mapping_of,
    optional,
    reading,
    seconds,
    text,
    whole,
    within,
)
from digitlab.runs.history import MOST_RECORD_BYTES
from digitlab.runs.json_file import parse_json
from digitlab.runs.npz_file import read_arrays
from digitlab.training import callback_state

# Arrays that callbacks of the user's own remember.
_MOST_OTHER_BYTES = 64 * 2**20


def _named_state(value: object) -> tuple[str, Any]:
    """A callback's class and what it remembers."""
    pair = list_of(lambda part: part, least=2, most=2)(value)
    return text(1000)(pair[0]), optional(mapping_of(lambda part: part))(pair[1])


_row_times = fields({"epoch": epoch, "learning_rate": any_number, "duration_s": seconds})


def _row(value: object) -> dict[str, float]:
    """An epoch's row, whose other columns are the network's own metrics."""
    return mapping_of(any_number, most=100)(_row_times(value))


_check_record = fields(
    {
        "callbacks": list_of(_named_state, most=1000),
        "history": list_of(_row),
        "epochs_done": whole(0, 100_000),
        "finished": flag,
    }
)


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes weights, optimizer, callbacks' states and the history into one file, atomically.

    It must stand last in the list: what it writes is the state after every other callback has acted,
    and what it restores must come after the others' ``on_train_begin`` has reset them.

    Args:
        path: The file, ``.npz``. No pickled object is in it, so that a stranger's file runs nothing.
        callbacks: The others, in their order.
        history: The rows of history.csv, shared with whoever appends to them.
        only_after: Write after this epoch (from 1) alone; `None` writes after every one.
    """

    def __init__(
        self,
        path: Path,
        callbacks: Sequence[Any],
        history: list[dict[str, float]],
        *,
        only_after: int | None = None,
    ) -> None:
        super().__init__()
        self.path = path
        self.history = history
        self.only_after = only_after
        self.finished = False
        self.epochs_done = 0
        self._others = list(callbacks)
        self._remembered: list[tuple[Any, dict[str, Any]]] = []

    def restore(self, model: Any) -> None:
        """Put model, optimizer and history back to the last finished epoch, if there is a file.

        The callbacks' states follow in ``on_train_begin``.

        Raises:
            RunError: The file is damaged, or was written for another network.
            MachineError: It cannot be read.
        """
        if not os.path.lexists(self.path):
            return
        with reading(self.path, "the file is damaged; train again with --overwrite", "this run's checkpoint"):
            variables = _variables(model)
            arrays = read_arrays(self.path, lambda name: True, _most_bytes(variables))
            record = _check_record(parse_json(str(arrays.pop("record")[()]), any_number=True))
            _assign(variables, arrays)
            states = [(name, _decode(state, arrays)) for name, state in record["callbacks"]]
            self._remembered = _match(self._others, states, self.path)
            _check_best_weights(model, self._remembered)
            self.history[:] = record["history"]
            self.epochs_done = record["epochs_done"]
            self.finished = record["finished"]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Give the callbacks back what they remembered."""
        for callback, state in self._remembered:
            callback_state.set_state(callback, state)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the file."""
        if self.only_after not in (None, epoch + 1):
            return
        self.epochs_done = epoch + 1
        self.finished = bool(self.model.stop_training)
        arrays = {f"variable_{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(self.model))}
        record = {
            "callbacks": _encode([(_name(c), callback_state.get_state(c)) for c in self._others], arrays),
            "history": self.history,
            "epochs_done": self.epochs_done,
            "finished": self.finished,
        }
        with atomic_path(self.path) as temporary:
            np.savez(temporary, record=np.array(json.dumps(record)), **arrays)


def _name(callback: Any) -> str:
    return type(callback).__name__


def _match(
    callbacks: list[Any], states: list[tuple[str, dict[str, Any] | None]], path: Path
) -> list[tuple[Any, dict[str, Any]]]:
    """Each callback with its state: the first of a class gets the first state of that class, and so on."""
    waiting = list(callbacks)
    matched = []
    for name, state in states:
        if not state:
            continue
        callback = next((c for c in waiting if _name(c) == name), None)
        if callback is None:
            raise RunError(
                f"{path}: expected the callbacks that the run was begun with, got none called {name}",
                hint="pass the same callbacks again, or train again into a new folder",
            )
        waiting.remove(callback)
        matched.append((callback, within(name, partial(callback_state.check_state, callback), state)))
    return matched


def _check_best_weights(model: Any, remembered: Sequence[tuple[Any, dict[str, Any]]]) -> None:
    """Raise `CheckError` unless the weights that `EarlyStopping` is to put back are of the network's shapes."""
    wanted = [tuple(weight.shape) for weight in model.weights]
    for callback, state in remembered:
        weights = state.get("best_weights") if isinstance(callback, keras.callbacks.EarlyStopping) else None
        if weights is not None and [array.shape for array in weights] != wanted:
            raise CheckError("the weights of this network", "those of another", ("best_weights",))


def _most_bytes(variables: Sequence[Any]) -> int:
    """What a checkpoint may unpack to: the variables, the best weights beside them, and what is remembered."""
    own = sum(8 * math.prod(map(int, variable.shape)) for variable in variables)
    return 2 * own + MOST_RECORD_BYTES + _MOST_OTHER_BYTES


def _variables(model: Any) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _assign(variables: list[Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
    found = [arrays.pop(f"variable_{i}") for i in range(len(variables))]
    for variable, value in zip(variables, found, strict=True):
        if tuple(variable.shape) != value.shape:
            msg = f"{variable.path}: shape {list(value.shape)} instead of {list(variable.shape)}"
            raise ValueError(msg)
        if value.dtype.kind not in "fiub":
            msg = f"{variable.path}: {value.dtype} instead of numbers"
            raise ValueError(msg)
        variable.assign(value)


def _encode(states: Any, arrays: dict[str, npt.NDArray[Any]]) -> Any:
    """`states` as JSON takes it; arrays move into `arrays`, each leaving its name behind."""
    if isinstance(states, dict):
        return {key: _encode(value, arrays) for key, value in states.items()}
    if isinstance(states, (list, tuple)):
        return [_encode(value, arrays) for value in states]
    if isinstance(states, np.generic):
        return states.item()
    if isinstance(states, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = states
        return {"array": name}
    return states


def _decode(states: Any, arrays: dict[str, npt.NDArray[Any]]) -> Any:
    if isinstance(states, dict):
        if set(states) == {"array"}:
            return arrays[states["array"]]
        return {key: _decode(value, arrays) for key, value in states.items()}
    return [_decode(value, arrays) for value in states] if isinstance(states, list) else states
