"""`MLPHyperModel`: a `SearchSpace` as KerasTuner's `HyperModel`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from digitlab.config import TrainConfig
from digitlab.model.blueprint import Blueprint
from digitlab.tuning.kerastuner import keras_tuner
from digitlab.tuning.space import SearchSpace


class MLPHyperModel(keras_tuner.HyperModel):  # type: ignore[misc]
    """Translates hyperparameters into the configuration that `train` takes, and calls the same `build_mlp`.

    Args:
        space: What is searched.
        base: Everything that is not.
        num_classes: Units of the softmax layer.
    """

    def __init__(self, space: SearchSpace, base: TrainConfig, num_classes: int) -> None:
        super().__init__(name="digits")
        self.space, self.base, self.num_classes = space, base, num_classes

    @property
    def settings(self) -> dict[str, Any]:
        """What is fixed, for the search's record."""
        return {**self.base.to_dict(), "preset": None, "num_classes": self.num_classes}

    def declare_hyperparameters(self, hp: Any) -> None:
        """Say the space, so that no network need be built to know it."""
        self.space.declare(hp)

    def build(self, hp: Any) -> Any:
        """The compiled network of a choice."""
        self.space.declare(hp)
        return self.builder(hp)()

    def builder(self, hp: Any) -> Callable[[], Any]:
        """What builds the network in another process, without KerasTuner."""
        return Blueprint(self.config_for(hp), self.num_classes)

    def shape_of(self, values: dict[str, Any]) -> str:
        """What decides the compiled program of a choice's training."""
        return self.space.config_for(values, self.base).shape

    def config_for(self, hp: Any) -> TrainConfig:
        """The configuration of a choice."""
        return self.space.config_for(hp.values, self.base)
