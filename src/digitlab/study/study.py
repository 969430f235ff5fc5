"""``digitlab study``, ``tune`` and ``scan`` as one call: the document's study, stage by stage, each resumable.

::

    scan      learning-rate range test, and the document's rates side by side
    tune      Hyperband over the space, the best few trained again, the winner named
    train     the winner, as trained with its first seed, becomes the run's network
    evaluate  the test split is opened, once, for the winner over all its seeds
    export    model.onnx
    recommend the winner's widths, trained by a recipe of today on all images, in recommended/
    report    report.html

The search is the whole of ``tune``, the scan of ``scan``; both end with a report.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitlab.config import TrainConfig
from digitlab.data import Dataset
from digitlab.evaluation.document import why_not_compared
from digitlab.evaluation.overlap import overlap_sentence
from digitlab.runs import (
    RunFolder,
    available_cores,
    deciding_versions,
    describe_versions,
    refuse_differences,
)
from digitlab.runs.checks import fields, list_of, positive, reading, whole
from digitlab.runs.record_checks import check_results
from digitlab.study.folder import (
    clear_run,
    close_interrupted,
    describe_data,
    refuse_finished,
    refuse_foreign_folder,
    refuse_other_data,
)
from digitlab.study.stages import evaluate_in, export_in, finish_stage, report_in, stage_finished

if TYPE_CHECKING:
    from digitlab.lanes.lanes import Lanes
    from digitlab.training.callbacks import Progress
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.progress import SearchProgress
    from digitlab.tuning.space import SearchSpace

STAGES = {
    "scan": ("scan", "report"),
    "tune": ("tune", "report"),
    "study": ("scan", "tune", "train", "evaluate", "export", "recommend", "report"),
}
# What the study that digitlab starts from reports of its best network.
DOCUMENT = {
    "validation_accuracy": 0.9785,
    "test_accuracy": 0.9758,
    "test_loss": 0.0846,
    "hidden_units": [256, 128],
    "learning_rate": 0.001,
}


@dataclass(frozen=True)
class ScanSettings:
    """How the learning-rate scan goes about; see `digitlab.scan.scan.scan_learning_rates`."""

    rates: tuple[float, ...]
    epochs: int = 3
    lowest: float = 1e-6
    highest: float = 1.0
    steps: int = 600

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.__dict__, "rates": list(self.rates)}


_SCAN_CHECKS: dict[str, Any] = {
    "rates": list_of(positive, most=1000),
    "epochs": whole(1, 100_000),
    "lowest": positive,
    "highest": positive,
    "steps": whole(1, 100_000),
}
_check_scan = fields(_SCAN_CHECKS)


@dataclass
class Listener:
    """Told what happens; each is called from the thread that runs the study."""

    stage: Callable[[str], None] = lambda name: None
    scan: Callable[[int, int], None] = lambda done, of: None
    epoch: Progress | None = None
    search: Callable[[SearchProgress], None] = lambda progress: None


@dataclass(frozen=True)
class Study:
    """What a study does.

    Args:
        command: Which of `STAGES`.
        search: How networks are searched, and everything about them that is not.
        space: What is searched.
        scan: How learning rates are scanned.
        recipe: What the winner's widths are trained by in the end; `None` leaves that out. Only a ``study`` does it.
    """

    command: str
    search: SearchConfig
    space: SearchSpace
    scan: ScanSettings
    recipe: TrainConfig | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of its stages, in their order."""
        return tuple(stage for stage in STAGES[self.command] if stage != "recommend" or self.recipe is not None)

    def identity(self) -> dict[str, Any]:
        """What must be equal for an unfinished run to be gone on with."""
        return {
            "search": self.search.to_dict(),
            "space": self.space.to_dict(),
            "scan": self.scan.to_dict(),
            "recipe": self.recipe.to_dict() if self.recipe else None,
        }


