"""scikit-learn's `MLPClassifier`, an epoch a call of `partial_fit`."""

from common import HIDDEN, LEARNING_RATE, arguments, begin, images

options = arguments()
course = begin(options)
x, y, val_x, val_y = images(options.data, options.seed, scaled=True)

import numpy as np  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402

model = MLPClassifier(
    HIDDEN,
    alpha=0.0,
    batch_size=options.batch_size,
    learning_rate_init=LEARNING_RATE,
    random_state=options.seed,
)
while course.goes_on:
    course.epoch_begins()
    model.partial_fit(x, y, classes=np.arange(10))
    course.epoch_ended(model.score(val_x, val_y))
course.report()
