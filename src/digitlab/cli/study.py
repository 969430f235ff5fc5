"""``digitlab study``, ``tune`` and ``scan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from digitlab.cli import run_options as options
from digitlab.cli.console import interval, percent, print_json, stderr
from digitlab.cli.dataset import load_with_progress
from digitlab.cli.search_table import SearchTable, show_plan
from digitlab.config import TrainConfig

if TYPE_CHECKING:
    from digitlab.study.study import Study
    from digitlab.tuning.space import SearchSpace

Space = Annotated[
    Path | None, typer.Option(help="TOML file of the search space; what it leaves out is the document's.")
]
Layers = Annotated[str | None, typer.Option(help="How many hidden layers, such as 1,2,3.  [default: 2]")]
Units = Annotated[str | None, typer.Option(help="Units of a hidden layer to choose from.  [default: 32,64,...,256]")]
Rates = Annotated[str | None, typer.Option(help="Learning rates to choose from.  [default: 0.005,0.001,0.0001]")]
Dropouts = Annotated[str | None, typer.Option(help="Shares of silenced units to choose from.")]
BatchSizes = Annotated[str | None, typer.Option(help="Batch sizes to choose from.")]
Distortions = Annotated[str | None, typer.Option(help="Strengths of distortion to choose from.")]
Decays = Annotated[str | None, typer.Option(help="Weight decays to choose from.")]
MaxEpochs = Annotated[int | None, typer.Option(help="Epochs of a network that reaches the end.  [default: 10]")]
Factor = Annotated[int | None, typer.Option(help="Of how many networks one goes on.  [default: 3]")]
Iterations = Annotated[int | None, typer.Option(help="How often all brackets are gone through.  [default: 1]")]
Finalists = Annotated[int | None, typer.Option(help="How many of the best are trained again.  [default: 3]")]
FinalistSeeds = Annotated[int | None, typer.Option(help="Over how many seeds each.  [default: 3]")]
ScanEpochs = Annotated[int | None, typer.Option(help="Epochs for which each rate is trained.")]

_STAGES = {
    "scan": "scanning learning rates",
    "tune": "searching",
    "train": "taking up the winner",
    "evaluate": "opening the test split",
    "export": "writing and verifying model.onnx",
    "report": "writing the report",
}


def scan(
    preset: options.Preset = None,
    config: options.Config = None,
    data: options.Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    overwrite: options.Overwrite = False,
    rates: Annotated[
        str | None, typer.Option(help="Learning rates to train side by side.  [default: 0.005,0.001,0.0001]")
    ] = None,
    epochs: ScanEpochs = None,
    lowest: Annotated[float, typer.Option(help="First rate of the range test.")] = 1e-6,
    highest: Annotated[float, typer.Option(help="Last rate of the range test.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Updates in between.")] = 600,
    seed: options.Seed = None,
    lanes: options.Lanes = None,
    as_json: options.AsJson = False,
) -> None:
    """Scan learning rates: a range test, and a few rates trained side by side."""
    _prepare()
    from digitlab.study.study import ScanSettings, Study
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.space import SearchSpace

    if resume is not None:
        options.refuse_beside_resume("scan", resume, [preset, config, data, out, overwrite, rates, epochs, seed])
        study, source = _resumed("scan", resume)
    else:
        chosen = SearchSpace().learning_rate if rates is None else options.parse_numbers("--rates", rates, float)
        settings = ScanSettings(chosen, epochs or 5, lowest, highest, steps)
        base = options.base_config(preset, config, seed=seed)
        study, source = Study("scan", SearchConfig(base=base), SearchSpace(), settings), data or "auto"
    record = _run(study, source, resume or out or options.new_path("scan"), overwrite, lanes)
    if as_json:
        print_json({**_head(record), "scan": record["scan"]})
        return
    stderr.print(f"  {record['scan']['sentence']}", markup=False)


def tune(
    preset: options.Preset = None,
    config: options.Config = None,
    data: options.Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    overwrite: options.Overwrite = False,
    space: Space = None,
    layers: Layers = None,
    units: Units = None,
    learning_rates: Rates = None,
    dropouts: Dropouts = None,
    batch_sizes: BatchSizes = None,
    distortions: Distortions = None,
    weight_decays: Decays = None,
    max_epochs: MaxEpochs = None,
    factor: Factor = None,
    iterations: Iterations = None,
    finalists: Finalists = None,
    finalist_seeds: FinalistSeeds = None,
    seed: options.Seed = None,
    lanes: options.Lanes = None,
    as_json: options.AsJson = False,
) -> None:
    """Search for the best network by Hyperband, and choose it among finalists."""
    _prepare()
    axes = _axes(layers, units, learning_rates, dropouts, batch_sizes, distortions, weight_decays)
    search = {
        "max_epochs": max_epochs,
        "factor": factor,
        "iterations": iterations,
        "finalists": finalists,
        "finalist_seeds": finalist_seeds,
    }
    if resume is not None:
        given = [preset, config, data, out, overwrite, space, seed, *axes.values(), *search.values()]
        options.refuse_beside_resume("tune", resume, given)
        study, source = _resumed("tune", resume)
    else:
        base = options.base_config(preset, config, seed=seed)
        study, source = _study("tune", base, _space(space, axes), search, 1), data or "auto"
    record = _run(study, source, resume or out or options.new_path("tune"), overwrite, lanes)
    if as_json:
        search_record = record["search"]
        more = {key: search_record[key] for key in ("trials", "epochs", "best", "finalists", "choice", "failed")}
        print_json({**_head(record), **more})
        return
    _show_search(record)


def study(
    preset: options.Preset = None,
    config: options.Config = None,
    data: options.Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    overwrite: options.Overwrite = False,
    space: Space = None,
    layers: Layers = None,
    units: Units = None,
    learning_rates: Rates = None,
    dropouts: Dropouts = None,
    batch_sizes: BatchSizes = None,
    distortions: Distortions = None,
    weight_decays: Decays = None,
    max_epochs: MaxEpochs = None,
    factor: Factor = None,
    iterations: Iterations = None,
    finalists: Finalists = None,
    finalist_seeds: FinalistSeeds = None,
    scan_epochs: ScanEpochs = None,
    seed: options.Seed = None,
    lanes: options.Lanes = None,
    as_json: options.AsJson = False,
) -> None:
    """Run the whole study: learning-rate scan, Hyperband, the winner trained, evaluated and reported."""
    _prepare()
    axes = _axes(layers, units, learning_rates, dropouts, batch_sizes, distortions, weight_decays)
    search = {
        "max_epochs": max_epochs,
        "factor": factor,
        "iterations": iterations,
        "finalists": finalists,
        "finalist_seeds": finalist_seeds,
    }
    if resume is not None:
        given = [preset, config, data, out, overwrite, space, scan_epochs, seed, *axes.values(), *search.values()]
        options.refuse_beside_resume("study", resume, given)
        planned, source = _resumed("study", resume)
    else:
        base = options.base_config(preset, config, seed=seed)
        planned = _study("study", base, _space(space, axes), search, scan_epochs or 3)
        source = data or "auto"
    record = _run(planned, source, resume or out or options.new_path("study"), overwrite, lanes)
    if as_json:
        more = {key: record[key] for key in ("best_epoch", "parameters", "validation", "test", "seeds")}
        print_json({**_head(record), "epochs": record["search"]["epochs"], "best": record["search"]["best"], **more})
        return
    stderr.print(f"  {record['scan']['sentence']}", markup=False)
    _show_search(record)
    _show_scores(record)


def _prepare() -> None:
    # TensorFlow is imported for the lanes while this process reads the data and imports it too.
    from digitlab.lanes.server import prepare_lanes

    prepare_lanes()


def _axes(layers: str | None, units: str | None, rates: str | None, dropouts: str | None, batch_sizes: str | None,
          distortions: str | None, weight_decays: str | None) -> dict[str, Any]:  # fmt: skip
    """What was given of the space on the command line, by SearchSpace's own names."""
    given: list[tuple[str, str, str | None, Any]] = [
        ("hidden_layers", "--layers", layers, int),
        ("units", "--units", units, int),
        ("learning_rate", "--learning-rates", rates, float),
        ("dropout", "--dropouts", dropouts, float),
        ("batch_size", "--batch-sizes", batch_sizes, int),
        ("distortion", "--distortions", distortions, float),
        ("weight_decay", "--weight-decays", weight_decays, float),
    ]
    return {name: options.parse_numbers(option, text, kind) for name, option, text, kind in given if text is not None}