@dataclass
class _Context:
    """What the stages of one call share."""

    folder: RunFolder
    dataset: Dataset
    study: Study
    lanes: int | None
    address: str | None
    listener: Listener
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _pool: Lanes | None = None

    @property
    def base(self) -> TrainConfig:
        return self.study.search.base

    def end_pool(self) -> None:
        """End the lanes, whose cores something else is to have."""
        self.stack.close()
        self._pool = None

    @property
    def pool(self) -> Lanes:
        """The lanes, started when they are first needed and shared, so that no program is compiled twice."""
        if self._pool is None:
            from digitlab.lanes.lanes import Lanes
            from digitlab.training.held_out import train_data

            data = train_data(self.dataset.train, self.base)
            self._pool = self.stack.enter_context(Lanes(data, self.lanes or available_cores()))
        return self._pool


def run_study(
    study: Study,
    dataset: Dataset,
    path: Path,
    *,
    overwrite: bool = False,
    lanes: int | None = None,
    address: str | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run a study's stages, or what is left of them.

    Killed at any moment, the same call goes on and ends as it would have ended.

    Args:
        study: What to do.
        dataset: Training and test split; only the stage ``evaluate`` opens the test split.
        path: The run folder.
        overwrite: Throw away a run that is already there.
        lanes: Processes of one thread each; one for every core by default. No result depends on it.
        address: Of a Ray cluster, for a search whose engine is ``ray``; `None` starts Ray on this machine.
        listener: Told what happens.

    Returns:
        run.json's content.

    Raises:
        RunError: The folder holds a finished run, or another study's, or is in use.
    """
    folder = RunFolder(path)
    refuse_foreign_folder(folder, overwrite=overwrite)
    with folder.lock():
        if overwrite:
            clear_run(folder)
        refuse_finished(folder)
        _open(folder, study, dataset)
        context = _Context(folder, dataset, study, lanes, address, listener or Listener())
        try:
            with context.stack:
                for stage in study.stages:
                    if not stage_finished(folder, stage):
                        context.listener.stage(stage)
                        _DO[stage](context)
        except KeyboardInterrupt:
            close_interrupted(folder)
            raise
        _check_results(folder, folder.read_record(), study)
        return {**folder.update_record(status="finished"), "path": str(path)}


def _check_results(folder: RunFolder, record: dict[str, Any], study: Study) -> None:
    # Stages that an earlier process had ended left their results in a file, which may be damaged.
    stages = (*study.stages, *(("seeds",) if study.command == "study" else ()))
    with reading(folder.record_path, "the file is damaged; run the study again with --overwrite"):
        check_results(record, stages)


def read_study(record: dict[str, Any]) -> Study:
    """The study that a run was begun with, from its run.json.

    Raises:
        RunError: The record does not hold one, or an impossible one.
    """
    from digitlab.tuning.config import SearchConfig
    from digitlab.tuning.space import SearchSpace

    where = Path(record["name"]) / "run.json"
    with reading(where, "the file is damaged; run it anew", "the settings of a study"):
        stated = record["study"]
        settings = _scan_settings(stated["scan"])
        search = SearchConfig(**{**stated["search"], "base": TrainConfig.from_mapping(stated["search"]["base"])})
        recipe = TrainConfig.from_mapping(stated["recipe"]) if stated["recipe"] else None
        return Study(record["command"], search, SearchSpace.from_mapping(stated["space"]), settings, recipe)


def _scan_settings(values: object) -> ScanSettings:
    checked = _check_scan(values)
    return ScanSettings(**{**{name: checked[name] for name in _SCAN_CHECKS}, "rates": tuple(checked["rates"])})


def _open(folder: RunFolder, study: Study, dataset: Dataset) -> None:
    if not folder.exists():
        from digitlab.training.record import begin_record

        begin_record(
            folder,
            study.command,
            dataset.train,
            study.search.base,
            about=describe_data(dataset),
            stages={},
            study=study.identity(),
            **_document(study, dataset),
        )
        return
    record = folder.read_record()
    asked = {
        "verb": (record.get("command"), study.command),
        **{what: ((record.get("study") or {}).get(what), wanted) for what, wanted in study.identity().items()},
        "training data": (record["dataset"].get("train_fingerprint"), dataset.train.fingerprint),
        "software": (deciding_versions(record["versions"]), deciding_versions(describe_versions())),
    }
    refuse_differences(folder, asked)
    refuse_other_data(folder, dataset)
    folder.update_record(status="running")


def _document(study: Study, dataset: Dataset) -> dict[str, Any]:
    """The document's figures, and why this study is not to be compared with them."""
    if study.command != "study":
        return {"document": None}
    counts = {"train": len(dataset.train), "validation": 0}
    return {"document": DOCUMENT, "document_note": why_not_compared({**describe_data(dataset), **counts})}


def _scan(context: _Context) -> None:
    from digitlab.scan.result import write_scan
    from digitlab.scan.scan import scan_learning_rates

    started = time.perf_counter()
    result = scan_learning_rates(
        context.dataset.train,
        context.base,
        **context.study.scan.__dict__,
        pool=context.pool if context.study.scan.rates else None,
        progress=context.listener.scan,
    )
    write_scan(result, context.folder / "scan.csv")
    finish_stage(context.folder, "scan", started, scan=result.to_dict())


def _tune(context: _Context) -> None:
    from digitlab.study.search import search_by_engine
    from digitlab.training.trained_images import copies_held_out

    started = time.perf_counter()
    local = context.study.search.engine == "local"
    result = search_by_engine(
        context.folder.path,
        context.dataset.train,
        context.study.space,
        context.study.search,
        lanes=context.lanes,
        address=context.address,
        pool=context.pool if local else None,
        progress=context.listener.search,
    )
    copies, held_out = copies_held_out(context.dataset.train, context.base)
    search = {
        **result.to_dict(),
        "validation_overlap": overlap_sentence(copies, held_out),
        "space": context.study.space.to_dict(),
        "engine": context.study.search.engine,
        "lanes": context.pool.count if local else None,
        "duration_s": round(result.duration_s, 3),
    }
    finish_stage(context.folder, "tune", started, search=search, config=result.best.config.to_dict())


def _train(context: _Context) -> None:
    from digitlab.training.held_out import hold_out
    from digitlab.training.network import why_ended
    from digitlab.training.trained_images import write_trained_images
    from digitlab.tuning.winner import read_winner

    started = time.perf_counter()
    winner = read_winner(context.folder, context.base)
    fitted, _ = hold_out(context.dataset.train, context.base)  # all networks of a search train on the same images
    write_trained_images(context.folder, fitted, context.base)
    history = winner.history(winner.seeds[0])
    winner.save(winner.seeds[0], context.dataset.train.num_classes, context.folder / "model.keras")
    context.folder.write_history(history)
    best = min(history, key=lambda row: row["val_loss"])
    finish_stage(
        context.folder,
        "train",
        started,
        config=winner.config(winner.seeds[0]).to_dict(),
        epochs=len(history),
        best_epoch=int(best["epoch"]),
        stopped=why_ended(winner.base, len(history)),
        parameters=winner.parameters(context.dataset.train.num_classes),
    )


def _evaluate(context: _Context) -> None:
    from digitlab.evaluation import evaluate
    from digitlab.training.held_out import hold_out
    from digitlab.tuning.winner import read_winner

    _, validation = hold_out(context.dataset.train, context.base)
    winner = read_winner(context.folder, context.base)
    test = context.dataset.test
    scores = [evaluate(winner.classifier(seed, test.num_classes), test) for seed in winner.seeds]
    accuracies = [score.accuracy for score in scores]
    context.folder.update_record(
        seeds={
            "seeds": list(winner.seeds),
            "test_accuracies": accuracies,
            "test_losses": [score.loss for score in scores],
            "mean_accuracy": statistics.fmean(accuracies),
            "deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        }
    )
    evaluate_in(context.folder, validation, test)


def _recommend(context: _Context) -> None:
    from digitlab.study.recommend import recommend

    started = time.perf_counter()
    recipe = context.study.recipe
    assert recipe is not None  # otherwise this is no stage of the study
    context.end_pool()
    found = recommend(context.folder, context.dataset, recipe, context.listener.epoch)
    finish_stage(context.folder, "recommend", started, recommended=found)


_DO: dict[str, Callable[[_Context], Any]] = {
    "scan": _scan,
    "tune": _tune,
    "train": _train,
    "evaluate": _evaluate,
    "export": lambda context: export_in(context.folder),
    "recommend": _recommend,
    "report": lambda context: report_in(context.folder),
}
