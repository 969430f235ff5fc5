"""Finalists: the best few configurations, each trained over several seeds before a winner is named.

A search names the best of many scores, and on 6,000 validation images the standard error of 98 % is
0.18 points: the best score is partly luck. What is trained again, from other seeds, has no share in it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.lanes.lanes import Ended, Progressed
from digitlab.model.blueprint import Blueprint
from digitlab.runs import write_text
from digitlab.runs.checks import fields, list_of, reading
from digitlab.runs.checksums import check_checksum, check_file, file_states, with_checksum
from digitlab.runs.json_file import read_json
from digitlab.runs.layout import FINALISTS
from digitlab.runs.record_checks import check_file_state, check_row_with
from digitlab.training.job import Row, TrainJob
from digitlab.training.schedule import schedule_of

_check_result = fields(
    {"rows": list_of(check_row_with("epoch", "val_loss", "val_accuracy"), least=1), "weights": check_file_state}
)

# Does jobs, in any order, and tells of each, such as `Lanes.do`.
Doer = Callable[[Sequence[TrainJob]], Iterator[Progressed | Ended]]
FOLDER, WEIGHTS = "finalists", ".weights.h5"
SEARCHED = ("hidden_units", "learning_rate", "batch_size", "dropout", "distortion", "weight_decay")


@dataclass(frozen=True)
class Finalist:
    """One configuration, trained over several seeds with early stopping.

    Args:
        rank: Its place in the search, from 0.
        config: What was trained.
        search_score: What the search had scored it with.
        seeds: The seeds.
        accuracies: Validation accuracy of each seed, in the epoch of its lowest validation loss.
        losses: That loss.
        epochs: Epochs trained by each seed.
    """

    rank: int
    config: TrainConfig
    search_score: float
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    epochs: tuple[int, ...]

    @property
    def mean_accuracy(self) -> float:
        """Mean validation accuracy over the seeds."""
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """Standard deviation of the validation accuracy over the seeds; 0 for one seed."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        config = {name: value for name, value in self.config.to_dict().items() if name in SEARCHED}
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "config"}
        lists = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {**config, **lists, "mean_accuracy": self.mean_accuracy, "deviation": self.deviation}


