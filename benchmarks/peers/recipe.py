"""The preset `default` on the same split, validated after every epoch as the others are."""

from common import arguments, begin, keras_clock

options = arguments()
course = begin(options)

import digitlab  # noqa: E402
from digitlab.config import load_preset  # noqa: E402
from digitlab.model.backend import keras  # noqa: E402

config = load_preset("default").replace(validation_fraction=0.1, seed=options.seed)
course.most_epochs = config.epochs
digitlab.train(digitlab.load_dataset(options.data).train, config, callbacks=[keras_clock(course, keras)])
course.report()
