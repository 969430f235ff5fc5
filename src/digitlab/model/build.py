"""`build_mlp`: from a configuration to a compiled Keras network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from digitlab.config import TrainConfig
from digitlab.model.backend import keras

IMAGE_SHAPE = (28, 28)


def build_mlp(config: TrainConfig, num_classes: int) -> Any:
    """A plain `keras.Sequential`, compiled: 28x28 pixels in, `num_classes` probabilities out.

    Pixels come as they are stored, 0 to 255; scaling them to [0, 1] is the network's first layer, so
    that whoever loads the file cannot forget it. Initial weights depend on ``config.seed`` alone, not
    on Keras' global random state.

    Args:
        config: Widths, learning rate, dropout, normalisation, averaging, label smoothing, weight decay and
            seed are taken from it.
        num_classes: Units of the softmax layer, 2 to 100.

    Returns:
        The network with Adam, categorical cross-entropy (one-hot labels) and accuracy.
    """
    model = keras.Sequential(_layers(config, num_classes), name="digits")
    model.compile(
        optimizer=_adam(config),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
    )
    return model


def average_networks(members: Sequence[Any]) -> Any:
    """A plain Functional network that gives the mean of its members' probabilities.

    The members are copied without their optimizers, which nothing goes on with. The file is the same whether a member
    was trained a moment ago or read from its own file.

    Args:
        members: Networks from 28x28 pixels to the same number of probabilities. Copies of them become its layers,
            called ``member_1``, ``member_2``, ...

    Returns:
        The network, compiled to be scored, and with plain gradient descent, whose state fits into its file.
    """
    copies = [_without_optimizer(member, f"member_{number}") for number, member in enumerate(members, 1)]
    images = keras.Input(IMAGE_SHAPE)
    averaged = keras.layers.Average(name="probabilities")([copy(images) for copy in copies])
    model = keras.Model(images, averaged, name="committee")
    model.compile(optimizer=keras.optimizers.SGD(), loss="categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    return model


def _without_optimizer(member: Any, name: str) -> Any:
    # Not `clone_model`, which compiles the copy as the original. A network's layers may not share a name.
    copy = type(member).from_config({**member.get_config(), "name": name})
    copy.set_weights(member.get_weights())
    return copy


def _layers(config: TrainConfig, num_classes: int) -> list[Any]:
    widths = (*config.hidden_units, num_classes)
    seeds = np.random.SeedSequence(config.seed).generate_state(2 * len(widths))
    layers = [keras.Input(IMAGE_SHAPE), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    for index, units in enumerate(widths):
        last = index == len(config.hidden_units)
        normalized = config.batch_normalization and not last
        layers.append(
            keras.layers.Dense(
                units,
                activation="softmax" if last else None if normalized else "relu",
                use_bias=not normalized,
                kernel_initializer=keras.initializers.GlorotUniform(seed=int(seeds[index])),
                name="probabilities" if last else f"hidden_{index + 1}",
            )
        )
        if normalized:
            layers += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
        if config.dropout and not last:
            layers.append(keras.layers.Dropout(config.dropout, seed=int(seeds[len(widths) + index])))
    return layers


def _adam(config: TrainConfig) -> Any:
    averaged = {"use_ema": True, "ema_momentum": config.averaging} if config.averaging else {}
    if not config.weight_decay:
        return keras.optimizers.Adam(config.learning_rate, **averaged)
    optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay, **averaged)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
