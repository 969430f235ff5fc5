"""`SearchSpace`: which networks a search chooses among."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from digitlab.config import TrainConfig, nearest_hint, read_toml
from digitlab.errors import ConfigError
from digitlab.text import shortened

DOCUMENT_UNITS = tuple(range(32, 257, 32))

# What a space may vary beside widths and depth, by the configuration's own names.
AXES = ("learning_rate", "dropout", "batch_size", "distortion", "weight_decay")

Values = dict[str, Any]


@dataclass(frozen=True)
class SearchSpace:
    """Every combination of the values of its fields. The defaults are the document's space.

    Args:
        hidden_layers: How many hidden layers.
        units: Units of a hidden layer; each layer chooses for itself.
        learning_rate: Adam's step sizes.
        dropout: Shares of hidden units silenced in training; empty keeps the configuration's.
        batch_size: Images per update; empty keeps the configuration's.
        distortion: How strongly images are bent anew in every epoch; empty keeps the configuration's.
        weight_decay: Decoupled weight decay; empty keeps the configuration's.

    Raises:
        ConfigError: A field that is no tuple of distinct, possible values, or a space with one
            configuration alone.
    """

    hidden_layers: tuple[int, ...] = (2,)
    units: tuple[int, ...] = DOCUMENT_UNITS
    learning_rate: tuple[float, ...] = (5e-3, 1e-3, 1e-4)
    dropout: tuple[float, ...] = ()
    batch_size: tuple[int, ...] = ()
    distortion: tuple[float, ...] = ()
    weight_decay: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if not _are_numbers(values) or len(set(values)) != len(values):
                raise ConfigError(
                    f"{field.name}: expected a list of distinct numbers, got {shortened(values)}",
                    hint=f"a space looks like: {field.name} = {list(field.default)}",  # type: ignore[arg-type]
                )
            if not values and field.name in ("hidden_layers", "units", "learning_rate"):
                raise ConfigError(f"{field.name}: expected at least one value, got none", hint=f"give {field.name}")
        self._check_values()
        for name in (name for name in AXES if name != "batch_size"):  # KerasTuner wants values of one type
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if self.size < 2:
            raise ConfigError("the search space holds one configuration", hint="give a field more than one value")

    def _check_values(self) -> None:
        for depth in self.hidden_layers:
            if type(depth) is not int or not 1 <= depth <= 16:
                raise ConfigError(
                    f"hidden_layers: expected whole numbers from 1 to 16, got {shortened(depth)}", hint="2, say"
                )
        for values in self._axes().values():  # each value goes through TrainConfig's own checks once
            for value in values:
                TrainConfig().replace(**value)

    def _axes(self) -> dict[str, list[Values]]:
        axes: dict[str, list[Values]] = {"units": [{"hidden_units": (units,)} for units in self.units]}
        for name in AXES:
            axes[name] = [{name: value} for value in getattr(self, name)]
        return axes

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return self.shape_count * math.prod(max(1, len(getattr(self, name))) for name in AXES)

    def to_dict(self) -> dict[str, list[Any]]:
        """Lists by field, for JSON; `from_mapping` reads them back."""
        return {field.name: list(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build from TOML, JSON or the command line; a single value counts as a list of one.

        Raises:
            ConfigError: An unknown key, named with the known ones, or an impossible value.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                raise ConfigError(f"unknown search space key {shortened(key)}", hint=nearest_hint(key, known))
        return cls(**{key: tuple(v) if isinstance(v, (list, tuple)) else (v,) for key, v in values.items()})

    def declare(self, hp: Any) -> None:
        """Say the space to KerasTuner's `HyperParameters`; only the units of layers that exist are active."""
        hp.Choice("hidden_layers", list(self.hidden_layers))
        for layer in range(1, max(self.hidden_layers) + 1):
            with hp.conditional_scope("hidden_layers", [n for n in self.hidden_layers if n >= layer]):
                hp.Choice(f"units_{layer}", list(self.units))
        for name in AXES:
            if values := getattr(self, name):
                hp.Choice(name, list(values))

    def config_for(self, values: Mapping[str, Any], base: TrainConfig) -> TrainConfig:
        """The configuration that a choice of KerasTuner's stands for: `base` with the chosen values."""
        changes: Values = {name: values[name] for name in self._axes() if name in values}
        changes["hidden_units"] = tuple(values[f"units_{i + 1}"] for i in range(values["hidden_layers"]))
        return base.replace(**changes)

    @property
    def shape_count(self) -> int:
        """How many choices of widths there are, of all depths."""
        return int(sum(len(self.units) ** depth for depth in self.hidden_layers))

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """Every choice of widths, of each depth; there may be too many of them for a list."""
        return (shape for depth in self.hidden_layers for shape in itertools.product(self.units, repeat=depth))


def _are_numbers(values: object) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, (int, float)) for value in values)


def load_space(path: Path) -> SearchSpace:
    """The space that a TOML file states; what it leaves out is the document's.

    Raises:
        ConfigError: The file is missing, is not TOML, or holds an unknown key or impossible value.
    """
    return SearchSpace.from_mapping(read_toml(path, "a search space", "units = [64, 128, 256]"))