def _space(path: Path | None, axes: dict[str, Any]) -> SearchSpace:
    from digitlab.tuning.space import SearchSpace, load_space

    space = SearchSpace() if path is None else load_space(path)
    return SearchSpace.from_mapping({**space.to_dict(), **axes})


def _study(verb: str, base: TrainConfig, space: SearchSpace, search: dict[str, Any], scan_epochs: int) -> Study:
    from digitlab.study.study import ScanSettings, Study
    from digitlab.tuning.config import SearchConfig

    config = SearchConfig(base=base, **{key: value for key, value in search.items() if value is not None})
    return Study(verb, config, space, ScanSettings(space.learning_rate, scan_epochs))


def _resumed(verb: str, path: Path) -> tuple[Study, str]:
    """The study that a run was begun with, and its data set."""
    from digitlab.study.study import read_study

    record = options.read_resumed(verb, path)
    return read_study(record), record["dataset"].get("source") or "auto"


def _run(study: Study, source: str, path: Path, overwrite: bool, lanes: int | None) -> dict[str, Any]:
    """Load the data and run the study; Ctrl-C says how to go on."""
    from digitlab.study.study import Listener, run_study

    dataset = load_with_progress(source)
    stderr.print(
        f"[bold]{escape(dataset.name)}[/bold]: {len(dataset.train):,} images to train on,"
        f" {len(dataset.test):,} to test -> {escape(str(path))}"
    )
    if study.command != "scan":
        show_plan(study.search, study.space, dataset.train, lanes)
    with SearchTable(study.search) as table:

        def begin(stage: str) -> None:
            table.end()
            stderr.print(f"[dim]{_STAGES[stage]}[/dim]")

        try:
            return run_study(
                study,
                dataset,
                path,
                overwrite=overwrite,
                lanes=lanes,
                listener=Listener(stage=begin, scan=table.scanned, search=table.searched),
            )
        except KeyboardInterrupt:
            table.end()
            stderr.print(
                f"interrupted; every finished trial is kept\nhint: digitlab {study.command} --resume {path}",
                markup=False,
            )
            raise


