"""`train_network`: one network, from the parts of a split to its kept epoch.

The story reads from top to bottom: build the network, take up a checkpoint if there is one, fit, keep the best
epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.model.backend import keras
from digitlab.model.build import build_mlp
from digitlab.runs import RunFolder
from digitlab.runs.layout import CHECKPOINT
from digitlab.training.callbacks import BestModel, Progress, Recorder, Reporter
from digitlab.training.checkpoint import Checkpoint
from digitlab.training.compiled_epochs import CompiledEpochs
from digitlab.training.held_out import one_hot
from digitlab.training.run import Run
from digitlab.training.schedule import schedule_of
from digitlab.training.shards import Shards
from digitlab.training.teacher import load_teacher


def train_network(
    parts: tuple[Split, Split | None],
    config: TrainConfig,
    folder: RunFolder | None,
    *,
    callbacks: Sequence[Any] = (),
    progress: Progress | None = None,
) -> Run:
    """Train one network.

    Args:
        parts: What to train on and what to score each epoch on.
        config: Architecture and procedure.
        folder: Where checkpoints and history.csv go, and where a checkpoint to go on from may lie; `None` writes
            nothing.
        callbacks: More Keras callbacks.
        progress: Called before the first epoch and after each.
    """
    fitted, validation = parts
    model = build_mlp(config, fitted.num_classes)
    history: list[dict[str, float]] = []
    best = BestModel(folder / "checkpoints" / "best.keras" if folder else None)
    own = [*_schedule(config), Recorder(history, folder), best, *_stopping(config), *_tensorboard(folder)]
    acting = [*own, *callbacks]
    if progress is not None:
        acting.append(Reporter(progress, history, best, config.epochs))
    checkpoint = None
    if folder is not None:
        checkpoint = Checkpoint(folder / CHECKPOINT, acting, history)
        checkpoint.restore(model)
        folder.write_history(history)
        folder.read_history()  # raises where the checkpoint holds rows that are no training's
        acting.append(checkpoint)

    done = checkpoint.epochs_done if checkpoint else 0
    last = done if checkpoint and checkpoint.finished else config.epochs
    compiled = CompiledEpochs(
        model,
        batch_size=config.batch_size,
        distortion=config.distortions,
        teacher=load_teacher(config, fitted.num_classes),
    )
    if config.shard_images:
        shards = Shards(fitted, config.shard_images, batch_size=config.batch_size, seed=config.seed)
        compiled.fit_shards(shards, epochs=last, initial_epoch=done, validation=validation, callbacks=acting)
    else:
        compiled.fit(
            fitted.images,
            one_hot(fitted),
            epochs=last,
            initial_epoch=done,
            seed=config.seed,
            validation_data=None if validation is None else (validation.images, one_hot(validation)),
            callbacks=acting,
        )
    kept = best.best_epoch if config.stops_early and best.best_epoch else len(history)
    return Run(
        model, config, history, kept, why_ended(config, len(history)), validation, folder.path if folder else None
    )


def _stopping(config: TrainConfig) -> list[Any]:
    if not config.stops_early:
        return []
    return [keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True, mode="min")]


def _schedule(config: TrainConfig) -> list[Any]:
    schedule = schedule_of(config)
    return [] if schedule is None else [keras.callbacks.LearningRateScheduler(schedule)]


def _tensorboard(folder: RunFolder | None) -> list[Any]:
    # Keras writes that log through TensorFlow, which a training on another backend does without.
    if folder is None or keras.backend.backend() != "tensorflow":
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]


def why_ended(config: TrainConfig, epochs: int) -> str:
    """Why a training ended after so many epochs, as the end of a sentence."""
    if config.stops_early and epochs < config.epochs:
        return f"val_loss had not fallen for {config.patience} epochs"
    return f"all {epochs} epochs were trained" if epochs == config.epochs else "a callback ended training"
