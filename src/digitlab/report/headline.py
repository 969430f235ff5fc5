"""What stands first on the page: the one number that the run was made for."""

from __future__ import annotations

from dataclasses import dataclass

from digitlab.evaluation import Evaluation
from digitlab.report.contents import Contents
from digitlab.report.scan import Scan
from digitlab.report.search import Search
from digitlab.report.words import counted, duration, percent, spread, widths

VERBS = ("train", "scan", "tune", "study")
Fact = tuple[str, str]


@dataclass(frozen=True)
class Headline:
    """One large number.

    Args:
        number: It, as it is to be written.
        caption: What it is.
        facts: What belongs beside it, by name.
        note: How it is to be read; may be empty.
        warnings: What forbids to read it as a score of new images, a sentence for each split that is concerned.
    """

    number: str
    caption: str
    facts: tuple[Fact, ...]
    note: str = ""
    warnings: tuple[str, ...] = ()


def headline(contents: Contents) -> Headline | None:
    """The score of the network; without one the best network of the search, or the suggested rate."""
    if contents.evaluations:
        return _of_evaluation(*list(contents.evaluations.items())[-1], contents)
    if contents.search:
        return _of_search(contents.search, contents)
    if contents.scan:
        return _of_scan(contents.scan, contents)
    return None


def verb(contents: Contents) -> str:
    """The command that made the run."""
    command = contents.record.get("command")
    return command if command in VERBS else "train"


def is_unfinished(contents: Contents) -> bool:
    """Whether what the run was made for is still to come.

    A report is drawn in the last stage, when run.json still says `running`: this says the same then as
    afterwards.
    """
    record = contents.record
    if record["status"] != "running":
        return bool(record["status"] == "interrupted")
    reached = {"scan": contents.scan, "tune": contents.search}
    return not reached.get(verb(contents), contents.evaluations)


def reached(contents: Contents) -> str:
    """How far an unfinished run has come, as the end of a sentence; empty if nowhere."""
    if contents.history and verb(contents) == "train":
        # A committee's history is the mean over the members that are done, of which the page does not know how many.
        if contents.record["config"].get("members", 1) > 1:
            return " after some of its members"
        return f" after {counted(len(contents.history), 'epoch')}"
    done = [name for name, stage in contents.record["stages"].items() if stage.get("status") == "finished"]
    return f" after the stage {done[-1]}" if done else ""


def _of_evaluation(split: str, evaluation: Evaluation, contents: Contents) -> Headline:
    record, seeds = contents.record, contents.seeds
    members = record["config"].get("members", 1)
    low, high = evaluation.accuracy_interval
    facts = [
        # An interval is one of what is to be expected on new images.
        ("95 % interval", "–" if evaluation.overlap else f"{percent(low)} – {percent(high)}"),
        ("loss", f"{evaluation.loss:.4f}"),
        ("calibration error", percent(evaluation.expected_calibration_error)),
        ("epochs", f"{members} × {len(contents.history)}" if members > 1 else str(len(contents.history))),
        ("weights", f"{record['parameters']:,}" if "parameters" in record else "–"),
        ("time, all stages", duration(_seconds(contents))),
    ]
    if seeds and split == "test":
        mean = spread([100 * accuracy for accuracy in seeds.test_accuracies], 2, " %")
        facts.insert(1, (f"mean of {counted(len(seeds.seeds), 'seed')}", mean))
    wrong = round(evaluation.n * (1 - evaluation.accuracy))
    caption = f"right on {evaluation.n:,} {split} images ({wrong} wrong)"
    if evaluation.overlap:
        caption += f", of which {evaluation.trained_on:,} were in its training"
    return Headline(
        percent(evaluation.accuracy),
        caption,
        tuple(facts),
        "The test images were opened once, after the last choice. Of intervals made like this one, 19 in 20 hold"
        " the accuracy that the network has on all images of this kind."
        if split == "test" and not evaluation.overlap
        else "",
        _warnings(contents),
    )


def _warnings(contents: Contents) -> tuple[str, ...]:
    """A sentence for each split of which images were in the training."""
    scored = contents.evaluations.items()
    return tuple(f"Of the {split} images: {found.overlap}." for split, found in scored if found.overlap)


def _of_search(search: Search, contents: Contents) -> Headline:
    winner = search.winner
    seeds = len(winner.seeds)
    mean = f", mean of {seeds} seeds" if seeds > 1 else ""
    facts = (
        ("hidden layers", widths(winner.hidden_units)),
        ("learning rate", f"{winner.learning_rate:g}"),
        ("over its seeds", spread([100 * accuracy for accuracy in winner.accuracies], 2, " %")),
        ("trials", f"{search.trials:,}"),
        ("epochs in all", f"{search.epochs:,}"),
        ("time, all stages", duration(_seconds(contents))),
    )
    note = "Every score is of held-out training images; no test split was opened."
    overlap = contents.record["search"].get("validation_overlap")
    warnings = (f"Of the validation images: {overlap}.",) if isinstance(overlap, str) and overlap else ()
    return Headline(
        percent(winner.mean_accuracy), f"validation accuracy of the best network{mean}", facts, note, warnings
    )


def _of_scan(scan: Scan, contents: Contents) -> Headline:
    facts = (
        ("steepest descent", f"{scan.steepest:.2g}"),
        ("valley", f"{scan.valley:.2g}"),
        ("steps of the range test", f"{len(scan.learning_rates):,}"),
        ("rates trained", ", ".join(f"{rate:g}" for rate in scan.drawn) or "none"),
        ("time, all stages", duration(_seconds(contents))),
    )
    return Headline(f"{scan.suggestion:.2g}", "is the suggested learning rate", facts)


def _seconds(contents: Contents) -> float:
    # Without the drawing of the report itself, so that the same run gives the same page again.
    stages = contents.record["stages"].items()
    return float(sum(stage.get("duration_s", 0.0) for name, stage in stages if name != "report"))