@dataclass(frozen=True)
class Choice:
    """The winner among the finalists, and how sure that is.

    Args:
        winner: The finalist with the highest mean validation accuracy; ties go to the better rank.
        runner_up: The next, `None` if there is one finalist alone.
        difference: Winner's mean accuracy less the runner-up's.
        interval: Welch's 95 % interval of it over the seeds; `None` where no spread is known.
    """

    winner: Finalist
    runner_up: Finalist | None
    difference: float
    interval: tuple[float, float] | None

    @property
    def is_sure(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval is not None and self.interval[0] > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; finalists by their rank."""
        return {
            "winner": self.winner.rank,
            "runner_up": self.runner_up.rank if self.runner_up else None,
            "difference": self.difference,
            "interval": list(self.interval) if self.interval else None,
            "is_sure": self.is_sure,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """How sure the choice is, in words."""
        if self.runner_up is None:
            return "There was one finalist alone."
        points = f"{100 * self.difference:.2f} points of validation accuracy"
        if self.interval is None:
            return f"The winner leads the next by {points}, on one seed each: the order may be chance."
        low, high = (100 * bound for bound in self.interval)
        said = f"The winner leads the next by {points} (95 % interval {low:+.2f} to {high:+.2f}, over seeds)"
        if self.is_sure:
            return f"{said}: most likely it is the better, though the interval does not allow for their being picked."
        return f"{said}: the two cannot be told apart on these images, and either would do."


def choose(finalists: Sequence[Finalist]) -> Choice:
    """Name the winner."""
    ordered = sorted(finalists, key=lambda f: (-f.mean_accuracy, f.rank))
    winner = ordered[0]
    if len(ordered) == 1:
        return Choice(winner, None, 0.0, None)
    second = ordered[1]
    difference = winner.mean_accuracy - second.mean_accuracy
    return Choice(winner, second, difference, _welch(winner.accuracies, second.accuracies, difference))


def _welch(a: Sequence[float], b: Sequence[float], difference: float) -> tuple[float, float] | None:
    """Welch 1947 (Biometrika 34: 28-35), degrees of freedom by Satterthwaite."""
    from scipy.stats import t

    if min(len(a), len(b)) < 2:
        return None
    shares = [statistics.variance(values) / len(values) for values in (a, b)]
    total = sum(shares)
    if total == 0:
        return (difference, difference)
    freedom = total**2 / sum(s**2 / (len(v) - 1) for s, v in zip(shares, (a, b), strict=True))
    half = float(t.ppf(0.975, freedom)) * math.sqrt(total)
    return difference - half, difference + half


def train_finalists(
    do: Doer,
    candidates: Sequence[tuple[TrainConfig, float]],
    seeds: Sequence[int],
    num_classes: int,
    folder: Path,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Finalist]:
    """Train every candidate with every seed; what an earlier process had finished in `folder` is read.

    Args:
        do: Does the training.
        candidates: Configurations with their search scores, the best first.
        seeds: One training each.
        num_classes: Units of the softmax layer.
        folder: Results, and weights as ``NAME.weights.h5``.
        tell: Called with how many trainings are done, and of how many.

    Raises:
        RunError: A training failed, or an earlier result is damaged.
    """
    jobs = [
        _job(config.replace(seed=seed), num_classes, folder, rank)
        for rank, (config, _) in enumerate(candidates)
        for seed in seeds
    ]
    waiting = [job for job in jobs if not (folder / f"{job.name}.json").exists()]
    done = len(jobs) - len(waiting)
    tell(done, len(jobs))
    for event in do(waiting):
        if isinstance(event, Ended):
            _keep(event, folder)
            done += 1
            tell(done, len(jobs))
    return [_read_finalist(rank, *candidate, seeds, folder) for rank, candidate in enumerate(candidates)]


def result_path(folder: Path, rank: int, seed: int) -> Path:
    """Where a training's rows lie."""
    return folder / f"{_name(rank, seed)}.json"


def weights_path(folder: Path, rank: int, seed: int) -> Path:
    """Where the weights of its best epoch lie."""
    return folder / f"{_name(rank, seed)}{WEIGHTS}"


def finalist_files(run: Path) -> list[str]:
    """The files that the finalists' training left in a run, as paths below its folder."""
    return [f"{FOLDER}/{path.name}" for path in sorted((run / FOLDER).glob("*-seed-*")) if FINALISTS.is_file(path.name)]


def _name(rank: int, seed: int) -> str:
    return f"{rank}-seed-{seed}"


def _job(config: TrainConfig, num_classes: int, folder: Path, rank: int) -> TrainJob:
    return TrainJob(
        name=_name(rank, config.seed),
        build=Blueprint(config, num_classes),
        batch_size=config.batch_size,
        shape=config.shape,
        seed=config.seed,
        last_epoch=config.epochs,
        weights=weights_path(folder, rank, config.seed),
        monitor="val_loss",
        mode="min",
        distortion=config.distortions,
        schedule=schedule_of(config),
        patience=config.patience or None,
    )


def _keep(event: Ended, folder: Path) -> None:
    if event.error is not None:
        raise RunError(
            f"training finalist {event.job.name} failed: {event.error}", hint="the same command tries it again"
        )
    [weights] = file_states(folder, [f"{event.job.name}{WEIGHTS}"]).values()
    result = with_checksum({"rows": event.rows, "weights": weights})
    write_text(folder / f"{event.job.name}.json", json.dumps(result) + "\n")


def _read_finalist(rank: int, config: TrainConfig, score: float, seeds: Sequence[int], folder: Path) -> Finalist:
    histories = [read_rows(result_path(folder, rank, seed)) for seed in seeds]
    kept = [min(rows, key=lambda row: row["val_loss"]) for rows in histories]
    return Finalist(
        rank=rank,
        config=config,
        search_score=score,
        seeds=tuple(seeds),
        accuracies=tuple(row["val_accuracy"] for row in kept),
        losses=tuple(row["val_loss"] for row in kept),
        epochs=tuple(len(rows) for rows in histories),
    )


def read_rows(path: Path) -> list[Row]:
    """The rows that a finalist's training left, a row per epoch.

    Raises:
        RunError: The file, or that of the weights beside it, is missing or damaged.
    """
    hint = f"the file is damaged; rm {shlex.quote(str(path))} and repeat the command"
    with reading(path, hint, "a finalist's result"):
        result = check_checksum(_check_result(read_json(path)))
    check_file(path.with_name(f"{path.stem}{WEIGHTS}"), result["weights"], hint)
    return list(result["rows"])
