"""`Shards`: a training set that is read a shard at a time, for data larger than memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.data.split import IMAGE_SIDE, Images, Split
from digitlab.errors import UsageError
from digitlab.training.held_out import one_hot
from digitlab.training.order import epoch_order, shard_count, shard_places
from digitlab.training.turn import WHEN, Turn, make_turn

# What a turn trains on: images uint8 [room, 28, 28], labels float32 [room, k], and their turn.
Shard = tuple[Images, npt.NDArray[np.float32], Turn]


class Shards:
    """The shards of a training's epochs, each read when it is its turn.

    All have the size that was asked for, but the last of an epoch, which has what is left over and is padded, so that
    one compiled program serves all of them. Nothing is ever trained on the padding.

    Args:
        split: What to train on. Where its images lie in a file, no more of them are in memory than a shard's.
        size: Images a shard, a multiple of `batch_size`, so that only an epoch's last batch is a smaller one.
        batch_size: Images per update.
        seed: With an epoch's number it decides which images make a shard, and in which order.

    Raises:
        UsageError: `size` is no multiple of `batch_size`.
    """

    def __init__(self, split: Split, size: int, *, batch_size: int, seed: int) -> None:
        if size < 1 or size % batch_size:
            raise UsageError(
                f"expected shards of a multiple of {batch_size} images, got {size}",
                hint="a shard is made of whole batches",
            )
        self.split = split
        self.size = size
        self.room = min(size, len(split))
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self) -> int:
        """How many there are in an epoch."""
        return shard_count(len(self.split), self.size)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, ...], ...]]:
        """Of the images, the labels and the turn of every shard."""
        whole, rest = (self.room // self.batch_size) * self.batch_size, len(self.split) % self.batch_size
        labels = (self.room, self.split.num_classes)
        return (self.room, IMAGE_SIDE, IMAGE_SIDE), labels, ((whole,), (rest,), (WHEN,))

    def first_images(self) -> tuple[Images, npt.NDArray[np.float32]]:
        """Two images and their labels, to try a network on."""
        few = self.split.take(np.arange(min(2, len(self.split))), self.split.name)
        return few.images, one_hot(few)

    def read(self, number: int) -> Shard:
        """One shard, copied into memory.

        Args:
            number: Counted from 0 through all epochs: the second shard of epoch 3 of 10 each is 31.
        """
        epoch, shard = divmod(number, len(self))
        places = shard_places(len(self.split), self.size, self.seed, epoch, shard)
        part = self.split.take(places, self.split.name)
        turn = make_turn(
            epoch_order(len(places), self.seed, epoch, shard),
            self.batch_size,
            self.seed,
            epoch,
            count=len(self.split),
            start=shard * self.size,
            room=self.room,
        )
        return _padded(part.images, self.room), _padded(one_hot(part), self.room), turn


def _padded(array: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    if len(array) == room:
        return array
    padded = np.zeros((room, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded
