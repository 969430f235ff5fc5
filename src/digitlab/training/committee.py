"""`train_committee`: several networks, trained one after another, whose probabilities are averaged.

Meier, Ciresan, Gambardella, Schmidhuber 2011 (ICDAR: 1250-1254). Nothing is chosen among the members, so that their
number is all there is to decide.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.model.build import average_networks
from digitlab.model.keras_classifier import load_keras_classifier
from digitlab.runs import RunFolder
from digitlab.training.callbacks import EpochProgress, Progress, save_model
from digitlab.training.network import STATE, train_network
from digitlab.training.run import Run

FOLDER = "members"


def train_committee(
    parts: tuple[Split, Split | None],
    config: TrainConfig,
    folder: RunFolder | None,
    *,
    callbacks: Sequence[Any] = (),
    progress: Progress | None = None,
) -> Run:
    """Train ``config.members`` networks, each from a seed of its own, and join them.

    Args:
        parts: What every member is trained on, and what each is scored on.
        config: Architecture and procedure of every member.
        folder: Gets a folder for each member, so that the finished ones are not trained again when an interrupted
            committee is gone on with. `None` writes nothing.
        callbacks: More Keras callbacks, acting in every member's training.
        progress: Told of the epochs of all members, counted through.

    Returns:
        The committee as one network; ``history`` has the mean over the members of each epoch's columns, its
        duration their sum.
    """
    members, histories = [], []
    for number in range(config.members):
        own = RunFolder(folder / FOLDER / str(number + 1)) if folder is not None else None
        told = None if progress is None else _counted_through(progress, number, config)
        model, history = _member(parts, member_config(config, number), own, callbacks, told)
        members.append(model)
        histories.append(history)
    rows = mean_history(histories)
    if folder is not None:
        folder.write_history(rows)
    stopped = f"all {len(rows)} epochs of {len(members)} members were trained"
    network = average_networks(members)
    return Run(network, config, rows, len(rows), stopped, parts[1], folder.path if folder else None)


def member_config(config: TrainConfig, number: int) -> TrainConfig:
    """What the member `number`, from 0, is trained by."""
    seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0]) >> 1
    return config.replace(members=1, seed=seed)


def mean_history(histories: Sequence[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The mean over the members of each epoch's columns, and the sum of their durations."""
    rows = []
    for same_epoch in zip(*histories, strict=True):
        row = {column: statistics.fmean(member[column] for member in same_epoch) for column in same_epoch[0]}
        row["duration_s"] = round(sum(member["duration_s"] for member in same_epoch), 4)
        rows.append(row)
    return rows


def _member(
    parts: tuple[Split, Split | None],
    config: TrainConfig,
    folder: RunFolder | None,
    callbacks: Sequence[Any],
    progress: Progress | None,
) -> tuple[Any, list[dict[str, float]]]:
    """A member and its history: trained, or read where it lies finished."""
    file = folder / "model.keras" if folder is not None else None
    if folder is not None and file is not None and file.exists():
        return load_keras_classifier(file).model, folder.read_history()
    run = train_network(parts, config, folder, callbacks=callbacks, progress=progress)
    if folder is not None and file is not None:
        save_model(run.model, file)
        (folder / STATE).unlink(missing_ok=True)
    return run.model, run.history


def _counted_through(progress: Progress, number: int, config: TrainConfig) -> Progress:
    """Tells of one member's epochs as a part of all members'."""

    def tell(own: EpochProgress) -> None:
        remaining = own.remaining_s
        if remaining is not None and own.epoch < own.epochs:
            remaining *= 1 + (config.members - number - 1) * own.epochs / (own.epochs - own.epoch)
        before = number * config.epochs
        progress(
            dataclasses.replace(
                own,
                epoch=before + own.epoch,
                epochs=config.members * config.epochs,
                best_epoch=None if own.best_epoch is None else before + own.best_epoch,
                remaining_s=remaining,
            )
        )

    return tell
