"""`train`: from a split and a configuration to a run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.errors import DigitlabWarning, RunError
from digitlab.runs import (
    RunFolder,
    available_cores,
    deciding_versions,
    describe_versions,
    keras_backend,
    machine_failures,
    refuse_differences,
    warn_of_other_processor,
)
from digitlab.runs.checks import reading
from digitlab.runs.checksums import file_states, refuse_changed_files
from digitlab.runs.folder import HISTORY
from digitlab.runs.layout import CHECKPOINT, DISTORTED, FINGERPRINTS, MODEL
from digitlab.training import callback_state
from digitlab.training.adapter import adapter
from digitlab.training.callbacks import Progress, save_model
from digitlab.training.committee import has_begun, member_files, seconds_so_far, train_committee
from digitlab.training.examples import write_examples
from digitlab.training.held_out import hold_out
from digitlab.training.network import train_network
from digitlab.training.record import begin_record
from digitlab.training.run import Run
from digitlab.training.teacher import describe_teacher, load_teacher
from digitlab.training.trained_images import write_trained_images

# What a training leaves, those of a committee's members aside; the pictures only where it distorts.
FILES = (HISTORY, MODEL, DISTORTED, FINGERPRINTS)


def train(
    split: Split,
    config: TrainConfig | None = None,
    *,
    out: Path | str | None = None,
    callbacks: Sequence[Any] = (),
    progress: Progress | None = None,
) -> Run:
    """Train one network, or the members of a committee.

    Args:
        split: The training split. There is no argument through which test images could come in.
        config: Architecture and procedure; the preset ``document`` by default.
        out: A run folder. If it holds an unfinished run of the same configuration, data and version,
            that run is gone on with from its last finished epoch, and ends where it would have ended
            uninterrupted, bit for bit on one machine. `None` writes nothing.
        callbacks: More Keras callbacks, called once an epoch. One whose state cannot be kept for a
            resume is named in a warning.
        progress: Called before the first epoch and after each with an `EpochProgress`.

    Returns:
        The trained network, its history and where it lies.

    Raises:
        RunError: `out` holds a finished run, or one of another configuration, data set or version.
        MachineError: The disk is full, or memory is short. The same call goes on when that has changed.
    """
    config = config or TrainConfig()
    if out is None:
        return _fit(hold_out(split, config), config, None, available_cores(), callbacks, progress)
    folder = RunFolder(Path(out))
    with folder.lock():
        return train_in(folder, split, config, callbacks=callbacks, progress=progress, last_stage=True)


def train_in(
    folder: RunFolder,
    split: Split,
    config: TrainConfig,
    *,
    about: dict[str, Any] | None = None,
    callbacks: Sequence[Any] = (),
    progress: Progress | None = None,
    last_stage: bool = False,
) -> Run:
    """The training stage of a run whose folder the caller holds; see `train`.

    Args:
        folder: Locked by the caller.
        split: The training split.
        config: Architecture and procedure.
        about: More to say of the data set in run.json, such as its note.
        callbacks: More Keras callbacks.
        progress: Called before the first epoch and after each.
        last_stage: Whether the run is finished with this.
    """
    record = _open_record(folder, split, config, about or {})
    earlier = seconds_so_far(folder)
    started = time.perf_counter()
    parts = hold_out(split, config)
    run = _fit(parts, config, folder, _threads(folder, record), callbacks, progress)
    write_trained_images(folder, parts[0], config)
    save_model(run.model, folder / MODEL)
    if config.distortions:
        write_examples(folder, split, config)
    stage = {
        "status": "finished",
        "duration_s": round(earlier + time.perf_counter() - started, 3),
        "files": file_states(folder.path, [*FILES, *member_files(folder)]),
    }
    folder.update_record(
        status="finished" if last_stage else "running",
        stages={**record["stages"], "train": stage},
        epochs=len(run.history),
        best_epoch=run.best_epoch,
        stopped=run.stopped,
        parameters=int(run.model.count_params()),
    )
    remove_state(folder)
    return run


def remove_state(folder: RunFolder) -> None:
    """Remove the checkpoint of a finished training, which a kill right after its end leaves behind."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _fit(
    parts: tuple[Split, Split | None],
    config: TrainConfig,
    folder: RunFolder | None,
    threads: int,
    callbacks: Sequence[Any],
    progress: Progress | None,
) -> Run:
    _fix_threads(threads, folder)
    if folder is not None:
        _warn_of_forgetful(callbacks)
    fit = train_network if config.members == 1 else train_committee
    # Keras' log for TensorBoard has TensorFlow's own error for a full disk.
    with machine_failures("training"):
        return fit(parts, config, folder, callbacks=callbacks, progress=progress)


