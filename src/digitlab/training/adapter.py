"""The whole-epoch steps of the backend that Keras has: one module for TensorFlow, one for JAX.

Both offer the same functions, `make_train_step` and the rest; whoever needs them takes them from here:
``from digitlab.training.adapter import adapter``.
"""

from __future__ import annotations

from types import ModuleType

from digitlab.model.backend import keras
from digitlab.runs import refuse_unknown_backend


def _of_backend(backend: str) -> ModuleType:
    refuse_unknown_backend(backend)
    if backend == "jax":
        from digitlab.training import jax_epoch

        return jax_epoch
    from digitlab.training import tensorflow_epoch

    return tensorflow_epoch


adapter = _of_backend(keras.backend.backend())
