"""KerasTuner's own Hyperband over the document's space, as its documentation shows it."""

import json
import tempfile
import time

from common import LEARNING_RATE, argument_parser, images, seed_initial_weights

started = time.perf_counter()
options = argument_parser().parse_args()
x, y, val_x, val_y = images(options.data, options.seed, scaled=True)

import keras  # noqa: E402
import keras_tuner  # noqa: E402

seed_initial_weights(options.seed)


def build(hp):
    """784-units1-units2-10."""
    layers = [keras.Input((784,))]
    layers += [keras.layers.Dense(hp.Int(f"units{i}", 32, 256, step=32), "relu") for i in (1, 2)]
    model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
    rate = hp.Choice("learning_rate", [5e-3, LEARNING_RATE, 1e-4])
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


one_hot = keras.utils.to_categorical
with tempfile.TemporaryDirectory() as folder:
    tuner = keras_tuner.Hyperband(
        build,
        "val_accuracy",
        max_epochs=10,
        factor=3,
        seed=options.seed + 1,  # it takes 0 for none
        directory=folder,
        project_name="stock",
    )
    searching = time.perf_counter()
    tuner.search(
        x,
        one_hot(y, 10),
        validation_data=(val_x, one_hot(val_y, 10)),
        batch_size=options.batch_size,
        verbose=0,
    )
    ended = time.perf_counter()
    trials = tuner.oracle.trials.values()
    print(
        json.dumps(
            {
                "search_s": ended - searching,
                "from_start_s": ended - started,
                "trials": len(trials),
                "epochs": sum(
                    t.hyperparameters["tuner/epochs"] - t.hyperparameters["tuner/initial_epoch"] for t in trials
                ),
                "validation_accuracy": tuner.oracle.get_best_trials(1)[0].score,
            }
        )
    )
