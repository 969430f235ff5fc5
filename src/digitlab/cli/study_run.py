"""Running the verbs that search or scan: data, lanes, progress, and what becomes of Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from digitlab.cli import run_options as options
from digitlab.cli.console import percent, stderr
from digitlab.cli.dataset import load_with_progress
from digitlab.cli.progress import EpochBar
from digitlab.cli.search_table import SearchTable, show_plan

if TYPE_CHECKING:
    from digitlab.study.study import Study

_STAGES = {
    "scan": "scanning learning rates",
    "tune": "searching",
    "train": "taking up the winner",
    "evaluate": "opening the test split",
    "export": "writing and verifying model.onnx",
    "recommend": "training the winner's widths by the preset default",
    "report": "writing the report",
}


def resumed(verb: str, path: Path) -> tuple[Study, str]:
    """The study that a run was begun with, and its data set."""
    from digitlab.study.study import read_study

    record = options.read_resumed(verb, path)
    return read_study(record), record["dataset"].get("source") or "auto"


def run(
    study: Study, source: str, path: Path | None, overwrite: bool, lanes: int | None, address: str | None = None
) -> dict[str, Any]:
    """Load the data and run the study; Ctrl-C says how to go on. `None` is a new folder under ``runs/``."""
    from digitlab.lanes.server import prepare_lanes
    from digitlab.study.study import Listener, run_study

    if study.search.engine == "local":
        # TensorFlow is imported for the lanes while this process reads the data and imports it too.
        prepare_lanes()
    dataset = load_with_progress(source)
    path = path or options.new_run(study.command)
    stderr.print(
        f"[bold]{escape(dataset.name)}[/bold]: {len(dataset.train):,} images to train on,"
        f" {len(dataset.test):,} to test -> {escape(str(path))}"
    )
    if study.command != "scan":
        show_plan(study.search, study.space, dataset.train, lanes, address)
    with SearchTable(study.search) as table, EpochBar() as bar:

        def begin(stage: str) -> None:
            table.end()
            if stage == "report":
                bar.end()
            stderr.print(f"[dim]{_STAGES[stage]}[/dim]")

        try:
            return run_study(
                study,
                dataset,
                path,
                overwrite=overwrite,
                lanes=lanes,
                address=address,
                listener=Listener(stage=begin, scan=table.scanned, search=table.searched, epoch=bar),
            )
        except KeyboardInterrupt:
            table.end()
            stderr.print(
                f"interrupted; every finished trial is kept\nhint: digitlab {study.command} --resume {path}",
                markup=False,
            )
            raise


def json_head(record: dict[str, Any]) -> dict[str, Any]:
    """What every verb's JSON object begins with."""
    return {
        "run": record["path"],
        "dataset": {key: record["dataset"][key] for key in ("name", "fingerprint", "note")},
        "duration_s": round(sum(stage.get("duration_s", 0.0) for stage in record["stages"].values()), 3),
        "report": str(Path(record["path"]) / "report.html"),
    }


def show_search(record: dict[str, Any]) -> None:
    """The finalists, the winner and how sure it is, for people."""
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
