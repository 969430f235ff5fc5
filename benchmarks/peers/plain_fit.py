"""Keras as its documentation shows it: `Sequential.fit` on arrays. The backend is Keras' own choice."""

from common import HIDDEN, LEARNING_RATE, arguments, begin, images, keras_clock, seed_initial_weights

options = arguments()
course = begin(options)
x, y, val_x, val_y = images(options.data, options.seed, scaled=True)

import keras  # noqa: E402

seed_initial_weights(options.seed)
layers = [keras.Input((784,)), *(keras.layers.Dense(units, "relu") for units in HIDDEN)]
model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
model.compile(keras.optimizers.Adam(LEARNING_RATE), "categorical_crossentropy", metrics=["accuracy"])


one_hot = keras.utils.to_categorical
model.fit(
    x,
    one_hot(y, 10),
    batch_size=options.batch_size,
    epochs=options.most_epochs,
    validation_data=(val_x, one_hot(val_y, 10)),
    callbacks=[keras_clock(course, keras)],
    verbose=0,
)
course.report()
