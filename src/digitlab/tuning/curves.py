"""The trials' learning curves as TensorBoard shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from digitlab.runs import atomic_path
from digitlab.runs.layout import EVENTS
from digitlab.runs.own_files import remove_own_folder
from digitlab.tuning.result import TrialRecord


def write_curves(trials: Sequence[TrialRecord], folder: Path) -> None:
    """Write a TensorBoard log for each trial, in place of what an earlier call wrote.

    Args:
        trials: Those with a history; one that failed before its first epoch has none.
        folder: A folder a trial is made in it.

    Raises:
        RunError: A file cannot be written.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    for trial in trials:
        if not trial.history:
            continue
        remove_own_folder(folder / trial.trial, EVENTS)
        # Not TensorBoard's own `EventFileWriter`: it writes in a thread, which on a full disk ends with a traceback.
        began = time.time()
        name = f"events.out.tfevents.{began:.0f}.digitlab"
        with atomic_path(folder / trial.trial / name) as path, path.open("wb") as file:
            writer = RecordWriter(file)
            writer.write(Event(wall_time=began, file_version="brain.Event:2").SerializeToString())
            for row in trial.history:
                values = [
                    Summary.Value(tag=f"epoch_{column}", simple_value=row[column])
                    for column in ("loss", "accuracy", "val_loss", "val_accuracy")
                    if column in row
                ]
                event = Event(wall_time=began, step=int(row["epoch"]), summary=Summary(value=values))
                writer.write(event.SerializeToString())
