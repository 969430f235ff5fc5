"""The trials' learning curves as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from digitlab.runs.layout import EVENTS
from digitlab.runs.own_files import remove_own_folder
from digitlab.tuning.result import TrialRecord


def write_curves(trials: Sequence[TrialRecord], folder: Path) -> None:
    """Write a TensorBoard log for each trial, in place of what an earlier call wrote.

    Args:
        trials: Those with a history; one that failed before its first epoch has none.
        folder: A folder a trial is made in it.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for trial in trials:
        if not trial.history:
            continue
        remove_own_folder(folder / trial.trial, EVENTS)
        writer = EventFileWriter(str(folder / trial.trial))
        for row in trial.history:
            for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
                if name in row:
                    value = Summary.Value(tag=f"epoch_{name}", simple_value=row[name])
                    writer.add_event(Event(step=int(row["epoch"]), summary=Summary(value=[value])))
        writer.close()
