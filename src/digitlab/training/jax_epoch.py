"""The whole-epoch steps on Keras' JAX backend: the one module that names JAX.

An epoch is one call of a Keras ``train_step``, or one for each of its shards. Its data are the whole training
set, or the shard, and their order; it loops over Keras' own stateless step, and Keras compiles the whole of it
into one program.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# isort: off
from digitlab.model.backend import keras  # before JAX, as before TensorFlow
import jax
from jax import numpy as jnp
from jax._src import xla_bridge  # JAX has no public way to ask whether it has started
# isort: on

from digitlab.runs import available_cores
from digitlab.training.divergence import add_loss, goes_on, smoothed
from digitlab.training.lesson import Lesson
from digitlab.training.scoring import EVALUATION_CHUNK, prepare
from digitlab.training.shards import Shards
from digitlab.training.turn import Turn

Logs = dict[str, Any]
Turns = Callable[[int], Turn]
# A model's variables as Keras' own steps take and give them, a list for each kind.
State = tuple[list[Any], ...]

# On accelerators JAX else multiplies in fewer digits, and no export would be found equal to its network.
jax.config.update("jax_default_matmul_precision", "highest")

JIT_COMPILE = True
# What XLA reads when it starts; the processor's threads cannot be told it in any other way.
_THREADS = "PJRT_NPROC"


def use_threads(threads: int) -> int:
    """Start JAX with `threads` threads; gives the count in force, which is fixed once it has started."""
    if not xla_bridge.backends_are_initialized():
        os.environ[_THREADS] = str(threads)
        jax.devices()
    # Whoever started it without a word has as many as there are cores.
    return int(os.environ.get(_THREADS) or available_cores())


def device() -> str:
    """What the programs run on, in its maker's words."""
    return str(jax.devices()[0].device_kind)


def epochs_of(arrays: tuple[Any, ...], turn_of_epoch: Turns, first: int, last: int) -> Any:
    """A `keras.utils.PyDataset` with one element an epoch, of epochs `first` to `last` - 1.

    Args:
        arrays: The training set: x [n, ...], y [n, ...] and, if there are any, sample weights [n].
        turn_of_epoch: Epoch number to the order in which to see the images.
        first: Number of the first epoch, from 0.
        last: One more than the number of the last epoch.
    """
    whole = _on_device(arrays)

    def element(index: int) -> Any:
        # Keras refuses an element of more than three; the weights travel beside the labels.
        return (whole[0], tuple(turn_of_epoch(first + index))), whole[1:]

    return _Elements(element, last - first)


def shards_of(shards: Shards, first: int, last: int) -> Any:
    """A `keras.utils.PyDataset` with one element a shard, of epochs `first` to `last` - 1.

    Args:
        shards: The training set.
        first: Number of the first epoch, from 0.
        last: One more than the number of the last epoch.
    """

    def element(index: int) -> Any:
        images, labels, turn = shards.read(first * len(shards) + index)
        return (images, tuple(turn)), (labels,)

    return _Elements(element, (last - first) * len(shards))


def whole_set(arrays: tuple[Any, ...]) -> Any:
    """A `keras.utils.PyDataset` whose one element is the whole validation set."""
    whole = _on_device(arrays)
    return _Elements(lambda index: whole, 1)


class _Elements(keras.utils.PyDataset):  # type: ignore[misc]
    """`count` elements, each worked out when it is its turn."""

    def __init__(self, element: Callable[[int], Any], count: int) -> None:
        super().__init__()
        self._element, self._count = element, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        return self._element(index)


