"""`Schedule`: which trials of a Hyperband search may run next, as a function of what has ended.

Nothing here depends on time or on how many trials run side by side: a rung promotes only when all its
trials have ended, and ties go to the lower index. So a search may be stopped anywhere, and any number
of lanes comes to the same trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from digitlab.tuning.plan import Plan, Rung


@dataclass(frozen=True, order=True)
class TrialKey:
    """Which trial: the `index`-th configuration of a bracket, in one of its rungs."""

    iteration: int
    bracket: int
    rung: int
    index: int

    @property
    def trial_id(self) -> str:
        """The trial's name in files and tables, such as ``b2-r0-07``."""
        prefix = f"i{self.iteration}-" if self.iteration else ""
        return f"{prefix}b{self.bracket}-r{self.rung}-{self.index:02d}"

    @property
    def parent(self) -> TrialKey | None:
        """The same network's trial in the rung before, `None` in the first."""
        return TrialKey(self.iteration, self.bracket, self.rung - 1, self.index) if self.rung else None

    @property
    def first(self) -> TrialKey:
        """The same network's trial in the first rung."""
        return TrialKey(self.iteration, self.bracket, 0, self.index)


def trial_seed(search_seed: int, key: TrialKey) -> int:
    """The seed of a network, the same in all its rungs: a pure function of (search seed, bracket, index)."""
    words = np.random.SeedSequence([search_seed, key.iteration, key.bracket, key.index]).generate_state(1)
    return int(words[0]) & 0x7FFF_FFFF


class Schedule:
    """The state of a search.

    Args:
        plan: Its brackets and rungs.
        sizes: How many configurations each bracket, by (iteration, bracket), really has to begin with.
        maximise: Whether a higher score is better.
    """

    def __init__(self, plan: Plan, sizes: Mapping[tuple[int, int], int], *, maximise: bool = True) -> None:
        self.plan = plan
        self._sizes = dict(sizes)
        self._sign = -1.0 if maximise else 1.0
        self.scores: dict[TrialKey, float | None] = {}
        self.running: set[TrialKey] = set()

    def record(self, key: TrialKey, score: float | None) -> None:
        """A trial has ended, with a score or, failed, with `None`."""
        self.running.discard(key)
        self.scores[key] = score

    def members(self, rung: Rung) -> list[TrialKey] | None:
        """The rung's trials, `None` while they cannot be known yet."""
        if rung.number == 0:
            count = min(rung.trials, self._sizes[rung.iteration, rung.bracket])
            return [TrialKey(rung.iteration, rung.bracket, 0, index) for index in range(count)]
        before = self.members(self._rung(rung.iteration, rung.bracket, rung.number - 1))
        if before is None or any(key not in self.scores for key in before):
            return None
        promoted = self._best(before)[: rung.trials]
        return [TrialKey(key.iteration, key.bracket, rung.number, key.index) for key in sorted(promoted)]

    def ready(self) -> list[TrialKey]:
        """Trials that could run now and do not: brackets in their order, in each the later rungs first."""
        return [
            key
            for bracket in self.plan.brackets
            for rung in reversed(bracket)
            for key in self.members(rung) or ()
            if key not in self.scores and key not in self.running
        ]

    def needed(self, key: TrialKey) -> bool:
        """Whether a trial's end state may still be gone on from."""
        bracket = [rung for rung in self.plan.rungs if (rung.iteration, rung.bracket) == (key.iteration, key.bracket)]
        if key.rung + 1 == len(bracket):
            return False
        following = self.members(bracket[key.rung + 1])
        child = TrialKey(key.iteration, key.bracket, key.rung + 1, key.index)
        return following is None or (child in following and child not in self.scores)

    def rung_of(self, key: TrialKey) -> Rung:
        """The rung that a trial belongs to."""
        return self._rung(key.iteration, key.bracket, key.rung)

    def _rung(self, iteration: int, bracket: int, number: int) -> Rung:
        wanted = (iteration, bracket, number)
        return next(rung for rung in self.plan.rungs if (rung.iteration, rung.bracket, rung.number) == wanted)

    def _best(self, keys: Sequence[TrialKey]) -> list[TrialKey]:
        """Those that did not fail, the best first, ties by index."""
        scored = [(score, key) for key in keys if (score := self.scores[key]) is not None]
        return [key for _, key in sorted(scored, key=lambda pair: (self._sign * pair[0], pair[1].index))]
