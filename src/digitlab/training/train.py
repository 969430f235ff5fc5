"""`train`: one network, from a split and a configuration to a run.

The story reads from top to bottom: hold out a validation part, build the network, take up a
checkpoint if there is one, fit, keep the best epoch.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.errors import RunError
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.runs import RunFolder, available_cores, deciding_versions, describe_versions, refuse_differences
from digitlab.training import callback_state
from digitlab.training import tensorflow_epoch as adapter
from digitlab.training.callbacks import BestModel, Progress, Recorder, Reporter, save_model
from digitlab.training.checkpoint import Checkpoint
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.examples import write_examples
from digitlab.training.held_out import hold_out, one_hot
from digitlab.training.record import begin_record
from digitlab.training.run import Run
from digitlab.training.schedule import schedule_of


def train(
    split: Split,
    config: TrainConfig | None = None,
    *,
    out: Path | str | None = None,
    callbacks: Sequence[Any] = (),
    progress: Progress | None = None,
) -> Run:
    """Train one network.

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
    """
    config = config or TrainConfig()
    if out is None:
        return _fit(split, config, None, available_cores(), callbacks, progress)
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
    earlier = sum(row["duration_s"] for row in folder.read_history())
    started = time.perf_counter()
    run = _fit(split, config, folder, record["machine"]["threads"], callbacks, progress)
    save_model(run.model, folder / "model.keras")
    if config.distortions:
        write_examples(folder, split, config)
    stage = {"status": "finished", "duration_s": round(earlier + time.perf_counter() - started, 3)}
    folder.update_record(
        status="finished" if last_stage else "running",
        stages={**record["stages"], "train": stage},
        epochs=len(run.history),
        best_epoch=run.best_epoch,
        stopped=run.stopped,
        parameters=int(run.model.count_params()),
    )
    (folder / "checkpoints" / "state.npz").unlink(missing_ok=True)
    return run


def _fit(
    split: Split,
    config: TrainConfig,
    folder: RunFolder | None,
    threads: int,
    extra: Sequence[Any],
    progress: Progress | None,
) -> Run:
    _fix_threads(threads, folder)
    fitted, validation = hold_out(split, config)
    model = build_mlp(config, split.num_classes)

    history: list[dict[str, float]] = []
    best = BestModel(folder / "checkpoints" / "best.keras" if folder else None)
    callbacks = [*_schedule(config), Recorder(history, folder), best, *_stopping(config), *_tensorboard(folder), *extra]
    if progress is not None:
        callbacks.append(Reporter(progress, history, best, config.epochs))
    checkpoint = None
    if folder is not None:
        _warn_of_forgetful(extra)
        checkpoint = Checkpoint(folder / "checkpoints" / "state.npz", callbacks, history)
        checkpoint.restore(model)
        folder.write_history(history)
        callbacks.append(checkpoint)

    done = checkpoint.epochs_done if checkpoint else 0
    last = done if checkpoint and checkpoint.finished else config.epochs
    CompiledEpochs(model, batch_size=config.batch_size, distortion=config.distortions).fit(
        fitted.images,
        one_hot(fitted),
        epochs=last,
        initial_epoch=done,
        seed=config.seed,
        validation_data=None if validation is None else (validation.images, one_hot(validation)),
        callbacks=callbacks,
    )
    kept = best.best_epoch if config.stops_early and best.best_epoch else len(history)
    return Run(model, config, history, kept, _why(config, len(history)), validation, folder.path if folder else None)


def _stopping(config: TrainConfig) -> list[Any]:
    if not config.stops_early:
        return []
    return [keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True, mode="min")]


def _schedule(config: TrainConfig) -> list[Any]:
    schedule = schedule_of(config)
    return [] if schedule is None else [keras.callbacks.LearningRateScheduler(schedule)]


def _tensorboard(folder: RunFolder | None) -> list[Any]:
    if folder is None:
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]


def _why(config: TrainConfig, epochs: int) -> str:
    if config.stops_early and epochs < config.epochs:
        return f"val_loss had not fallen for {config.patience} epochs"
    return f"all {epochs} epochs were trained" if epochs == config.epochs else "a callback ended training"


def _fix_threads(threads: int, folder: RunFolder | None) -> None:
    """Use as many threads as the run began with, since sums are rounded otherwise with another count."""
    in_force = adapter.use_threads(threads)
    if folder is not None and in_force != threads and (folder / "checkpoints" / "state.npz").exists():
        raise RunError(
            f"{folder.path} was begun with {threads} threads, this process has started with {in_force}",
            hint="resume it in a fresh process, so that it ends bit for bit as it would have",
        )


def _warn_of_forgetful(callbacks: Sequence[Any]) -> None:
    if names := callback_state.untold(callbacks):
        warnings.warn(
            f"the state of {', '.join(names)} is not kept for a resume; "
            "give it get_state() -> dict and set_state(dict)",
            stacklevel=4,
        )


def _open_record(folder: RunFolder, split: Split, config: TrainConfig, about: dict[str, Any]) -> dict[str, Any]:
    """run.json of the run to begin, or of the one to go on with."""
    if folder.exists():
        return _check_same_run(folder, split, config)
    threads = adapter.use_threads(available_cores())
    return begin_record(folder, "train", split, config, about=about, threads=threads)


def _check_same_run(folder: RunFolder, split: Split, config: TrainConfig) -> dict[str, Any]:
    record = folder.read_record()
    if record["stages"].get("train", {}).get("status") == "finished":
        raise RunError(
            f"{folder.path} holds a finished training",
            hint="add --overwrite to train anew, or choose another --out",
        )
    asked = {
        "configuration": (record["config"], config.to_dict()),
        "training data": (record["dataset"]["train_fingerprint"], split.fingerprint),
        "software": (deciding_versions(record["versions"]), deciding_versions(describe_versions())),
    }
    refuse_differences(folder, asked)
    return record
