"""digitlab's own compiled epoch, the preset `document`."""

from common import arguments, begin, images, keras_clock

options = arguments()
course = begin(options)
x, y, val_x, val_y = images(options.data, options.seed, scaled=False)

import numpy as np  # noqa: E402

from digitlab.config import TrainConfig  # noqa: E402
from digitlab.model.backend import keras  # noqa: E402
from digitlab.model.build import build_mlp  # noqa: E402
from digitlab.training.compiled_epochs import CompiledEpochs  # noqa: E402

config = TrainConfig(batch_size=options.batch_size, seed=options.seed)
model = build_mlp(config, 10)
one_hot = np.eye(10, dtype=np.float32)
CompiledEpochs(model, batch_size=config.batch_size).fit(
    x,
    one_hot[y],
    epochs=options.most_epochs,
    seed=options.seed,
    validation_data=(val_x, one_hot[val_y]),
    callbacks=[keras_clock(course, keras)],
)
course.report()
