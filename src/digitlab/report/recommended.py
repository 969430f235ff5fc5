"""The network that a study recommends, beside the one that it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from digitlab.evaluation import Comparison
from digitlab.report.reading import finite, reading, share
from digitlab.report.words import counted, percent
from digitlab.runs import RunFolder


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


def read_recommended(folder: RunFolder, record: dict[str, Any]) -> Recommended | None:
    """What a study recommends, `None` in a run that recommends nothing.

    Raises:
        RunError: run.json is damaged there.
    """
    told = record.get("recommended")
    if told is None:
        return None
    with reading(folder.record_path, "the file is damaged; restore it, or run again into a new folder"):
        test, comparison = told["test"], told["comparison"]
        low, high = map(share, test["accuracy_interval"])
        fields = {**comparison, **{key: tuple(comparison[key]) for key in ("accuracy_interval", "loss_interval")}}
        return Recommended(
            report=str(told["report"]),
            epochs=int(told["epochs"]),
            test_accuracy=share(test["accuracy"]),
            test_interval=(low, high),
            test_loss=finite(test["loss"]),
            comparison=Comparison(**fields),
        )
