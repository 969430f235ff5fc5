"""`draw_configurations`: what each bracket of a search begins with, a pure function of plan, space and seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.tuning.kerastuner import keras_tuner
from digitlab.tuning.plan import Plan, Rung

# So many even draws may hold a configuration that was had before; then each is drawn by itself.
MOST_EVEN_DRAWS = 100
# So many draws may give configurations that were had before; then the space counts as used up. Within a
# bracket it is so many for each that it has, since of n the last is found by n draws on average.
MOST_COLLISIONS, MOST_COLLISIONS_EACH = 200, 20

Values = dict[str, Any]


def draw_configurations(plan: Plan, hyperparameters: Any, seed: int) -> dict[tuple[int, int], list[Values]]:
    """The configurations that each bracket begins with, distinct within it and, while there are any, new.

    Args:
        plan: Brackets and rungs.
        hyperparameters: The space, a `keras_tuner.HyperParameters`.
        seed: With a bracket's place it decides what is drawn for it.

    Returns:
        By (iteration, bracket), values by the hyperparameters' names; fewer than the plan has trials where the space
        holds no more.
    """
    draw = _Draw(hyperparameters, seed)
    drawn: dict[tuple[int, int], list[Values]] = {}
    had: set[str] = set()
    for rungs in plan.brackets:
        bracket = draw.bracket(rungs[0], had)
        had |= set(bracket)
        drawn[rungs[0].iteration, rungs[0].bracket] = list(bracket.values())
    return drawn


class _Draw:
    """One space and one seed; configurations go by a name that is equal for equal ones."""

    def __init__(self, hyperparameters: Any, seed: int) -> None:
        self._hyperparameters, self._seed = hyperparameters, seed

    def bracket(self, first: Rung, had: set[str]) -> dict[str, Values]:
        """Evenly; where the space has too few new configurations left for that, each by itself."""
        bracket = self._evenly(first, had)
        if len(bracket) == first.trials:
            return bracket
        bracket = {}
        for turn, seen in enumerate((had, set())):  # new ones first; then those of other brackets
            index, collisions = len(bracket), 0
            most = max(MOST_COLLISIONS, turn * MOST_COLLISIONS_EACH * first.trials)
            while index < first.trials and collisions < most:
                seed = [self._seed, first.iteration, first.bracket, index, collisions, turn]
                values = self._values_at(np.random.default_rng(seed).random(len(self._hyperparameters.space)))
                name = _name(values)
                if name in bracket or name in seen:
                    collisions += 1
                else:
                    bracket[name] = values
                    index, collisions = index + 1, 0
        return bracket

    def _evenly(self, first: Rung, had: set[str]) -> dict[str, Values]:
        """Configurations spread evenly over the space, all new; none where no such set was found.

        A Latin hypercube (McKay, Beckman, Conover 1979, Technometrics 21: 239-245), but that an axis of few
        values is cut into those: each value is had as often as any other, or once more. So a bracket of four
        meets each of three learning rates, where one in five brackets of independent draws misses the one that
        counts.
        """
        generator = np.random.default_rng([self._seed, first.iteration, first.bracket])
        for _ in range(MOST_EVEN_DRAWS):
            axes = [_even_shares(hp, first.trials, generator) for hp in self._hyperparameters.space]
            values = [self._values_at(shares) for shares in zip(*axes, strict=True)]
            named = {_name(v): v for v in values}
            if len(named) == first.trials and not had & set(named):
                return named
        return {}

    def _values_at(self, shares: Sequence[float] | npt.NDArray[np.float64]) -> Values:
        """A value for every hyperparameter that is active, each by KerasTuner's own distribution."""
        hyperparameters = keras_tuner.HyperParameters()
        for hyperparameter, share in zip(self._hyperparameters.space, shares, strict=True):
            hyperparameters.merge([hyperparameter])
            if hyperparameters.is_active(hyperparameter):
                hyperparameters.values[hyperparameter.name] = hyperparameter.prob_to_value(float(share))
        return dict(hyperparameters.values)


def _name(values: Values) -> str:
    return json.dumps(values, sort_keys=True, default=str)


def _even_shares(hyperparameter: Any, count: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Numbers from 0 to 1, [count], evenly spread over the hyperparameter's values, or over 0 to 1."""
    parts = len(hyperparameter.get_config().get("values", ())) or count
    turns = -(-count // parts)
    places = np.concatenate([generator.permutation(parts) for _ in range(turns)])[:count]
    return np.asarray((places + generator.random(count)) / parts)
