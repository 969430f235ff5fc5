"""The whole-epoch steps on Keras' TensorFlow backend: the one module that names TensorFlow.

An epoch is one call of a Keras ``train_step``, or one for each of its shards. Its data are the whole training
set, or the shard, and their order; XLA compiles the loop over the batches, with forward pass, backward pass
and update, into one program, so that nothing of Python, of data adapters or of callbacks runs between two batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

# isort: off
import digitlab.model.backend  # noqa: F401 - before TensorFlow, whose start-up lines it keeps off the terminal
import tensorflow as tf
# isort: on

from digitlab.runs import available_cores
from digitlab.training.divergence import add_loss, goes_on, smoothed
from digitlab.training.lesson import Lesson
from digitlab.training.scoring import EVALUATION_CHUNK, prepare, record, score, unpack
from digitlab.training.shards import Shards
from digitlab.training.turn import Turn

Logs = dict[str, Any]
Turns = Callable[[int], Turn]

# Nothing here leaves `if` or `while` to AutoGraph. To look for them it reads each function's source, and writes another
# into the folder for temporary files: a quarter of what the first epoch waits for.
_as_written = tf.autograph.experimental.do_not_convert

# Keras is to compile nothing: the steps compile what is worth it.
JIT_COMPILE = False


def use_threads(threads: int) -> int:
    """Ask TensorFlow for `threads` threads; gives the count in force, which is fixed once it has started."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # already started: the first caller has decided
        # 0 is TensorFlow's word for as many as there are cores.
        return int(tf.config.threading.get_intra_op_parallelism_threads()) or available_cores()
    return threads


def leave_graphs_as_traced() -> None:
    """Spare each new program TensorFlow's own optimiser: XLA has one, and the rest is not worth a quarter second."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def device() -> str:
    """What the programs run on, in its maker's words; ``cpu`` for the processor."""
    accelerators = tf.config.list_physical_devices("GPU")
    if not accelerators:
        return "cpu"
    return str(tf.config.experimental.get_device_details(accelerators[0]).get("device_name", "GPU"))


def epochs_of(arrays: tuple[Any, ...], turn_of_epoch: Turns, first: int, last: int) -> Any:
    """A `tf.data.Dataset` with one element an epoch, of epochs `first` to `last` - 1.

    Args:
        arrays: The training set: x [n, ...], y [n, ...] and, if there are any, sample weights [n].
        turn_of_epoch: Epoch number to the order in which to see the images.
        first: Number of the first epoch, from 0.
        last: One more than the number of the last epoch.
    """
    whole = tuple(tf.constant(array) for array in arrays)
    shapes = tuple(part.shape for part in turn_of_epoch(first))

    def element(epoch: Any) -> Any:
        turn = tf.numpy_function(lambda number: turn_of_epoch(int(number)), [epoch], [tf.int32] * 3)
        # Keras refuses an element of more than three; the weights travel beside the labels.
        return (whole[0], tuple(map(tf.ensure_shape, turn, shapes))), whole[1:]

    # Not `from_generator`: the epoch behind it then runs at little more than one core's speed.
    return _plain(tf.data.Dataset.range(first, last).map(_as_written(element)))


def shards_of(shards: Shards, first: int, last: int) -> Any:
    """A `tf.data.Dataset` with one element a shard, of epochs `first` to `last` - 1.

    The next shard is read while one is trained on.

    Args:
        shards: The training set.
        first: Number of the first epoch, from 0.
        last: One more than the number of the last epoch.
    """
    images, labels, turn = shards.shapes

    def read(number: int) -> tuple[Any, ...]:
        arrays = shards.read(int(number))
        return (*arrays[:2], *arrays[2])

    def element(number: Any) -> Any:
        x, y, *order = tf.numpy_function(read, [number], [tf.uint8, tf.float32, *[tf.int32] * 3])
        return (tf.ensure_shape(x, images), tuple(map(tf.ensure_shape, order, turn))), (tf.ensure_shape(y, labels),)

    return _plain(tf.data.Dataset.range(first * len(shards), last * len(shards)).map(_as_written(element)).prefetch(1))


def whole_set(arrays: tuple[Any, ...]) -> Any:
    """A `tf.data.Dataset` whose one element is the whole validation set."""
    return _plain(tf.data.Dataset.from_tensors(tuple(tf.constant(array) for array in arrays)))


