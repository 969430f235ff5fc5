"""``digitlab train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from digitlab.cli import run_options as options
from digitlab.cli.clock import seconds_so_far
from digitlab.cli.console import interval, percent, print_json, stderr
from digitlab.cli.dataset import load_with_progress
from digitlab.cli.endings import RunEnding
from digitlab.cli.interruption import interruption
from digitlab.cli.paths import recordable
from digitlab.cli.progress import EpochBar
from digitlab.config import TrainConfig
from digitlab.errors import UsageError


def train(
    preset: Annotated[str | None, typer.Option(help="Named configuration to start from.  [default: default]")] = None,
    config: options.Config = None,
    data: options.Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    overwrite: options.Overwrite = False,
    hidden: Annotated[str | None, typer.Option(help="Units of the hidden layers, such as 256,128.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's step size.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per update.")] = None,
    epochs: Annotated[int | None, typer.Option(help="The most epochs to train.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without a lower val_loss before stopping; 0: never.")
    ] = None,
    validation_fraction: Annotated[float | None, typer.Option(help="Share of the training images held out.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of hidden units silenced in training.")] = None,
    distortion: Annotated[
        float | None, typer.Option(help="How strongly images are bent anew in every epoch; 1 is the usual.")
    ] = None,
    thickness: Annotated[
        float | None, typer.Option(help="How far strokes are made thinner or thicker in every epoch, in pixels.")
    ] = None,
    strokes: Annotated[float | None, typer.Option(help="Share of 1s given a hook and of 7s given a bar.")] = None,
    stretch: Annotated[float | None, typer.Option(help="Share of images widened up to filling their frame.")] = None,
    batch_normalization: Annotated[
        bool | None, typer.Option(help="Normalise each hidden layer over the batch.")
    ] = None,
    schedule: Annotated[str | None, typer.Option(help="constant or cosine.")] = None,
    averaging: Annotated[float | None, typer.Option(help="Decay of the average of the weights; 0: none.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="Share of each label spread over all classes.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Decoupled weight decay.")] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(callback=recordable, help="Run folder or .keras file whose answers become a part of the labels."),
    ] = None,
    distillation: Annotated[float | None, typer.Option(help="The teacher's share of each label.")] = None,
    members: Annotated[int | None, typer.Option(help="Networks trained and averaged; 1: a single one.")] = None,
    shard_images: Annotated[
        int | None, typer.Option(help="Images in memory at once, for sets larger than memory; 0: all.")
    ] = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> None:
    """Train a network, or a committee of several, evaluate it and write its report."""
    changes = {
        "hidden_units": None if hidden is None else _parse_widths(hidden),
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "epochs": epochs,
        "patience": patience,
        "validation_fraction": validation_fraction,
        "dropout": dropout,
        "distortion": distortion,
        "thickness": thickness,
        "strokes": strokes,
        "stretch": stretch,
        "batch_normalization": batch_normalization,
        "schedule": schedule,
        "averaging": averaging,
        "label_smoothing": label_smoothing,
        "weight_decay": weight_decay,
        "teacher": None if teacher is None else str(teacher.resolve()),  # a resume may begin elsewhere
        "distillation": distillation,
        "members": members,
        "shard_images": shard_images,
        "seed": seed,
    }
    path: Path | None
    if resume is not None:
        options.refuse_beside_resume("train", resume, [out, config, preset, data, overwrite, *changes.values()])
        record = options.read_resumed("train", resume)
        path, source = resume, record["dataset"].get("source") or "auto"
        settings = TrainConfig.from_mapping(record["config"])
    else:
        settings = options.base_config(preset, config, usual=options.RECIPE, **changes)
        _refuse_without_effect(settings, patience)
        path, source = out, data or "auto"
    summary = run_training(path, settings, source, overwrite=overwrite)
    if as_json:
        print_json(summary)
    else:
        show_summary(summary)


def run_training(path: Path | None, config: TrainConfig, source: str, *, overwrite: bool = False) -> dict[str, Any]:
    """Load the data, train, evaluate, report; an interruption says how to go on. `None`: a new folder in ``runs``."""
    from digitlab.runs import find_model
    from digitlab.runs.keras_backend import BACKENDS, keras_backend, refuse_unknown_backend
    from digitlab.study.train import train_and_report

    # Before anything is read or written, and before TensorFlow starts.
    refuse_unknown_backend(keras_backend())
    if config.teacher:
        find_model(Path(config.teacher))
    dataset = load_with_progress(source)
    path = path or options.new_run("train")
    stderr.print(
        f"[bold]{escape(dataset.name)}[/bold]: {len(dataset.train):,} images to train on, {len(dataset.test):,} to test"
    )
    shape = _shape(config, dataset.train.num_classes)
    stderr.print(f"[bold]{escape(config.preset)}[/bold]: {shape} -> {escape(str(path))}")
    ending = interruption.ending = RunEnding("train", path, "every finished epoch")
    with EpochBar() as bar:

        def begin(stage: str) -> None:
            ending.is_ours = True
            stderr.print(f"[dim]{_STAGES[stage].format(backend=BACKENDS[keras_backend()])}[/dim]")
            if stage != "train":
                bar.end()

        summary = train_and_report(
            dataset,
            config,
            path,
            overwrite=overwrite,
            progress=bar,
            on_stage=begin,
        )
    return {**summary, "duration_s": seconds_so_far()}


def _refuse_without_effect(config: TrainConfig, patience: int | None) -> None:
    if patience and not config.validation_fraction:
        raise UsageError(
            f"--patience {patience}: expected held-out images whose loss is watched, got a validation fraction of 0",
            hint="add --validation-fraction 0.1, or leave --patience out",
        )


_STAGES = {
    "train": "starting {backend} and compiling the epoch",
    "evaluate": "opening the test split",
    "export": "writing and verifying model.onnx",
    "report": "writing the report",
}


def show_summary(summary: dict[str, Any]) -> None:
    """The scores, for people."""
    stderr.print()
    for name in ("validation", "test"):
        if scores := summary[name]:
            stderr.print(
                f"  {name:<11}[bold]{percent(scores['accuracy'])}[/bold]"
                f" (95 % interval {interval(scores['accuracy_interval'])}), loss {scores['loss']:.4f},"
                f" {scores['n']:,} images"
            )
            show_overlap(name, scores)
    stderr.print(
        f"  {summary['epochs']} epochs, the weights of epoch {summary['best_epoch']} kept,"
        f" {summary['duration_s']:.1f} s"
    )
    if note := summary["dataset"]["note"]:
        stderr.print(f"  note: {note}", style="yellow", markup=False)
    stderr.print(f"  report: {summary['report']}", markup=False)


def show_overlap(name: str, scores: dict[str, Any]) -> None:
    """Say which of the images behind a score were in the training, if any were."""
    from digitlab.evaluation.overlap import overlap_sentence

    if sentence := overlap_sentence(scores.get("trained_on"), scores["n"]):
        stderr.print(f"  warning: of the {name} images, {sentence}", style="bold yellow", markup=False)


def _parse_widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace("-", ",").split(",") if part.strip())
    except ValueError as error:
        raise UsageError(
            f"--hidden: expected whole numbers such as 256,128, got {text!r}",
            hint="digitlab train --hidden 256,128",
        ) from error


def _shape(config: TrainConfig, num_classes: int) -> str:
    widths = "-".join(str(units) for units in (784, *config.hidden_units, num_classes))
    committee = f"{config.members} times " if config.members > 1 else ""
    return f"{committee}{widths}, learning rate {config.learning_rate:g}, batch {config.batch_size}, seed {config.seed}"
