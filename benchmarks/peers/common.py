"""What every peer shares: the same images, the same split, the same stopping rule, one line of JSON.

A peer is a script of its own, run as a whole process, so that imports, compiling and memory count.
It trains 784-256-128-10 with ReLU and softmax, Adam at 0.001, and after every epoch (training and
validation) calls `Course.epoch_ended`. It stops when `Course.goes_on` says so.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digitlab.data import load_dataset, stratified_split

HIDDEN = (256, 128)
LEARNING_RATE = 0.001


@dataclass
class Course:
    """One peer's training as it is timed: seconds and validation accuracy an epoch."""

    most_epochs: int
    goal: float
    started: float = field(default_factory=time.perf_counter)
    epoch_started: float = 0.0
    seconds: list[float] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)

    def epoch_begins(self) -> None:
        """Start the epoch's clock."""
        self.epoch_started = time.perf_counter()

    def epoch_ended(self, val_accuracy: float) -> None:
        """Stop it; `val_accuracy` was measured within it."""
        now = time.perf_counter()
        self.seconds.append(now - self.epoch_started)
        self.elapsed.append(now - self.started)
        self.accuracies.append(float(val_accuracy))

    @property
    def goes_on(self) -> bool:
        """At least three epochs, so that there is a median; then until the goal or the last epoch."""
        done = len(self.seconds)
        return done < 3 or (done < self.most_epochs and max(self.accuracies) < self.goal)

    def report(self) -> None:
        """One JSON object on standard output."""
        print(json.dumps({"seconds": self.seconds, "elapsed": self.elapsed, "accuracies": self.accuracies}))


def begin(options: argparse.Namespace) -> Course:
    """Start the clock."""
    return Course(options.most_epochs, options.goal)


def keras_clock(course: Course, keras: Any) -> Any:
    """A Keras callback that times epochs as the other peers' loops do; `keras` as the peer imported it."""

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            course.epoch_begins()

        def on_epoch_end(self, epoch, logs=None):
            course.epoch_ended(logs["val_accuracy"])
            self.model.stop_training = not course.goes_on

    return Clock()


def seed_initial_weights(seed: int) -> None:
    """Seed what Keras draws initial weights from, and leave TensorFlow's generator alone.

    `keras.utils.set_random_seed` would seed that too, and `fit` on the TensorFlow backend then shuffles
    every epoch into the same order: its `tf.random.shuffle` begins anew with each iterator.
    """
    random.seed(seed)


def arguments() -> argparse.Namespace:
    """What the benchmark tells every peer."""
    return argument_parser().parse_args()


def argument_parser() -> argparse.ArgumentParser:
    """The options that every peer understands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="auto")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-epochs", type=int, default=12)
    parser.add_argument("--goal", type=float, default=0.98, help="validation accuracy to stop at")
    return parser


def images(data: str, seed: int, *, scaled: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, validation x, validation y; the same stratified split for every peer."""
    fitted, validation = stratified_split(load_dataset(data).train, 0.1, seed)
    x, val_x = fitted.images, validation.images
    if scaled:
        x, val_x = (a.reshape(-1, 784).astype(np.float32) / 255 for a in (x, val_x))
    return x, fitted.labels, val_x, validation.labels
