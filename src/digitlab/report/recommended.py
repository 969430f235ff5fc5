"""The network that a study recommends, beside the one that it found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitlab.evaluation import Comparison
from digitlab.report.words import counted, percent


@dataclass(frozen=True)
class Recommended:
    """The winner's widths, trained by a recipe of today.

    Args:
        report: Its own page, relative to the study's.
        epochs: Trained.
        test_accuracy: Share of the test images that it is right on.
        test_interval: 95 % interval of it.
        test_loss: Its loss on them.
        comparison: It beside the winner, on the same test images.
    """

    report: str
    epochs: int
    test_accuracy: float
    test_interval: tuple[float, float]
    test_loss: float
    comparison: Comparison

    @property
    def sentence(self) -> str:
        """How the two compare, in words."""
        found = self.comparison
        low, high = (100 * bound for bound in found.accuracy_interval)
        chance = "less than 0.0001" if found.p_value < 1e-4 else f"{found.p_value:.2g}"
        return (
            f"Trained by the recipe, the same widths are right on {percent(self.test_accuracy)} of the test images."
            f" They are right where the winner is wrong on {counted(found.only_a, 'image')}, and the other way round"
            f" on {found.only_b}: a difference of {100 * found.accuracy_difference:+.2f} points (95 % interval"
            f" {low:+.2f} to {high:+.2f}; McNemar's p is {chance})."
        )


def read_recommended(record: Mapping[str, Any]) -> Recommended | None:
    """What a study recommends, from a checked record; `None` in a run that recommends nothing."""
    values = record.get("recommended")
    if values is None:
        return None
    test, comparison = values["test"], values["comparison"]
    known = {field.name: comparison[field.name] for field in dataclasses.fields(Comparison) if field.name in comparison}
    intervals = {name: tuple(comparison[name]) for name in ("accuracy_interval", "loss_interval")}
    low, high = test["accuracy_interval"]
    return Recommended(
        report=values["report"],
        epochs=values["epochs"],
        test_accuracy=float(test["accuracy"]),
        test_interval=(low, high),
        test_loss=float(test["loss"]),
        comparison=Comparison(**{**known, **intervals}),
    )
