"""`CompiledEpochs`: `model.fit` at one call of a compiled program an epoch, or a shard of one.

Everything that Keras offers at the granularity of epochs works unchanged: callbacks, KerasTuner,
TensorBoard, learning-rate schedules. What acts on batches acts once an epoch here: an integer
``save_freq``, TensorBoard's ``update_freq="batch"`` and ``profile_batch``, `TerminateOnNaN`, Ctrl-C; once a shard,
where data larger than memory are trained on in shards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.config import UNDISTORTED, Distortion
from digitlab.data.split import Split
from digitlab.errors import UsageError
from digitlab.model.backend import keras
from digitlab.training.adapter import adapter
from digitlab.training.held_out import one_hot
from digitlab.training.lesson import Lesson
from digitlab.training.order import epoch_order
from digitlab.training.scoring import prepare
from digitlab.training.shards import Shards
from digitlab.training.teacher import Teacher
from digitlab.training.turn import make_turn


class CompiledEpochs:
    """Trains one compiled Keras model an epoch at a time, each epoch one XLA program.

    The programs are kept between calls of `fit`, so that training the same model again, on data of the
    same shape, compiles nothing. The model itself stays plain: its steps are bound around `fit` and
    unbound after it, and what a callback saves in between loads anywhere.

    Args:
        model: Compiled and built.
        batch_size: Images per update.
        distortion: How each image, 28x28 pixels, is changed anew in each epoch; by default it is not.
        teacher: Whose answers become a part of the labels; by default nobody's do.
    """

    def __init__(
        self,
        model: Any,
        *,
        batch_size: int,
        distortion: Distortion = UNDISTORTED,
        teacher: Teacher | None = None,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self._steps = {
            "train_step": adapter.make_train_step(model, batch_size, Lesson(distortion, teacher)),
            "test_step": adapter.make_test_step(model),
        }
        self._programs: dict[str, Any] = {"train_function": None, "test_function": None}

    def fit(
        self,
        x: npt.NDArray[Any],
        y: npt.NDArray[Any],
        *,
        epochs: int,
        initial_epoch: int = 0,
        seed: int = 0,
        validation_data: tuple[npt.NDArray[Any], ...] | None = None,
        callbacks: Sequence[Any] = (),
        sample_weight: npt.NDArray[Any] | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> Any:
        """Train, as `keras.Model.fit` does on the same batches.

        Args:
            x: Images [n, 28, 28], any dtype the model takes; uint8 stays uint8 in memory.
            y: Labels as the model's loss wants them, one-hot [n, k] for categorical cross-entropy.
            epochs: Number of the last epoch, as in Keras: with `initial_epoch` 3 and `epochs` 5, two.
            initial_epoch: Epochs already done.
            seed: With the epoch's number it decides the order of the images and how they are bent.
            validation_data: (x, y) or (x, y, sample weights), scored after each epoch.
            callbacks: Keras callbacks, called in this order.
            sample_weight: A weight an image.
            class_weight: Class number to weight; multiplied into `sample_weight`.

        Returns:
            The `keras.callbacks.History` of these epochs.

        Raises:
            UsageError: `x` and `y` differ in length, or are empty.
        """
        if len(x) != len(y) or len(x) == 0:
            raise UsageError(
                f"expected images and as many labels, got {len(x)} images and {len(y)} labels",
                hint="pass x and y of one length",
            )
        weights = _combined_weights(y, sample_weight, class_weight)
        arrays = (x, y) if weights is None else (x, y, weights)
        prepare(self.model, arrays)
        turns = adapter.epochs_of(
            arrays,
            lambda epoch: make_turn(epoch_order(len(x), seed, epoch), self.batch_size, seed, epoch),
            initial_epoch,
            epochs,
        )
        scored = None if validation_data is None else adapter.whole_set(validation_data)
        return self._fit(turns, 1, epochs, initial_epoch, scored, callbacks)

    def fit_shards(
        self,
        shards: Shards,
        *,
        epochs: int,
        initial_epoch: int = 0,
        validation: Split | None = None,
        callbacks: Sequence[Any] = (),
    ) -> Any:
        """Train on a set of which no more is in memory than two shards. One shard of all images trains as `fit` does.

        Args:
            shards: The training set, with the seed, in batches of `batch_size`.
            epochs: Number of the last epoch, as in `fit`.
            initial_epoch: Epochs already done.
            validation: Scored after each epoch, all of it in memory.
            callbacks: Keras callbacks, called in this order.

        Returns:
            The `keras.callbacks.History` of these epochs.
        """
        prepare(self.model, shards.first_images())
        turns = adapter.shards_of(shards, initial_epoch, epochs)
        # Nobody but the adapter keeps these images: read from a file, they would else be in memory twice.
        scored = None if validation is None else adapter.whole_set((validation.images, one_hot(validation)))
        return self._fit(turns, len(shards), epochs, initial_epoch, scored, callbacks)

    def _fit(
        self,
        turns: Any,
        turns_an_epoch: int,
        epochs: int,
        initial_epoch: int,
        scored: Any,
        callbacks: Sequence[Any],
    ) -> Any:
        listed = keras.callbacks.CallbackList(list(callbacks), add_history=True, model=self.model)
        listed.set_params({"epochs": epochs, "steps": turns_an_epoch, "verbose": 0})
        with self._bound():
            return self.model.fit(
                turns,
                steps_per_epoch=turns_an_epoch,
                epochs=epochs,
                initial_epoch=initial_epoch,
                validation_data=scored,
                callbacks=listed,
                shuffle=False,  # the order is in the data
                verbose=0,
            )

    @contextlib.contextmanager
    def _bound(self) -> Iterator[None]:
        """The model with whole-epoch steps and the programs compiled from them; as before afterwards."""
        model = self.model
        before = {name: getattr(model, name) for name in (*self._programs, "jit_compile")}
        for name, value in {**self._steps, **self._programs, "jit_compile": adapter.JIT_COMPILE}.items():
            setattr(model, name, value)
        try:
            yield
        finally:
            self._programs = {name: getattr(model, name) for name in self._programs}
            for name in self._steps:
                delattr(model, name)
            for name, value in before.items():
                setattr(model, name, value)
            # Keras keeps the last validation set for the next epoch; it is ours, in our form.
            model._eval_epoch_iterator = None


def _combined_weights(
    y: npt.NDArray[Any], sample_weight: npt.NDArray[Any] | None, class_weight: Mapping[int, float] | None
) -> npt.NDArray[Any] | None:
    if class_weight is None:
        return sample_weight
    labels = np.asarray(y.argmax(axis=1) if y.ndim == 2 else y.astype(int))
    by_class = np.ones(int(labels.max()) + 1, dtype=np.float32)
    for label, weight in class_weight.items():
        if 0 <= label < len(by_class):
            by_class[label] = weight
    weights: npt.NDArray[Any] = by_class[labels]
    return weights if sample_weight is None else weights * sample_weight
