"""`Turn`: what one call of the compiled step does, be it a whole epoch or a shard of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Numbers in a turn's `when`.
WHEN = 5

Indices = npt.NDArray[np.int32]


class Turn(NamedTuple):
    """The images of one call, in their order. All turns of a training have the same shapes, and so one program.

    Args:
        order: Indices of the images of whole batches, int32; behind the batches that `when` counts it is padding.
        rest: Indices of the epoch's last, smaller batch, int32 [images of the epoch % batch size]; padding in all
            turns of the epoch but the last.
        when: int32 [5]: seed, epoch, batches of the epoch before this turn, whole batches in it, and 1 where the
            rest is trained on too.
    """

    order: Indices
    rest: Indices
    when: Indices


def make_turn(
    order: Indices,
    batch_size: int,
    seed: int,
    epoch: int,
    *,
    count: int | None = None,
    start: int = 0,
    room: int | None = None,
) -> Turn:
    """The turn that trains on the images of `order`.

    Args:
        order: Indices into what the turn is given, int32.
        batch_size: Images per update.
        seed: The training's.
        epoch: Its number, from 0.
        count: Images of the whole epoch; by default those of this turn.
        start: Images of the epoch that came before, a multiple of the batch size.
        room: Images of the epoch's largest turn; by default of this one.
    """
    count = len(order) if count is None else count
    batches, last = len(order) // batch_size, start + len(order) == count
    padded = np.zeros((len(order) if room is None else room) // batch_size * batch_size, np.int32)
    padded[: batches * batch_size] = order[: batches * batch_size]
    rest = order[batches * batch_size :] if last else np.zeros(count % batch_size, np.int32)
    return Turn(padded, rest, np.array([seed, epoch, start // batch_size, batches, last], np.int32))
