"""The preset `default` on the same split, validated after every epoch as the others are."""

from common import arguments, begin

options = arguments()
course = begin(options)

import digitlab  # noqa: E402
from digitlab.config import load_preset  # noqa: E402
from digitlab.model.backend import keras  # noqa: E402


class Clock(keras.callbacks.Callback):
    """Times epochs as the other peers' loops do."""

    def on_epoch_begin(self, epoch, logs=None):
        """Start."""
        course.epoch_begins()

    def on_epoch_end(self, epoch, logs=None):
        """Stop."""
        course.epoch_ended(logs["val_accuracy"])
        self.model.stop_training = not course.goes_on


config = load_preset("default").replace(validation_fraction=0.1, seed=options.seed)
course.most_epochs = config.epochs
digitlab.train(digitlab.load_dataset(options.data).train, config, callbacks=[Clock()])
course.report()