def _fix_threads(threads: int, folder: RunFolder | None) -> None:
    """Use as many threads as the run began with, since sums are rounded otherwise with another count."""
    in_force = adapter.use_threads(threads)
    begun = folder is not None and ((folder / CHECKPOINT).exists() or has_begun(folder))
    if folder is not None and begun and in_force != threads:
        raise RunError(
            f"{folder.path} was begun with {threads} threads, this process has started with {in_force}",
            hint="resume it in a fresh process, so that it ends bit for bit as it would have",
        )


def _warn_of_forgetful(callbacks: Sequence[Any]) -> None:
    if names := callback_state.untold(callbacks):
        warnings.warn(
            f"the state of {', '.join(names)} is not kept for a resume; "
            "give it get_state() -> dict and set_state(dict)",
            DigitlabWarning,
            stacklevel=4,
        )


def _open_record(folder: RunFolder, split: Split, config: TrainConfig, about: dict[str, Any]) -> dict[str, Any]:
    """run.json of the run to begin, or of the one to go on with."""
    if folder.exists():
        return _check_same_run(folder, split, config)
    load_teacher(config, split.num_classes)  # what is wrong with it is said before anything is written
    threads = adapter.use_threads(available_cores())
    machine = {"threads": threads, "device": adapter.device()}
    return begin_record(folder, "train", split, config, about=about, machine=machine, teacher=describe_teacher(config))


def _check_same_run(folder: RunFolder, split: Split, config: TrainConfig) -> dict[str, Any]:
    record = folder.read_record()
    if record["stages"].get("train", {}).get("status") == "finished":
        remove_state(folder)
        raise RunError(
            f"{folder.path} holds a finished training",
            hint="add --overwrite to train anew, or choose another --out",
        )
    refuse_another_run(folder, split, config)
    return record


def refuse_another_run(folder: RunFolder, split: Split, config: TrainConfig) -> None:
    """Raise `RunError` unless a run was begun as it is asked for now, whatever stages of it are finished.

    Args:
        folder: The run's.
        split: The training split that is asked for.
        config: The configuration that is asked for, the seed included.

    Raises:
        RunError: Backend, configuration, teacher, device, training data or software is another, or a file of a
            finished stage has changed.
    """
    record = folder.read_record()
    _refuse_change_of_backend(folder, record)
    adapter.use_threads(_threads(folder, record))  # asking JAX for its device starts it
    asked = {
        "configuration": (record["config"], config.to_dict()),
        "teacher": (_sha256(record.get("teacher")), _sha256(describe_teacher(config))),
        "verb": (record.get("command"), "train"),
        "device": (record["machine"].get("device", "cpu"), adapter.device()),
        "training data": (record["dataset"].get("train_fingerprint"), split.fingerprint),
        "software": (deciding_versions(record["versions"]), deciding_versions(describe_versions())),
    }
    refuse_differences(folder, asked)
    refuse_changed_files(folder.path, record)
    warn_of_other_processor(folder, record)


def _threads(folder: RunFolder, record: dict[str, Any]) -> int:
    with reading(folder.record_path, "the file is damaged; restore it, or train again into a new folder"):
        return int(record["machine"]["threads"])


def _sha256(teacher: dict[str, Any] | None) -> str | None:
    return teacher["sha256"] if teacher else None


def _refuse_change_of_backend(folder: RunFolder, record: dict[str, Any]) -> None:
    begun_on, here = record.get("backend", "tensorflow"), keras_backend()
    if begun_on != here:
        raise RunError(
            f"{folder.path} was begun on Keras' {begun_on} backend, this is {here}",
            hint=f"resume it with KERAS_BACKEND={begun_on}, or choose another --out",
        )
