"""Training: a whole epoch as one compiled program, checkpoints, and the training of one network."""

from digitlab.training.callbacks import EpochProgress, Progress
from digitlab.training.compiled_epochs import CompiledEpochs, epoch_order
from digitlab.training.held_out import hold_out
from digitlab.training.run import Run
from digitlab.training.train import train, train_in

__all__ = [
    "CompiledEpochs",
    "EpochProgress",
    "Progress",
    "Run",
    "epoch_order",
    "hold_out",
    "train",
    "train_in",
]
