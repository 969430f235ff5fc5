"""The order in which an epoch sees the images: pure functions, of seed, epoch and size of a shard alone.

A file is cut into blocks of consecutive images, which one read fetches. An epoch deals the blocks out to its shards
anew and shuffles the images of a shard, so that no shard reads more than its own share of the file. A shard has a
thousand blocks or more: of a file sorted by class it then has each class to within a point of its share.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# 200 kB, which a disk reads at nearly the rate of one long run.
LARGEST_BLOCK = 256
BLOCKS_A_SHARD = 1000


def epoch_order(count: int, seed: int, epoch: int, shard: int = 0) -> npt.NDArray[np.int32]:
    """The order in which epoch `epoch` sees the `count` images of one of its shards: a pure function of its arguments.

    Args:
        count: Images of the shard; of an epoch that is one shard, all of them.
        seed: The training's.
        epoch: Its number, from 0.
        shard: The shard's number, from 0.
    """
    key = [seed, epoch, shard] if shard else [seed, epoch]
    return np.random.default_rng(key).permutation(count).astype(np.int32)


def shard_count(count: int, size: int) -> int:
    """How many shards of `size` images hold `count`, the last of which may be a smaller one."""
    return -(-count // size)


def block_length(size: int) -> int:
    """Images of a block, where a shard has `size` images: 256, or fewer where a shard would have few blocks."""
    return min(LARGEST_BLOCK, max(1, size // BLOCKS_A_SHARD))


def shard_places(count: int, size: int, seed: int, epoch: int, shard: int) -> npt.NDArray[np.int64]:
    """Which of `count` images make a shard of an epoch, ascending: a pure function of its arguments.

    Every image is in one of the epoch's shards. Each has `size` images, the last what is left over.

    Args:
        count: All images.
        size: Images a shard.
        seed: The training's.
        epoch: Its number, from 0.
        shard: The shard's number, from 0.
    """
    block = block_length(size)
    source = np.random.SeedSequence([seed, epoch], spawn_key=(size,))
    blocks = np.random.default_rng(source).permutation(-(-count // block))
    ends = np.cumsum(np.minimum(block, count - block * blocks))
    start, stop = shard * size, min(count, (shard + 1) * size)
    # Blocks are dealt out one behind another, so that a shard's first and last may be shared with its neighbours.
    first, last = np.searchsorted(ends, [start, stop - 1], side="right")
    places = (block * blocks[first : last + 1, None] + np.arange(block)).ravel()
    before = int(ends[first - 1]) if first else 0
    return np.sort(places[places < count][start - before : stop - before])
