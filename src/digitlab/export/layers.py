"""From a Keras network to chains of arithmetic: which layers there are, and what each comes down to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from digitlab.errors import ModelError
from digitlab.export.chain import Chain, Float64
from digitlab.model.backend import keras

Shape = tuple[int, ...]

_ACTIVATIONS = {
    keras.activations.relu: "Relu",
    keras.activations.softmax: "Softmax",
    keras.activations.gelu: "Gelu",
    keras.activations.tanh: "Tanh",
    keras.activations.sigmoid: "Sigmoid",
}


def read_members(model: Any) -> list[Chain]:
    """The chains whose probabilities a network averages; one, unless it is a committee.

    Args:
        model: A `keras.Sequential`, a Functional that is a chain of layers too, or a committee: a
            Functional of networks over one input that ends in `keras.layers.Average`.

    Raises:
        ModelError: A layer is not among those that can be exported; it is named.
    """
    members = _committee(model) or [model]
    return [_read_chain(member) for member in members]


def _committee(model: Any) -> list[Any]:
    """The networks that a committee averages; none if it is something else."""
    *before, last = model.layers
    members = [layer for layer in before if _is_network(layer)]
    inputs = [layer for layer in before if isinstance(layer, keras.layers.InputLayer)]
    alone = len(members) + len(inputs) == len(before)
    return members if type(last) is keras.layers.Average and alone else []


def _read_chain(model: Any) -> Chain:
    chain = Chain()
    shape: Shape = tuple(model.input_shape[1:])
    for layer in _layers(model):
        read = _READERS.get(type(layer))
        if read is None:
            raise _refuse(layer, "one of another kind")
        shape = read(layer, chain, shape)
    return chain


def _layers(model: Any) -> Iterator[Any]:
    """Every layer in order, those of networks within the network too."""
    for layer in model.layers:
        if _is_network(layer):
            yield from _layers(layer)
        else:
            yield layer


def _is_network(layer: Any) -> bool:
    """Whether it is made of layers by Sequential or Functional; other networks have no `input_shape`."""
    return isinstance(layer, keras.Model) and hasattr(layer, "input_shape")


def _read_nothing(layer: Any, chain: Chain, shape: Shape) -> Shape:
    """What does nothing outside of training."""
    return shape


def _read_flatten(layer: Any, chain: Chain, shape: Shape) -> Shape:
    if layer.data_format == "channels_first" and len(shape) > 1:
        raise _refuse(layer, "one with channels first, which reorders the pixels")
    return (math.prod(shape),)


def _read_reshape(layer: Any, chain: Chain, shape: Shape) -> Shape:
    return tuple(layer.compute_output_shape((None, *shape))[1:])


def _read_rescaling(layer: Any, chain: Chain, shape: Shape) -> Shape:
    chain.scale(_spread(layer.scale, shape), _spread(layer.offset, shape))
    return shape


def _read_batch_normalization(layer: Any, chain: Chain, shape: Shape) -> Shape:
    axis = (layer.axis if layer.axis >= 0 else layer.axis + len(shape) + 1) - 1
    # Along its axis each entry has statistics of its own; they are the same along all others.
    along = tuple(size if index == axis else 1 for index, size in enumerate(shape))
    factor = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        factor = factor * _array(layer.gamma)
    offset = -_array(layer.moving_mean) * factor
    if layer.center:
        offset = offset + _array(layer.beta)
    chain.scale(_spread(factor.reshape(along), shape), _spread(offset.reshape(along), shape))
    return shape


def _read_dense(layer: Any, chain: Chain, shape: Shape) -> Shape:
    if len(shape) != 1:
        raise _refuse(layer, f"one over {list(shape)} values that no Flatten comes before")
    if getattr(layer, "quantization_mode", None):
        raise _refuse(layer, "a quantized one")
    bias = _array(layer.bias) if layer.use_bias else np.zeros(layer.units)
    chain.dense(_array(layer.kernel), bias)
    _activate(layer, layer.activation, chain, (layer.units,))
    return (layer.units,)


def _read_activation(layer: Any, chain: Chain, shape: Shape) -> Shape:
    _activate(layer, layer.activation, chain, shape)
    return shape


def _read_relu(layer: Any, chain: Chain, shape: Shape) -> Shape:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _refuse(layer, "one with a maximum, slope or threshold")
    chain.activate("Relu")
    return shape


def _read_softmax(layer: Any, chain: Chain, shape: Shape) -> Shape:
    if layer.axis not in (-1, 1, [-1], (-1,)):
        raise _refuse(layer, f"one along the axis {layer.axis}")
    _activate(layer, keras.activations.softmax, chain, shape)
    return shape


def _activate(layer: Any, function: Any, chain: Chain, shape: Shape) -> None:
    if function in (None, keras.activations.linear):
        return
    if function not in _ACTIVATIONS:
        raise _refuse(layer, f"one with the activation {getattr(function, '__name__', function)}")
    if _ACTIVATIONS[function] == "Softmax" and len(shape) != 1:
        raise _refuse(layer, f"softmax over {list(shape)} values that no Flatten comes before")
    chain.activate(_ACTIVATIONS[function])


def _spread(values: Any, shape: Shape) -> Float64:
    """One number for each value of an image, in the order in which Flatten gives them."""
    return np.broadcast_to(np.asarray(values, dtype=np.float64), shape).reshape(-1)


def _array(variable: Any) -> Float64:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)


def _refuse(layer: Any, came: str) -> ModelError:
    kinds = ", ".join(kind.__name__ for kind in _READERS)
    return ModelError(
        f"the layer {layer.name} ({type(layer).__name__}) cannot be exported: expected a known layer, got {came}",
        hint=f"exported are {kinds}, and Average at the end of a committee",
    )


_READERS: dict[Any, Callable[[Any, Chain, Shape], Shape]] = {
    keras.layers.InputLayer: _read_nothing,
    keras.layers.Rescaling: _read_rescaling,
    keras.layers.Flatten: _read_flatten,
    keras.layers.Reshape: _read_reshape,
    keras.layers.Dense: _read_dense,
    keras.layers.BatchNormalization: _read_batch_normalization,
    keras.layers.ReLU: _read_relu,
    keras.layers.Softmax: _read_softmax,
    keras.layers.Activation: _read_activation,
    keras.layers.Dropout: _read_nothing,
    keras.layers.GaussianDropout: _read_nothing,
    keras.layers.GaussianNoise: _read_nothing,
}
