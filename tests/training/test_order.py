"""Which images a shard has, and in which order: every image once an epoch, the same for the same arguments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitlab.training.order import block_length, epoch_order, shard_count, shard_places
from digitlab.training.turn import make_turn

seeds, epochs = st.integers(0, 2**31 - 1), st.integers(0, 10**5)


def shards(count, size, seed, epoch):
    return [shard_places(count, size, seed, epoch, shard) for shard in range(shard_count(count, size))]


@given(count=st.integers(1, 30_000), size=st.integers(1, 40_000), seed=seeds, epoch=epochs)
def test_every_image_is_in_one_shard_and_each_has_the_asked_size_but_the_last(count, size, seed, epoch):
    size = max(size, count // 20)  # else there are a thousand of them
    dealt = shards(count, size, seed, epoch)
    assert np.sort(np.concatenate(dealt)).tolist() == list(range(count))
    assert [len(places) for places in dealt[:-1]] == [size] * (len(dealt) - 1)
    assert 1 <= len(dealt[-1]) <= size
    for places in dealt:
        assert np.all(np.diff(places) > 0), "a shard is read from the front of the file to its end"


@given(count=st.integers(1, 5000), more=st.integers(0, 1000), seed=seeds, epoch=epochs)
def test_one_shard_is_the_whole_epoch_in_its_order(count, more, seed, epoch):
    assert shard_count(count, count + more) == 1
    assert shard_places(count, count + more, seed, epoch, 0).tolist() == list(range(count))
    # What an epoch's order was before there were shards.
    expected = np.random.default_rng([seed, epoch]).permutation(count)
    assert epoch_order(count, seed, epoch, 0).tolist() == expected.tolist()


@given(seed=seeds, epoch=epochs, size=st.integers(300, 900))
def test_the_same_seed_epoch_and_size_give_the_same_shards(seed, epoch, size):
    for ours, again in zip(shards(2000, size, seed, epoch), shards(2000, size, seed, epoch), strict=True):
        np.testing.assert_array_equal(ours, again)
    assert epoch_order(size, seed, epoch, 1).tolist() == epoch_order(size, seed, epoch, 1).tolist()


def test_another_seed_epoch_or_size_deals_other_shards_and_each_shard_has_an_order_of_its_own():
    first = shard_places(10_000, 1000, 0, 0, 0)
    for size, seed, epoch in ((1000, 1, 0), (1000, 0, 1), (1001, 0, 0)):
        other = shard_places(10_000, size, seed, epoch, 0)
        # Of a thousand drawn from ten thousand, a hundred are in another draw, give or take ten.
        assert 50 < len(np.intersect1d(first, other)) < 150
    assert not np.array_equal(epoch_order(500, 0, 0, 0), epoch_order(500, 0, 0, 1))


def test_a_shard_is_read_in_runs_of_consecutive_images():
    places = shard_places(1_000_017, 100_000, 3, 2, 4)
    # A thousand blocks of a hundred, the first and last perhaps cut by the neighbours; a tenth lie side by side.
    assert 850 < 1 + np.count_nonzero(np.diff(places) > 1) <= 1002


@pytest.mark.parametrize(("size", "length"), [(512_000, 256), (300_000, 256), (100_000, 100), (1999, 1), (1, 1)])
def test_a_shard_has_a_thousand_blocks_or_blocks_of_one_image(size, length):
    assert block_length(size) == length


def test_of_a_file_sorted_by_class_every_shard_has_each_class_in_about_its_share():
    labels = np.repeat(np.arange(10), 50_000)
    for shard in range(5):
        counts = np.bincount(labels[shard_places(500_000, 100_000, 0, 0, shard)])
        # A tenth of 1,000 blocks is 100, with a standard deviation of 9.5, and less since none is drawn twice.
        assert np.all(np.abs(counts - 10_000) < 5 * 950)


@given(count=st.integers(1, 300), batch_size=st.integers(1, 40), batches=st.integers(1, 8), seed=seeds, epoch=epochs)
def test_the_turns_of_an_epoch_have_one_shape_and_whole_batches_but_for_its_last(
    count, batch_size, batches, seed, epoch
):
    size = batches * batch_size
    seen, before, shapes = [], 0, set()
    for shard in range(shard_count(count, size)):
        order = np.arange(min(size, count - shard * size), dtype=np.int32)
        turn = make_turn(order, batch_size, seed, epoch, count=count, start=shard * size, room=min(size, count))
        own_seed, own_epoch, first, whole, last = turn.when.tolist()
        assert (own_seed, own_epoch, first) == (seed, epoch, before)
        assert last == (shard == shard_count(count, size) - 1)
        before += whole
        shapes.add((turn.order.shape, turn.rest.shape))
        trained = [*turn.order[: whole * batch_size], *(turn.rest if last else [])]
        assert trained == order.tolist()
        seen += [shard * size + place for place in trained]
    assert seen == list(range(count))
    assert before == count // batch_size
    assert len(shapes) == 1
