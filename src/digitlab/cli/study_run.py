"""Running the verbs that search or scan: data, lanes, progress, and what an interruption leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from digitlab.cli import run_options as options
from digitlab.cli.clock import seconds_so_far
from digitlab.cli.console import percent, stderr
from digitlab.cli.dataset import load_with_progress
from digitlab.cli.endings import RunEnding
from digitlab.cli.interruption import interruption
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
    """Load the data and run the study; an interruption says how to go on. `None` is a new folder under ``runs/``."""
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
    ending = interruption.ending = RunEnding(study.command, path, "every finished trial")
    with SearchTable(study.search) as table, EpochBar() as bar:

        def begin(stage: str) -> None:
            ending.is_ours = True
            table.end()
            if stage == "report":
                bar.end()
            stderr.print(f"[dim]{_STAGES[stage]}[/dim]")

        return run_study(
            study,
            dataset,
            path,
            overwrite=overwrite,
            lanes=lanes,
            address=address,
            listener=Listener(stage=begin, scan=table.scanned, search=table.searched, epoch=bar),
        )


def json_head(record: dict[str, Any]) -> dict[str, Any]:
    """What every verb's JSON object begins with."""
    from digitlab.study.stages import stages_duration

    return {
        "run": record["path"],
        "dataset": {key: record["dataset"][key] for key in ("name", "fingerprint", "note")},
        "duration_s": seconds_so_far(),
        "stages_duration_s": stages_duration(record),
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
    if sentence := search.get("validation_overlap"):
        stderr.print(f"  warning: of the validation images, {sentence}", style="bold yellow", markup=False)
    for failed in search["failed"]:
        stderr.print(f"  trial {failed['trial']} failed: {failed['error']}", style="yellow", markup=False)
    if record["command"] == "tune":
        show_end(record)


def show_end(record: dict[str, Any]) -> None:
    """Where the report lies, and how long the command took."""
    stderr.print(f"  report: {record['path']}/report.html", markup=False)
    stderr.print(f"  {seconds_so_far():.1f} s", markup=False)
