"""Hypermodels as users write them. Lanes are other processes and import them from here by name."""

import errno
import multiprocessing
import os
import signal

import keras_tuner

from digitlab.model.backend import keras

RATES = (0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003, 0.00001, 0.000003)
BAD = ("raises", "explodes", "leaves")
# Nine configurations, as many as the first of the nine-three-one rungs holds; the first must be buildable.
FATES = (*RATES[:6], *BAD)


def in_lane():
    return multiprocessing.parent_process() is not None


def network(rate, units=4):
    # No seeds, as in most people's code: a search must be repeatable all the same.
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(units, "relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(4, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def of_rates(hp):
    return network(hp.Choice("learning_rate", list(RATES)))


def of_fates(hp):
    """Among nine configurations one that raises, one whose loss is no number, one that ends its process."""
    fate = hp.Choice("fate", [str(fate) for fate in FATES])
    if fate == "raises" and in_lane():
        msg = "no such\nnetwork"
        raise ValueError(msg)
    if fate == "leaves" and in_lane():
        os._exit(3)
    rate = 1e-3 if fate in BAD else float(fate)
    model = network(rate)
    if fate == "explodes":
        model.optimizer.learning_rate = 1e38
    return model


def of_a_troubled_machine(trouble, hp):
    """The learning rate in the file `trouble`, if there is one, meets what stands beside it there."""
    model = of_rates(hp)
    rate, kind, *once = trouble.read_text().split() if in_lane() and trouble.exists() else ("0", "none")
    if hp.get("learning_rate") == float(rate):
        if once:
            trouble.unlink()
        if kind.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[kind])
        if kind == "memory":
            raise MemoryError
        raise OSError(getattr(errno, kind), os.strerror(getattr(errno, kind)))
    return model


def of_no_luck(hp):
    """Builds here, where the space is read, and nowhere else."""
    model = of_rates(hp)
    if in_lane():
        msg = "out of\nluck"
        raise RuntimeError(msg)
    return model


def compiled_otherwise(hp):
    """Without metrics, which are left to the tuner's own arguments; one width is too large for them."""
    model = network(0.01, hp.Choice("units", [4, 5, 400]))
    model.compile("sgd", "mse")
    return model


def without_input(hp):
    """No `keras.Input`: such a network is built by the first images that it sees."""
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4, "softmax")])
    rate = hp.Choice("learning_rate", [1e-5, 1e-6, 1e-7])
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


class OfWidths(keras_tuner.HyperModel):
    """A hypermodel that is a class, with a condition; a lower loss is better."""

    def build(self, hp):
        kind, units = hp.Choice("kind", ["narrow", "wide"]), 4
        with hp.conditional_scope("kind", ["wide"]):
            if kind == "wide":
                units = hp.Int("units", 5, 6)
        return network(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"), units)
