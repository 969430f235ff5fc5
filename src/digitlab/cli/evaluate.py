"""``digitlab evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from digitlab.cli.console import interval, percent, print_json, stderr, stdout
from digitlab.cli.dataset import load_with_progress
from digitlab.cli.paths import checked
from digitlab.errors import UsageError

if TYPE_CHECKING:
    from digitlab.evaluation import Evaluation


def evaluate(
    target: Annotated[
        Path | None,
        typer.Argument(
            callback=checked,
            metavar="[RUN-OR-MODEL]",
            help="A run folder, or a .keras or .onnx file. Default: the shipped network.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set whose test split is scored. Default: the run's own.")
    ] = None,
    split: Annotated[str, typer.Option(help="test or train: which part of the data set.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Score a network: accuracy with its interval, loss, calibration, per class, confusions."""
    if split not in ("test", "train"):
        raise UsageError(f"--split: expected test or train, got {split!r}", hint="leave it out for test")
    from digitlab.study.models import load_for_evaluation

    classifier, record = load_for_evaluation(target)
    name = str(target or "the shipped network")
    dataset = load_with_progress(data or _own_data(name, record))
    names = record["dataset"]["class_names"] if record else getattr(classifier, "class_names", dataset.class_names)
    if list(dataset.class_names) != list(names):
        stderr.print("[yellow]note: the network was trained on classes of other names than this data set has[/yellow]")
    from digitlab.evaluation import evaluate as score

    chosen = dataset.test if split == "test" else dataset.train
    evaluation = score(classifier, chosen)
    if evaluation.overlap:
        stderr.print(f"warning: {evaluation.overlap}", style="bold yellow", markup=False)
        stderr.print(f"hint: {_unseen(target)}", markup=False)
    if as_json:
        head = {"model": name, "data": chosen.name, "note": dataset.note}
        print_json({**head, **evaluation.to_dict(), "overlap": evaluation.overlap})
    else:
        _show_accuracy(chosen.name, evaluation, record)
        _show(evaluation)


def _own_data(target: str, record: dict[str, Any] | None) -> str:
    """The data set that a run names as its own; a model file alone has none."""
    if record is None:
        return "auto"
    source = str(record["dataset"].get("source", ""))
    if not source:
        raise UsageError(
            f"{target}: its training data were passed in memory, so that the run does not know where they lie",
            hint=f"name a data set: digitlab evaluate {target} --data DATA",
        )
    return source


def _unseen(target: Path | None) -> str:
    """How to score a network on images that it has not seen."""
    if target is None:
        return (
            "`digitlab data fetch mnist` fetches 10,000 test images that it has not seen, or name your own with --data"
        )
    return f"name images that it has not seen: digitlab evaluate {target} --data DATA"


def _show_accuracy(name: str, evaluation: Evaluation, record: dict[str, Any] | None) -> None:
    """The accuracy, and whether it is one of images that the network has not seen."""
    if evaluation.overlap:
        # No headline and no interval: this is no estimate of the accuracy on new images.
        stdout.print(f"{evaluation.overlap[0].upper()}{evaluation.overlap[1:]}.", style="bold", markup=False)
        stdout.print(
            f"{percent(evaluation.accuracy)} of {evaluation.n:,} images of {escape(name)} are read as labelled"
        )
        return
    stdout.print(
        f"[bold]{percent(evaluation.accuracy)}[/bold] of {evaluation.n:,} images of {escape(name)} are right"
        f" (95 % interval {interval(list(evaluation.accuracy_interval))})"
    )
    if evaluation.trained_on is None:
        stdout.print("it is not known which images this network was trained on")
    elif record and (record.get("teacher") or {}).get("training_images_known", True) is False:
        stdout.print("none of these images was in its training; those of its teacher's training are not known")
    else:
        stdout.print("none of these images was in its training")


def _show(evaluation: Evaluation) -> None:
    from rich.table import Table

    stdout.print(
        f"loss {evaluation.loss:.4f}   Brier score {evaluation.brier_score:.4f}"
        f"   expected calibration error {percent(evaluation.expected_calibration_error)}"
    )
    table = Table("class", "precision", "recall", "F1", "images", box=None, header_style="dim")
    for row in evaluation.per_class:
        table.add_row(
            escape(row.name), percent(row.precision), percent(row.recall), percent(row.f1), f"{row.support:,}"
        )
    stdout.print(table)
    if evaluation.most_confused:
        pairs: list[Any] = list(evaluation.most_confused[:5])
        text = ", ".join(f"{p.true} read as {p.predicted} ({p.count})" for p in pairs)
        stdout.print(f"most confused: {text}", markup=False)
