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
from digitlab.errors import RunError
from digitlab.model.build import average_networks
from digitlab.model.keras_classifier import load_keras_classifier
from digitlab.runs import RunFolder
from digitlab.runs.checksums import file_states, stated_files
from digitlab.runs.folder import HISTORY
from digitlab.runs.layout import CHECKPOINTS, MODEL
from digitlab.runs.own_files import remove_own_folder
from digitlab.training.callbacks import EpochProgress, Progress, save_model
from digitlab.training.network import train_network
from digitlab.training.run import Run

FOLDER = "members"

# A network and the rows of its history.
Member = tuple[Any, list[dict[str, float]]]


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
        callbacks: More Keras callbacks. They act in the training of one member after another; what they remember
            from one to the next is not kept for a resume.
        progress: Told of the epochs of all members, counted through.

    Returns:
        The committee as one network; ``history`` has the mean over the members of each epoch's columns, its
        duration their sum.

    Raises:
        RunError: A callback ended a member's training early, so that it is not what the others are.
    """
    members, histories = [], []
    for number in range(config.members):
        told = None if progress is None else _counted_through(progress, number, config)
        member = _finished(folder, number) or _trained(parts, config, number, folder, callbacks, told)
        members.append(member[0])
        histories.append(member[1])
        rows = mean_history(histories)
        if folder is not None:
            folder.write_history(rows)
    stopped = f"all {len(rows)} epochs of {len(members)} members were trained"
    network = average_networks(members)
    return Run(network, config, rows, len(rows), stopped, parts[1], folder.path if folder else None)


def member_folder(folder: RunFolder, number: int) -> RunFolder:
    """Where the member `number`, from 0, lies."""
    return RunFolder(folder / FOLDER / str(number + 1))


def member_files(folder: RunFolder) -> list[str]:
    """The files that the finished members left, as paths below the committee's folder."""
    finished = [RunFolder(path.parent) for path in sorted((folder / FOLDER).glob(f"*/{MODEL}"))]
    return [_below(member, name) for member in finished for name in (HISTORY, MODEL)]


def has_begun(folder: RunFolder) -> bool:
    """Whether a member was trained here, if only for an epoch."""
    return any((folder / FOLDER).glob("*/history.csv"))


def seconds_so_far(folder: RunFolder) -> float:
    """How long the epochs took that a training has behind it, those of a committee's members included."""
    trained = [RunFolder(path.parent) for path in (folder / FOLDER).glob("*/history.csv")] or [folder]
    return sum(row["duration_s"] for own in trained for row in own.read_history())


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


def _finished(folder: RunFolder | None, number: int) -> Member | None:
    """A member that was trained before, `None` where it was not, or not to its end."""
    if folder is None:
        return None
    own = member_folder(folder, number)
    # Without checksums in run.json it was killed before the end, and its checkpoint goes on from there.
    if _below(own, MODEL) not in stated_files(folder.read_record()):
        return None
    _clear(own)
    return load_keras_classifier(own / MODEL).model, own.read_history()


def _keep_checksums(folder: RunFolder) -> None:
    """State in the committee's run.json what its finished members have left."""
    stages = folder.read_record()["stages"]
    files = file_states(folder.path, member_files(folder))
    folder.update_record(stages={**stages, "train": {**stages["train"], "files": files}})


def _below(member: RunFolder, name: str) -> str:
    return f"{FOLDER}/{member.path.name}/{name}"


def _trained(
    parts: tuple[Split, Split | None],
    config: TrainConfig,
    number: int,
    folder: RunFolder | None,
    callbacks: Sequence[Any],
    progress: Progress | None,
) -> Member:
    own = None if folder is None else member_folder(folder, number)
    run = train_network(parts, member_config(config, number), own, callbacks=callbacks, progress=progress)
    if len(run.history) != config.epochs:
        if own is not None:
            _clear(own)  # its checkpoint says that it is finished, and it is to be trained anew
        raise RunError(
            f"member {number + 1}: expected {config.epochs} epochs, got {len(run.history)}",
            hint="leave out callbacks that end training early, or train a single network",
        )
    if folder is not None and own is not None:
        save_model(run.model, own / MODEL)
        _keep_checksums(folder)
        _clear(own)
    return run.model, run.history


def _clear(folder: RunFolder) -> None:
    """Remove the checkpoints, which only a member that is to be gone on with needs."""
    remove_own_folder(folder / "checkpoints", CHECKPOINTS)


def _counted_through(progress: Progress, number: int, config: TrainConfig) -> Progress:
    """Tells of one member's epochs as a part of all members'."""
    before, total = number * config.epochs, config.members * config.epochs
    seconds_an_epoch = 0.0

    def tell(own: EpochProgress) -> None:
        nonlocal seconds_an_epoch
        remaining = own.remaining_s
        if remaining is not None:
            if own.epoch < own.epochs:
                seconds_an_epoch = remaining / (own.epochs - own.epoch)
            remaining = seconds_an_epoch * (total - before - own.epoch)
        best = None if own.best_epoch is None else before + own.best_epoch
        progress(
            dataclasses.replace(own, epoch=before + own.epoch, epochs=total, best_epoch=best, remaining_s=remaining)
        )

    return tell
