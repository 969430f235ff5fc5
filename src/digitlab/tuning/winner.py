"""`Winner`: the network that a search chose, as its finalists' training left it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.errors import RunError
from digitlab.model.build import build_mlp
from digitlab.model.keras_classifier import KerasClassifier
from digitlab.runs import RunFolder, machine_failure
from digitlab.runs.checks import reading
from digitlab.training.callbacks import save_model
from digitlab.training.job import Row
from digitlab.tuning.finalists import FOLDER, SEARCHED, read_rows, result_path, weights_path


@dataclass(frozen=True)
class Winner:
    """The winner of a run's search.

    Args:
        folder: Its finalists' results and weights.
        rank: Its rank among them.
        seeds: What it was trained with.
        base: Its configuration, but for the seed.
    """

    folder: Path
    rank: int
    seeds: tuple[int, ...]
    base: TrainConfig

    def config(self, seed: int) -> TrainConfig:
        """What it was trained by with that seed."""
        return self.base.replace(seed=seed)

    def history(self, seed: int) -> list[Row]:
        """A row an epoch, with the columns of history.csv."""
        return read_rows(result_path(self.folder, self.rank, seed))

    def model(self, seed: int, num_classes: int) -> Any:
        """The network, with the weights of its best epoch."""
        path = weights_path(self.folder, self.rank, seed)
        model = build_mlp(self.config(seed), num_classes)
        model.optimizer.build(model.trainable_variables)  # the file holds its state too
        try:
            model.load_weights(path)
        except (OSError, ValueError, KeyError) as error:
            raise machine_failure(error, f"cannot read {path}") or RunError(
                f"{path}: expected the winner's weights, got: {str(error).splitlines()[0]}",
                hint="the file is damaged; run the study again with --overwrite",
            ) from error
        return model

    def classifier(self, seed: int, num_classes: int) -> KerasClassifier:
        """The network behind the interface that evaluation asks for."""
        return KerasClassifier(self.model(seed, num_classes))

    def save(self, seed: int, num_classes: int, path: Path) -> None:
        """Write the network as a ``.keras`` file."""
        save_model(self.model(seed, num_classes), path)

    def parameters(self, num_classes: int) -> int:
        """How many weights it has."""
        return int(build_mlp(self.base, num_classes).count_params())


def read_winner(folder: RunFolder, base: TrainConfig) -> Winner:
    """The winner of a run whose search has ended.

    Args:
        folder: The run's.
        base: What was not searched.

    Raises:
        RunError: run.json holds no search, or one whose winner is no network.
    """
    record = folder.read_record()
    with reading(folder.record_path, "the file is damaged; run the study again with --overwrite"):
        search = record["search"]
        rank = search["choice"]["winner"]
        finalist = search["finalists"][rank]
        config = base.replace(**{name: finalist[name] for name in SEARCHED})
    return Winner(folder / FOLDER, rank, tuple(finalist["seeds"]), config)
