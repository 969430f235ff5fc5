"""`Blueprint`: a network to be built elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from digitlab.config import TrainConfig


@dataclass(frozen=True)
class Blueprint:
    """Called, it builds the network of a configuration; until then it needs no Keras, and it is picklable.

    Args:
        config: See `digitlab.model.build.build_mlp`.
        num_classes: Units of the softmax layer.
    """

    config: TrainConfig
    num_classes: int

    def __call__(self) -> Any:
        """The compiled network."""
        from digitlab.model.build import build_mlp

        return build_mlp(self.config, self.num_classes)
