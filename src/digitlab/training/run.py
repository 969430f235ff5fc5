"""`Run`: a trained network and what is known of its training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitlab.config import TrainConfig
from digitlab.data.split import Split


@dataclass(frozen=True, eq=False)
class Run:
    """What `train` gives.

    Args:
        model: The trained `keras.Sequential`, weights of the best epoch restored.
        config: What it was trained by.
        history: A dictionary an epoch, with the columns of history.csv.
        best_epoch: The epoch (from 1) whose weights the model has; the last one without validation.
        stopped: Why training ended, a sentence.
        validation: The held-out part of the training split, `None` if there is none.
        path: The run folder, `None` if nothing was written.
    """

    model: Any
    config: TrainConfig
    history: list[dict[str, float]]
    best_epoch: int
    stopped: str
    validation: Split | None
    path: Path | None
