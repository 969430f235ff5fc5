"""Keras as its documentation shows it: `Sequential.fit` on arrays. The backend is Keras' own choice."""

from common import HIDDEN, LEARNING_RATE, arguments, begin, images, seed_initial_weights

options = arguments()
course = begin(options)
x, y, val_x, val_y = images(options.data, options.seed, scaled=True)

import keras  # noqa: E402

seed_initial_weights(options.seed)
layers = [keras.Input((784,)), *(keras.layers.Dense(units, "relu") for units in HIDDEN)]
model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
model.compile(keras.optimizers.Adam(LEARNING_RATE), "categorical_crossentropy", metrics=["accuracy"])


class Clock(keras.callbacks.Callback):
    """Times epochs as the other peers' loops do."""

    def on_epoch_begin(self, epoch, logs=None):
        """Start."""
        course.epoch_begins()

    def on_epoch_end(self, epoch, logs=None):
        """Stop."""
        course.epoch_ended(logs["val_accuracy"])
        self.model.stop_training = not course.goes_on


one_hot = keras.utils.to_categorical
model.fit(
    x,
    one_hot(y, 10),
    batch_size=options.batch_size,
    epochs=options.most_epochs,
    validation_data=(val_x, one_hot(val_y, 10)),
    callbacks=[Clock()],
    verbose=0,
)
course.report()