def _on_device(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arrays where the programs run, so that no epoch copies them again."""
    return tuple(jax.device_put(array) for array in arrays)


def make_train_step(model: Any, batch_size: int, lesson: Lesson) -> Callable[[State, Any], tuple[Logs, State]]:
    """A ``train_step`` that trains on one whole epoch, or on one shard of it.

    The last, smaller batch, if there is one, is one more step behind the loop over whole ones.

    Args:
        model: Compiled. Its step is Keras' own, so that everything in it is too: loss, metrics, optimizer,
            what dropout draws, statistics of batch normalisation.
        batch_size: Images per update. The last update of an epoch takes what is left over.
        lesson: What becomes of a batch first, anew each time.
    """
    update = model.train_step

    def train_step(state: State, data: Any) -> tuple[Logs, State]:
        (x, (order, rest, when)), others = data
        arrays = (x, *others)
        key, before, batches = when[:2], when[2], when[3]

        def one_batch(step: Any, state: State) -> State:
            batch = _take(arrays, jax.lax.dynamic_slice_in_dim(order, step * batch_size, batch_size))
            _, state = update(state, lesson(batch, uniform_of(key, before + step)))
            return state

        def smaller_batch(state: State) -> State:
            _, state = update(state, lesson(_take(arrays, rest), uniform_of(key, before + batches)))
            return state

        if order.shape[0]:  # else a batch would exceed the whole
            state = jax.lax.fori_loop(0, batches, one_batch, state)
        if rest.shape[0]:
            state = jax.lax.cond(when[4] > 0, smaller_batch, lambda state: state, state)
        return _results(model, state), state

    return train_step


def make_test_step(model: Any) -> Callable[[State, Any], tuple[Logs, State]]:
    """A ``test_step`` that scores a whole set in chunks."""
    score = model.test_step

    def test_step(state: State, data: Any) -> tuple[Logs, State]:
        steps, left_over = divmod(int(data[0].shape[0]), EVALUATION_CHUNK)

        def one_chunk(step: Any, state: State) -> State:
            start = step * EVALUATION_CHUNK
            chunk = tuple(jax.lax.dynamic_slice_in_dim(a, start, EVALUATION_CHUNK) for a in data)
            _, state = score(state, chunk)
            return state

        state = _repeat(steps, one_chunk, state)
        if left_over:
            _, state = score(state, tuple(a[-left_over:] for a in data))
        return _results(model, state), state

    return test_step


def run_range_test(
    model: Any,
    arrays: tuple[npt.NDArray[Any], ...],
    order: npt.NDArray[np.int32],
    batch_size: int,
    rates: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Update `model` once at each of `rates`, the loop one compiled program; its weights stay as they are.

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
    update, steps = model.train_step, len(rates)

    @jax.jit  # type: ignore[untyped-decorator,unused-ignore]
    def sweep(state: State, data: tuple[Any, ...], indices: Any, by_step: Any) -> Any:
        no_metrics = state[-1]  # the loss that is told is then that of the latest batch alone

        def one_batch(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            step, state, losses, mean, lowest = carry
            batch = _take(data, jax.lax.dynamic_slice_in_dim(indices, step * batch_size, batch_size))
            state = (*_with_rate(model, state, by_step[step])[:-1], no_metrics)
            logs, state = update(state, batch)
            loss = logs["loss"].astype(jnp.float32)
            mean = add_loss(mean, loss)
            return step + 1, state, losses.at[step].set(loss), mean, jnp.minimum(lowest, smoothed(mean, step + 1))

        def another(carry: tuple[Any, ...]) -> Any:
            step, _, _, mean, lowest = carry
            return (step < steps) & goes_on(step, mean, lowest)

        start = (jnp.int32(0), state, jnp.full(steps, jnp.nan), jnp.float32(0), jnp.float32(jnp.inf))
        return jax.lax.while_loop(another, one_batch, start)[2]

    return np.asarray(sweep(_state_of(model), _on_device(arrays), order, rates.astype(np.float32)))


def uniform_of(key: Any, step: Any) -> Callable[..., Any]:
    """``uniform(index, *shape)`` with float32 numbers from -1 to 1, a pure function of (seed, epoch, step, index).

    Args:
        key: Seed and epoch, int32 [2].
        step: Which batch of the epoch.
    """
    # Named, since the environment may choose another generator for whoever leaves it open.
    of_step = jax.random.key(key[0], impl="threefry2x32")
    for number in (key[1], step):
        of_step = jax.random.fold_in(of_step, number)

    def uniform(index: int, *shape: int) -> Any:
        return jax.random.uniform(jax.random.fold_in(of_step, index), shape, jnp.float32, -1.0, 1.0)

    return uniform


def _repeat(steps: int, body: Callable[[Any, State], State], state: State) -> State:
    """The state after `steps` times the body; not traced where that is none, since a slice would exceed the whole."""
    return jax.lax.fori_loop(0, steps, body, state) if steps else state  # type: ignore[no-any-return,unused-ignore]


def _take(arrays: Sequence[Any], indices: Any) -> tuple[Any, ...]:
    return tuple(array[indices] for array in arrays)


def _state_of(model: Any) -> State:
    """The values of the model's variables, in the order that its ``train_step`` takes them in."""
    kinds = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return tuple([variable.value for variable in kind] for kind in kinds)


def _with_rate(model: Any, state: State, rate: Any) -> State:
    """A state of ``train_step`` with another learning rate in it."""
    trainable, others, optimizer, metrics = state
    here = model.optimizer.learning_rate
    changed = [
        rate if variable is here else value
        for variable, value in zip(model.optimizer.variables, optimizer, strict=True)
    ]
    return trainable, others, changed, metrics


def _results(model: Any, state: State) -> Logs:
    """What the metrics, whose variables are the last of a state, have come to."""
    with keras.StatelessScope(state_mapping=zip(model.metrics_variables, state[-1], strict=True)):
        return dict(model.get_metrics_result())