def _plain(dataset: Any) -> Any:
    """The data set without the thread that tunes it: there is nothing to tune, and its end is waited for."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def make_train_step(model: Any, batch_size: int, lesson: Lesson) -> Callable[[Any], Logs]:
    """A ``train_step`` that trains on one whole epoch, or on one shard of it.

    The loop over whole batches is compiled. The last, smaller batch, if there is one, is an ordinary step
    behind it: compiling its shape too would take longer than it can ever save.

    Args:
        model: Compiled; its loss, metrics and optimizer are used through Keras' own methods.
        batch_size: Images per update. The last update of an epoch takes what is left over.
        lesson: What becomes of a batch first, anew each time.
    """

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator,unused-ignore]
    def whole_batches(arrays: tuple[Any, ...], order: Any, when: Any) -> None:
        key, before, batches = when[:2], when[2], when[3]

        def one_batch(step: Any) -> Any:
            batch = _take(arrays, tf.slice(order, [step * batch_size], [batch_size]))
            _update(model, lesson(batch, uniform_of(key, before + step)))
            return step + 1

        tf.while_loop(lambda step: step < batches, one_batch, [tf.constant(0)])

    def train_step(data: Any) -> Logs:
        (x, (order, rest, when)), others = data
        arrays = (x, *others)

        def smaller_batch() -> Any:
            _update(model, lesson(_take(arrays, rest), uniform_of(when[:2], when[2] + when[3])))
            return tf.no_op()

        if order.shape[0]:
            whole_batches(arrays, order, when)
        if rest.shape[0]:
            tf.cond(when[4] > 0, smaller_batch, tf.no_op)
        return dict(model.get_metrics_result())

    return train_step


def make_test_step(model: Any) -> Callable[[Any], Logs]:
    """A ``test_step`` that scores a whole set in chunks.

    It is not compiled: a forward pass in chunks runs as fast without, and compiling takes half a second.
    """

    def test_step(data: Any) -> Logs:
        count = int(data[0].shape[0])
        steps, left_over = divmod(count, EVALUATION_CHUNK)

        def one_chunk(step: Any) -> Any:
            start = step * EVALUATION_CHUNK
            score(model, _take(data, start + tf.range(EVALUATION_CHUNK)))
            return step + 1

        tf.while_loop(lambda step: step < steps, one_chunk, [tf.constant(0)])
        if left_over:
            score(model, tuple(a[-left_over:] for a in data))
        return dict(model.get_metrics_result())

    return test_step


def run_range_test(
    model: Any,
    arrays: tuple[npt.NDArray[Any], ...],
    order: npt.NDArray[np.int32],
    batch_size: int,
    rates: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Update `model` once at each of `rates`, the loop one compiled program; its weights are as before afterwards.

    Args:
        model: Compiled; the rate of its optimizer is a number and not a schedule.
        arrays: x [n, ...] and y [n, ...].
        order: Indices of the images to see, int32 [len(rates) * batch_size].
        batch_size: Images per update.
        rates: One an update, [steps].

    Returns:
        The loss of each batch, float32 [steps]; NaN from where the smoothed loss was more than
        `digitlab.training.divergence.DIVERGED` times its lowest.
    """
    prepare(model, arrays)
    variables = [*model.variables, *model.optimizer.variables]
    before = [tf.identity(variable.value) for variable in variables]
    steps = len(rates)

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator,unused-ignore]
    def sweep(data: tuple[Any, ...], indices: Any, by_step: Any) -> Any:
        def one_batch(step: Any, losses: Any, mean: Any, lowest: Any) -> tuple[Any, ...]:
            model.optimizer.learning_rate.assign(by_step[step])
            batch = _take(data, tf.slice(indices, [step * batch_size], [batch_size]))
            loss = tf.cast(_update(model, batch), tf.float32)
            mean = add_loss(mean, loss)
            losses = tf.tensor_scatter_nd_update(losses, [[step]], [loss])
            return step + 1, losses, mean, tf.minimum(lowest, smoothed(mean, step + 1))

        def another(step: Any, losses: Any, mean: Any, lowest: Any) -> Any:
            return (step < steps) & goes_on(step, mean, lowest)

        start = (tf.constant(0), tf.fill([steps], float("nan")), tf.constant(0.0), tf.constant(float("inf")))
        return tf.while_loop(another, one_batch, start)[1]

    losses = sweep(tuple(map(tf.constant, arrays)), tf.constant(order), tf.constant(rates, tf.float32)).numpy()
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    model.reset_metrics()
    return losses  # type: ignore[no-any-return]


def _take(arrays: tuple[Any, ...], indices: Any) -> tuple[Any, ...]:
    return tuple(tf.gather(array, indices) for array in arrays)


def uniform_of(key: Any, step: Any) -> Callable[..., Any]:
    """``uniform(index, *shape)`` with float32 numbers from -1 to 1, a pure function of (seed, epoch, step, index).

    Args:
        key: Seed and epoch, int32 [2].
        step: Which batch of the epoch.
    """
    of_step = tf.random.experimental.stateless_fold_in(key, step)

    def uniform(index: int, *shape: int) -> Any:
        seed = tf.random.experimental.stateless_fold_in(of_step, index)
        return tf.random.stateless_uniform(shape, seed, -1.0, 1.0)

    return uniform


def _update(model: Any, arrays: tuple[Any, ...]) -> Any:
    """One step of gradient descent on one batch; gives its loss."""
    x, y, weights = unpack(arrays)
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=True)
        scaled = model.optimizer.scale_loss(loss)
    model.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
    record(model, loss, arrays, y_pred)
    return loss
