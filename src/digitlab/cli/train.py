"""``digitlab train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from digitlab.cli.console import interval, percent, print_json, stderr
from digitlab.cli.dataset import load_with_progress
from digitlab.cli.progress import EpochBar
from digitlab.config import TrainConfig, load_config_file, load_preset
from digitlab.errors import UsageError

DEFAULT_PRESET = "document"


def train(
    preset: Annotated[str | None, typer.Option(help="Named configuration to start from.  [default: document]")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of differences from the preset.")] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="auto, mnist, fashion-mnist, sample, or a path: IDX, CSV, NPZ, class folders.  [default: auto]"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: a new one under runs/.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this unfinished run.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Throw away a run that lies in --out.")] = False,
    hidden: Annotated[str | None, typer.Option(help="Units of the hidden layers, such as 256,128.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's step size.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per update.")] = None,
    epochs: Annotated[int | None, typer.Option(help="The most epochs to train.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without a lower val_loss before stopping; 0: never.")
    ] = None,
    validation_fraction: Annotated[float | None, typer.Option(help="Share of the training images held out.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same run, bit for bit.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Train a network, evaluate it and write its report."""
    changes = {
        "hidden_units": None if hidden is None else _parse_widths(hidden),
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "epochs": epochs,
        "patience": patience,
        "validation_fraction": validation_fraction,
        "seed": seed,
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    if resume is not None:
        if overwrite or changes or any(option is not None for option in (out, config, preset, data)):
            raise UsageError(
                "--resume takes its settings from the run, and got others beside it",
                hint=f"digitlab train --resume {resume}",
            )
        path, settings, source = _resumed(resume)
    else:
        settings = load_preset(preset or DEFAULT_PRESET)
        if config is not None:
            settings = load_config_file(config, settings)
        settings, source = settings.replace(**changes), data or "auto"
        path = out or _new_path()
    summary = run_training(path, settings, source, overwrite=overwrite)
    if as_json:
        print_json(summary)
    else:
        show_summary(summary)


def run_training(path: Path, config: TrainConfig, source: str, *, overwrite: bool = False) -> dict[str, Any]:
    """Load the data, train, evaluate, report; Ctrl-C says how to go on."""
    from digitlab.pipeline import train_and_report

    dataset = load_with_progress(source)
    stderr.print(
        f"[bold]{escape(dataset.name)}[/bold]: {len(dataset.train):,} images to train on, {len(dataset.test):,} to test"
    )
    shape = _shape(config, dataset.train.num_classes)
    stderr.print(f"[bold]{escape(config.preset)}[/bold]: {shape} -> {escape(str(path))}")
    with EpochBar() as bar:

        def begin(stage: str) -> None:
            stderr.print(f"[dim]{_STAGES[stage]}[/dim]")
            if stage != "train":
                bar.end()

        try:
            return train_and_report(
                dataset,
                config,
                path,
                overwrite=overwrite,
                progress=bar,
                on_stage=begin,
            )
        except KeyboardInterrupt:
            stderr.print(
                f"interrupted; every finished epoch is kept\nhint: digitlab train --resume {path}",
                markup=False,
            )
            raise


_STAGES = {
    "train": "starting TensorFlow and compiling the epoch",
    "evaluate": "opening the test split",
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
    stderr.print(
        f"  {summary['epochs']} epochs, the weights of epoch {summary['best_epoch']} kept,"
        f" {summary['duration_s']:.1f} s"
    )
    if note := summary["dataset"]["note"]:
        stderr.print(f"  note: {note}", style="yellow", markup=False)
    stderr.print(f"  report: {summary['report']}", markup=False)


def _resumed(path: Path) -> tuple[Path, TrainConfig, str]:
    from digitlab.runs import RunFolder

    record = RunFolder(path).read_record()
    return path, TrainConfig.from_mapping(record["config"]), record["dataset"].get("source") or "auto"


def _new_path() -> Path:
    from digitlab.runs import new_run_path

    return new_run_path("train")


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
    return f"{widths}, learning rate {config.learning_rate:g}, batch {config.batch_size}, seed {config.seed}"
