"""run.json of a run that begins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.runs import RunFolder, describe_machine, describe_versions, keras_backend
from digitlab.runs.version import VERSION
from digitlab.training.held_out import hold_out


def begin_record(
    folder: RunFolder,
    command: str,
    split: Split,
    config: TrainConfig,
    *,
    about: dict[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """Write run.json for a run that has done nothing yet.

    Args:
        folder: The run's.
        command: The verb that began it; its first stage is taken to have the verb's name unless `more` says.
        split: The training split.
        config: Decides what is held out.
        about: More to say of the data set.
        **more: Top-level keys to add or put in place of the usual; what ``machine`` holds is added to the usual.

    Returns:
        The record.
    """
    fitted, validation = hold_out(split, config)
    machine = more.pop("machine", {})
    record = {
        "format": 1,
        "version": VERSION,
        "command": command,
        "name": folder.path.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
        "config": config.to_dict(),
        "dataset": {
            "name": split.name,
            "fingerprint": split.fingerprint,
            "train_fingerprint": split.fingerprint,
            "class_names": list(split.class_names),
            "train": len(fitted),
            "validation": len(validation) if validation else 0,
            "note": "",
            **about,
        },
        "backend": keras_backend(),
        "versions": describe_versions(),
        "machine": {**describe_machine(), **machine},
        "stages": {command: {"status": "running"}},
        "validation": None,
        "test": None,
        **more,
    }
    folder.write_record(record)
    return record
