"""One batch scored by Keras' own loss and metrics, on whichever backend."""

from __future__ import annotations

from typing import Any

from digitlab.model.backend import keras

Arrays = tuple[Any, ...]

# Images scored at once, where a whole set is.
EVALUATION_CHUNK = 1000


def prepare(model: Any, arrays: Arrays) -> None:
    """Make the variables of optimizer and metrics now, since none can be made inside a compiled loop.

    Args:
        model: Compiled and built.
        arrays: x [n, ...], y [n, ...] and, if there are any, sample weights [n].
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    score(model, tuple(keras.ops.convert_to_tensor(array[:2]) for array in arrays))
    model.reset_metrics()


def score(model: Any, arrays: Arrays) -> None:
    """Predict a batch, and count its loss and metrics in."""
    x, y, weights = unpack(arrays)
    y_pred = model(x, training=False)
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=False)
    record(model, loss, arrays, y_pred)


def record(model: Any, loss: Any, arrays: Arrays, y_pred: Any) -> None:
    """Count a batch, its predictions and its mean loss in."""
    x, y, weights = unpack(arrays)
    for metric in model.metrics:
        if metric.name == "loss":
            metric.update_state(loss, sample_weight=x.shape[0])  # Keras weighs a batch by its size
    model.compute_metrics(x, y, y_pred, sample_weight=weights)


def unpack(arrays: Arrays) -> tuple[Any, Any, Any]:
    """x, y and the sample weights, `None` for none."""
    x, y = arrays[:2]
    return x, y, arrays[2] if len(arrays) > 2 else None
