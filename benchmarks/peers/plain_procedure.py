"""The document's whole procedure in plain Keras: `fit`, `EarlyStopping`, best weights, then the test set.

Prints one JSON object: epochs, validation accuracy, test accuracy and test loss.
"""

import json

from common import HIDDEN, LEARNING_RATE, argument_parser, images, seed_initial_weights

from digitlab.data import load_dataset

parser = argument_parser()
parser.add_argument("--set-random-seed", action="store_true")
options = parser.parse_args()
x, y, val_x, val_y = images(options.data, options.seed, scaled=True)
test = load_dataset(options.data).test

import keras  # noqa: E402

if options.set_random_seed:
    keras.utils.set_random_seed(options.seed)
else:
    seed_initial_weights(options.seed)
layers = [keras.Input((784,)), *(keras.layers.Dense(units, "relu") for units in HIDDEN)]
model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
model.compile(keras.optimizers.Adam(LEARNING_RATE), "categorical_crossentropy", metrics=["accuracy"])
one_hot = keras.utils.to_categorical
history = model.fit(
    x,
    one_hot(y, 10),
    batch_size=options.batch_size,
    epochs=options.most_epochs,
    validation_data=(val_x, one_hot(val_y, 10)),
    callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)],
    verbose=0,
)
_, val_accuracy = model.evaluate(val_x, one_hot(val_y, 10), verbose=0)
loss, accuracy = model.evaluate(test.images.reshape(-1, 784) / 255.0, one_hot(test.labels, 10), verbose=0)
print(
    json.dumps(
        {
            "epochs": len(history.epoch),
            "validation_accuracy": val_accuracy,
            "test_accuracy": accuracy,
            "test_loss": loss,
        }
    )
)
