"""``digitlab train`` as one call: train, evaluate, export, report; every stage resumable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitlab.config import TrainConfig
from digitlab.data import Dataset
from digitlab.runs import RunFolder
from digitlab.study.folder import (
    clear_run,
    close_interrupted,
    describe_data,
    refuse_finished,
    refuse_foreign_folder,
    refuse_other_data,
)
from digitlab.study.stages import evaluate_in, export_in, report_in, stage_finished, summarise

if TYPE_CHECKING:
    from digitlab.training.callbacks import Progress

StageListener = Callable[[str], None]


def train_and_report(
    dataset: Dataset,
    config: TrainConfig,
    path: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    on_stage: StageListener = lambda stage: None,
) -> dict[str, Any]:
    """Train a network, open the test split once, and write the report.

    Interrupted at any moment, the same call goes on where it stopped.

    Args:
        dataset: Training and test split.
        config: Architecture and procedure.
        path: The run folder.
        overwrite: Throw away a run that is already there.
        progress: Told about every epoch.
        on_stage: Told the name of each stage as it begins.

    Returns:
        The summary that ``--json`` prints.

    Raises:
        RunError: The folder holds a finished run, or another configuration's, or is in use.
    """
    folder = RunFolder(path)
    refuse_foreign_folder(folder, overwrite=overwrite)
    with folder.lock():
        if overwrite:
            clear_run(folder)
        refuse_finished(folder)
        try:
            _run_stages(folder, dataset, config, progress, on_stage)
        except KeyboardInterrupt:
            close_interrupted(folder)
            raise
    return summarise(folder)


def _run_stages(
    folder: RunFolder,
    dataset: Dataset,
    config: TrainConfig,
    progress: Progress | None,
    on_stage: StageListener,
) -> None:
    from digitlab.training.held_out import hold_out
    from digitlab.training.train import refuse_another_run, remove_state, train_in

    if folder.exists():
        refuse_another_run(folder, dataset.train, config)
        refuse_other_data(folder, dataset)
        folder.update_record(status="running")
    if not stage_finished(folder, "train"):
        on_stage("train")
        train_in(folder, dataset.train, config, about=describe_data(dataset), progress=progress)
    remove_state(folder)
    if not stage_finished(folder, "evaluate"):
        on_stage("evaluate")
        _, validation = hold_out(dataset.train, config)
        evaluate_in(folder, validation, dataset.test)
    if not stage_finished(folder, "export"):
        on_stage("export")
        export_in(folder)
    if not stage_finished(folder, "report"):
        on_stage("report")
        report_in(folder)
    folder.update_record(status="finished")
