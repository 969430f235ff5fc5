"""What Ray Tune's schedulers will do, before they do it: brackets and rungs by their arithmetic.

Ray's Hyperband (`ray.tune.schedulers.HyperBandScheduler`) is that of Li et al. 2018 with a rounding of its own: the
last rung of a bracket may end before `max_epochs` (at epoch 9 of 10, say), the smallest bracket runs first, and there
are fewer trials than KerasTuner has. ASHA (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar 2020,
MLSys) has one bracket and waits for nobody: who goes on is decided as each network reaches the end of a rung.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterable

from digitlab.tuning.config import SearchConfig
from digitlab.tuning.plan import Plan, Rung
from digitlab.tuning.schedule import TrialKey


def plan_on_ray(config: SearchConfig) -> Plan:
    """The brackets and rungs of a search by the scheduler that `config` names.

    With ASHA a rung's `trials` are how many may come to it, which is all; `as_it_went` has how many did.
    """
    hyperband = Plan(tuple(_hyperband(config.max_epochs, config.factor, config.iterations)))
    if config.scheduler == "hyperband":
        return hyperband
    count = sum(rungs[0].trials for rungs in hyperband.brackets)
    ends = [0, *_asha_ends(config.max_epochs, config.factor)]
    stretches = enumerate(itertools.pairwise(ends))
    return Plan(tuple(Rung(0, 0, number, count, first, last) for number, (first, last) in stretches))


def as_it_went(plan: Plan, keys: Iterable[TrialKey]) -> Plan:
    """The plan with as many trials in each rung as there really were; rungs without any are left out."""
    counts = Counter((key.iteration, key.bracket, key.rung) for key in keys)
    rungs = [dataclasses.replace(r, trials=counts[r.iteration, r.bracket, r.number]) for r in plan.rungs]
    return Plan(tuple(rung for rung in rungs if rung.trials))


def _hyperband(max_epochs: int, factor: int, iterations: int) -> Iterable[Rung]:
    sizes = round(math.log(max_epochs) / math.log(factor)) + 1
    for iteration in range(iterations):
        for bracket in range(sizes):
            trials, last = math.ceil(sizes / (bracket + 1) * factor**bracket), int(max_epochs * factor**-bracket)
            if last == 0:  # too small a bracket for Ray too
                continue
            first = 0
            for number in range(bracket + 1):
                yield Rung(iteration, bracket, number, trials, first, last)
                trials, first, last = math.ceil(trials / factor), last, min(last * factor, max_epochs)


def _asha_ends(max_epochs: int, factor: int) -> list[int]:
    rungs = int(math.log(max_epochs) / math.log(factor) + 1)
    return sorted({*(factor**k for k in range(rungs)), max_epochs})
