"""`Programs`: one compiled program for each shape of network, used again by every network of that shape.

Compiling takes as long as several epochs, and what a program computes depends on the shape of the
network alone: weights, optimizer state and learning rate are its variables.
"""

from __future__ import annotations

import json
from typing import Any

from digitlab.config import UNDISTORTED, Distortion
from digitlab.model.backend import keras
from digitlab.training.compiled_epochs import CompiledEpochs

# Where networks of one shape may differ without another program: how variables begin, and names.
_VARIABLE = {"name", "seed", "learning_rate", "build_config", "registered_name"}


class Programs:
    """Compiled epochs by the shape of the network they train."""

    def __init__(self) -> None:
        self._by_shape: dict[str, CompiledEpochs] = {}

    def __len__(self) -> int:
        return len(self._by_shape)

    def take_up(self, model: Any, batch_size: int, distortion: Distortion = UNDISTORTED) -> CompiledEpochs:
        """The epochs of a network of `model`'s shape, its variables set to those of `model`.

        Args:
            model: Compiled and built. It is only read if a network of its shape was here before.
            batch_size: Images per update.
            distortion: How images are changed.

        Returns:
            Epochs whose ``model`` equals the given one in everything that training reads.
        """
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        shape = describe_shape(model, batch_size, distortion)
        if shape is None:
            return CompiledEpochs(model, batch_size=batch_size, distortion=distortion)
        known = self._by_shape.get(shape)
        if known is None:
            self._by_shape[shape] = known = CompiledEpochs(model, batch_size=batch_size, distortion=distortion)
        elif known.model is not model:
            _copy_variables(model, known.model)
        return known


def describe_shape(model: Any, batch_size: int, distortion: Distortion = UNDISTORTED) -> str | None:
    """What decides a network's compiled program, as text: layers, loss, metrics, optimizer, batch size, distortion.

    `None` where it holds something that is not Keras' own: what a user's function or class computes need
    not show in its configuration.
    """
    try:
        parts = [model.get_config(), model.get_compile_config(), batch_size, repr(distortion), keras.config.floatx()]
    except NotImplementedError:  # Keras' answer to a layer that it cannot write down
        return None
    if not (type(model).__module__.startswith("keras.") and _is_keras_own(parts)):
        return None
    return json.dumps(_fixed_part(parts), sort_keys=True, default=str)


def _is_keras_own(value: Any) -> bool:
    if isinstance(value, dict):
        own = "class_name" not in value or str(value.get("module")).partition(".")[0] == "keras"
        return own and all(map(_is_keras_own, value.values()))
    return not isinstance(value, (list, tuple)) or all(map(_is_keras_own, value))


def _fixed_part(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fixed_part(v) for key, v in value.items() if not _is_variable(key, v)}
    return [_fixed_part(v) for v in value] if isinstance(value, (list, tuple)) else value


def _is_variable(key: str, value: Any) -> bool:
    if key == "learning_rate":  # a schedule, unlike a number, is part of the program
        return isinstance(value, (int, float))
    return key in _VARIABLE or key.endswith("_initializer")


def _copy_variables(source: Any, target: Any) -> None:
    pairs = [(source.variables, target.variables), (source.optimizer.variables, target.optimizer.variables)]
    for theirs, ours in pairs:
        for value, variable in zip(theirs, ours, strict=True):
            variable.assign(value)
    target.stop_training = False
