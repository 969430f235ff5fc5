"""`KerasClassifier`: a Keras network behind the interface that evaluation asks for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.data.fingerprints import Fingerprints, read_beside
from digitlab.data.split import Images, check_images
from digitlab.errors import ModelError
from digitlab.model.backend import keras
from digitlab.model.build import IMAGE_SHAPE

CHUNK = 1000


class KerasClassifier:
    """Probabilities from a Keras network.

    Args:
        model: Takes [n, 28, 28] pixels from 0 to 255 and gives [n, k] probabilities.
        file: The file that it was read from. Defaults to None.

    Raises:
        ModelError: The network takes or gives something else.
    """

    def __init__(self, model: Any, file: Path | None = None) -> None:
        takes, gives = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
        if takes != (None, *IMAGE_SHAPE) or not isinstance(gives, tuple) or len(gives) != 2:
            raise ModelError(
                f"expected a network from [n, 28, 28] pixels to [n, k] probabilities, got {takes} to {gives}",
                hint="save the whole network, its input being keras.Input((28, 28)) of pixels from 0 to 255",
            )
        self.model = model
        self.file = file

    @cached_property
    def training_fingerprints(self) -> Fingerprints | None:
        """Of the images that a run's network and its teacher were trained on, uint64 [m]; `None` if not known.

        Raises:
            RunError: The file that holds them is damaged.
        """
        return None if self.file is None else read_beside(self.file)

    @property
    def num_classes(self) -> int:
        """Columns of what `predict_proba` gives."""
        return int(self.model.output_shape[1])

    def predict_proba(self, images: Images) -> npt.NDArray[np.float32]:
        """float32 [n, k], a row of probabilities an image; `images` uint8 [n, 28, 28].

        Raises:
            DataError: The images are not uint8 [n, 28, 28].
        """
        check_images(images, "images")
        probabilities = np.empty((len(images), self.num_classes), dtype=np.float32)
        # Not `model.predict`, which compiles a function for every network and every size of batch: TensorFlow warns of
        # that when several networks are scored, and compiling takes longer than it saves.
        for start in range(0, len(images), CHUNK):
            answer = self.model(images[start : start + CHUNK], training=False)
            probabilities[start : start + CHUNK] = keras.ops.convert_to_numpy(answer)
        return probabilities


def load_keras_classifier(path: Path) -> KerasClassifier:
    """Read a ``.keras`` file. Files that would run code of their own are refused (`safe_mode`).

    Raises:
        ModelError: There is no such file, or it is not a network over 28x28 images.
    """
    if not path.is_file():
        raise ModelError(
            f"{path}: expected a Keras model file, found none",
            hint="name a run folder that `digitlab train` finished, or a .keras file",
        )
    try:
        # Without loss and optimizer: nobody asks for them, and a network saved before its first update cannot
        # be read with them.
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ModelError(
            f"{path}: expected a Keras model file, got: {_first_line(error)}",
            hint="save it again with model.save('NAME.keras'); custom layers are not supported",
        ) from error
    return KerasClassifier(model, path)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