def _head(record: dict[str, Any]) -> dict[str, Any]:
    """What every verb's JSON object begins with."""
    return {
        "run": record["path"],
        "dataset": {key: record["dataset"][key] for key in ("name", "fingerprint", "note")},
        "duration_s": round(sum(stage.get("duration_s", 0.0) for stage in record["stages"].values()), 3),
        "report": str(Path(record["path"]) / "report.html"),
    }


def _show_search(record: dict[str, Any]) -> None:
    search = record["search"]
    stderr.print()
    for finalist in search["finalists"]:
        chosen = finalist["rank"] == search["choice"]["winner"]
        widths = "-".join(map(str, finalist["hidden_units"]))
        text = (
            f"  {'winner  ' if chosen else 'finalist'}  {widths:<12} at {finalist['learning_rate']:<7g}"
            f" validation {percent(finalist['mean_accuracy'])} ± {100 * finalist['deviation']:.2f}"
            f" over {len(finalist['seeds'])} seeds"
        )
        stderr.print(text, style="bold" if chosen else None, markup=False)
    stderr.print(f"  {search['choice']['sentence']}", markup=False)
    for failed in search["failed"]:
        stderr.print(f"  trial {failed['trial']} failed: {failed['error']}", style="yellow", markup=False)
    if record["command"] == "tune":
        stderr.print(f"  report: {record['path']}/report.html", markup=False)


def _show_scores(record: dict[str, Any]) -> None:
    test, seeds = record["test"], record["seeds"]
    stderr.print()
    stderr.print(
        f"  test       [bold]{percent(test['accuracy'])}[/bold] (95 % interval {interval(test['accuracy_interval'])}),"
        f" loss {test['loss']:.4f}, {test['n']:,} images"
    )
    stderr.print(
        f"  over {len(seeds['seeds'])} seeds {percent(seeds['mean_accuracy'])} ± {100 * seeds['deviation']:.2f};"
        f" the document's network: {percent(record['document']['test_accuracy'])}"
    )
    if note := record["dataset"]["note"]:
        stderr.print(f"  note: {note}", style="yellow", markup=False)
    stderr.print(f"  report: {record['path']}/report.html", markup=False)
