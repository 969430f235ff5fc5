"""`SearchConfig`: how a search goes about, frozen and checked on construction."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from digitlab.config import TrainConfig
from digitlab.errors import ConfigError
from digitlab.text import shortened
from digitlab.training.job import refuse_what_jobs_leave_out

ENGINES, SCHEDULERS = ("local", "ray"), ("hyperband", "asha")


@dataclass(frozen=True)
class SearchConfig:
    """How networks are searched and the winner is chosen. The defaults are the document's.

    Args:
        max_epochs: Epochs of a network that reaches the end of its bracket.
        factor: Of how many networks one goes on.
        iterations: How often all brackets are gone through.
        finalists: How many of the best are trained again before a winner is named.
        finalist_seeds: Over how many seeds each.
        base: Everything about a network that is not searched, and the seed of the whole. Trials train at a
            constant rate, which a rung can go on with; finalists by the base's schedule.
        engine: ``local``, processes of this machine, or ``ray``, where its schedulers plan and cores of any number
            of machines train.
        scheduler: ``hyperband``, or on Ray ``asha``, which never waits for the slowest; what it comes to depends on
            who was quicker.

    Raises:
        ConfigError: A value of the wrong type or outside its range.
    """

    max_epochs: int = 10
    factor: int = 3
    iterations: int = 1
    finalists: int = 3
    finalist_seeds: int = 3
    base: TrainConfig = field(default_factory=TrainConfig)
    engine: str = "local"
    scheduler: str = "hyperband"

    def __post_init__(self) -> None:
        bounds = {
            "max_epochs": (1, 10_000),
            "factor": (2, 100),
            "iterations": (1, 1000),
            "finalists": (1, 100),
            "finalist_seeds": (1, 100),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ConfigError(
                    f"{name}: expected a whole number from {low} to {high}, got {shortened(value)}",
                    hint=f"change {name}",
                )
        if self.base.validation_fraction == 0:
            raise ConfigError(
                "validation_fraction: a search chooses on held-out images, and got 0",
                hint="leave it at 0.1",
            )

        if self.base.averaging:
            raise ConfigError(
                f"averaging: a search scores epochs as they end, and got averaging {self.base.averaging:g}",
                hint="set averaging = 0",
            )
        refuse_what_jobs_leave_out(self.base)
        self._check_engine()

    def _check_engine(self) -> None:
        for name, known in (("engine", ENGINES), ("scheduler", SCHEDULERS)):
            if getattr(self, name) not in known:
                came = shortened(getattr(self, name))
                raise ConfigError(
                    f"{name}: expected {' or '.join(known)}, got {came}", hint=f"leave it out for {known[0]}"
                )
        if self.engine == "local" and self.scheduler == "asha":
            raise ConfigError("scheduler: expected hyperband with the engine local, got asha", hint="add --engine ray")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**values, "base": self.base.to_dict()}
