"""`Split` refuses what is no data, and a stratified split keeps every class in proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitlab.data import Dataset, Split, stratified_indices, stratified_split
from digitlab.errors import DataError

label_lists = st.lists(st.integers(0, 5), min_size=2, max_size=300).map(lambda v: np.array(v, dtype=np.uint8))


def numbered(count):
    """Images that can be told apart, with the ten digits as labels in turn."""
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    images[:, 0, 0] = np.arange(count)
    return images, np.arange(count, dtype=np.uint8) % 10


@given(labels=label_lists, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_every_image_is_kept_or_held_out_once_and_each_class_within_one_image_of_its_share(labels, fraction, seed):
    total = round(len(labels) * fraction)
    if total in (0, len(labels)):
        with pytest.raises(DataError, match="leaves one part empty"):
            stratified_indices(labels, fraction, seed)
        return
    rest, held_out = stratified_indices(labels, fraction, seed)
    assert sorted([*rest, *held_out]) == list(range(len(labels)))
    assert len(held_out) == total
    for label in range(6):
        share = np.sum(labels == label) * total / len(labels)
        assert abs(np.sum(labels[held_out] == label) - share) < 1


def test_mnist_parts_into_54000_and_6000_with_a_tenth_of_every_class():
    # MNIST's training images of each digit, by its authors' labels
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(10, dtype=np.uint8), counts))
    rest, held_out = stratified_indices(labels, 0.1, seed=0)
    assert (len(rest), len(held_out)) == (54_000, 6_000)
    # A tenth of each, rounded down, is 5,996 in all; 9 lost .9 by it, 2 and 6 lost .8, 7 lost .5, the others less.
    assert np.bincount(labels[held_out]).tolist() == [592, 674, 596, 613, 584, 542, 592, 627, 585, 595]


def test_what_is_left_by_rounding_goes_to_the_classes_that_lost_most_by_it():
    # 4 of 10 from classes of 5, 3 and 2: exactly 2.0, 1.2 and 0.8
    _, held_out = stratified_indices(np.array([0] * 5 + [1] * 3 + [2] * 2, dtype=np.uint8), 0.4, seed=0)
    assert np.bincount(np.repeat([0, 1, 2], [5, 3, 2])[held_out]).tolist() == [2, 1, 1]


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    labels = np.arange(200, dtype=np.uint8) % 10
    (_, first), (_, second), (_, other) = (stratified_indices(labels, 0.1, seed) for seed in (1, 1, 2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != other.tolist()


def test_the_parts_keep_the_order_of_the_whole_and_each_image_its_label():
    images, labels = numbered(100)
    for part in stratified_split(Split(images, labels), 0.3, seed=0):
        numbers = part.images[:, 0, 0].astype(int)
        assert np.all(np.diff(numbers) > 0)
        assert (numbers % 10).tolist() == part.labels.tolist()


def test_the_parts_keep_the_class_names():
    images, labels = numbered(20)
    names = tuple("abcdefghij")
    assert [part.class_names for part in stratified_split(Split(images, labels, "x", names), 0.5, 0)] == [names] * 2


@pytest.mark.parametrize(("count", "fraction"), [(1, 0.5), (10, 0.01), (10, 0.99), (10, 0.0), (10, 1.0), (10, 1.5)])
def test_a_fraction_that_leaves_a_part_empty_is_refused(count, fraction):
    with pytest.raises(DataError, match=rf"holding out {fraction:g} of {count} images leaves one part empty\nhint: "):
        stratified_split(Split(*numbered(count), "few"), fraction, seed=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_refused_with_a_hint_on_scaling(dtype):
    images, labels = numbered(3)
    with pytest.raises(DataError, match=rf"mine: images must be uint8 .*{dtype.__name__}\nhint: scaling to \[0, 1\]"):
        Split((images / 255).astype(dtype), labels, "mine")


@pytest.mark.parametrize("shape", [(3, 784), (3, 28, 28, 1), (3, 14, 14), (3, 28, 27), (28, 28), ()])
def test_images_of_another_shape_are_refused_with_their_shape(shape):
    with pytest.raises(DataError, match=r"shape \[n, 28, 28\], got \[.*\]\nhint: ") as caught:
        Split(np.zeros(shape, dtype=np.uint8), np.zeros(3, dtype=np.uint8))
    assert str(list(shape)) in caught.value.message


def test_what_is_no_array_is_refused():
    images, labels = numbered(3)
    with pytest.raises(DataError, match="images must be a NumPy array, got list"):
        Split(images.tolist(), labels)
    with pytest.raises(DataError, match=r"expected 3 labels as uint8 \[3\], got list"):
        Split(images, labels.tolist())


def test_no_image_at_all_is_refused():
    with pytest.raises(DataError, match="expected at least one image, got none"):
        Split(np.zeros((0, 28, 28), dtype=np.uint8), np.zeros(0, dtype=np.uint8))


@pytest.mark.parametrize(
    "labels",
    [np.zeros(2, np.uint8), np.zeros((3, 1), np.uint8), np.zeros(3, np.int64), np.zeros(3), np.eye(10)[:3]],
    ids=["too few", "a column", "int64", "float", "one-hot"],
)
def test_labels_of_another_count_or_type_are_refused_with_what_came(labels):
    with pytest.raises(DataError, match=r"expected 3 labels as uint8 \[3\], got ") as caught:
        Split(numbered(3)[0], labels)
    assert f"{labels.dtype} {list(labels.shape)}" in caught.value.message


def test_a_label_without_a_class_is_refused():
    images, labels = numbered(8)
    assert len(Split(images, labels)) == 8
    with pytest.raises(DataError, match="labels must be below 7, got 7\nhint: labels count from 0"):
        Split(images, labels, class_names=tuple("abcdefg"))


@pytest.mark.parametrize("count", [0, 1, 101])
def test_fewer_than_two_or_more_than_a_hundred_classes_are_refused(count):
    with pytest.raises(DataError, match=f"expected 2 to 100 classes, got {count}"):
        Split(numbered(1)[0], np.zeros(1, dtype=np.uint8), class_names=tuple(map(str, range(count))))


@pytest.mark.parametrize("count", [2, 100])
def test_two_classes_and_a_hundred_are_taken(count):
    names = tuple(map(str, range(count)))
    assert Split(numbered(2)[0], np.array([0, count - 1], np.uint8), class_names=names).num_classes == count


def test_two_splits_with_different_classes_are_no_data_set():
    images, labels = numbered(2)
    letters = Split(images, labels, "letters", tuple("abcdefghij"))
    with pytest.raises(DataError, match="mixed: the training split has the classes 0, 1, 2, 3, 4, …, the test split a"):
        Dataset("mixed", Split(images, labels), letters)


@given(image=st.integers(0, 4), row=st.integers(0, 27), column=st.integers(0, 27), difference=st.integers(1, 255))
@settings(deadline=None)
def test_the_fingerprint_changes_with_any_pixel(image, row, column, difference):
    images, labels = numbered(5)
    changed = images.copy()
    changed[image, row, column] ^= np.uint8(difference)
    assert Split(changed, labels).fingerprint != Split(images, labels).fingerprint


@given(image=st.integers(0, 4), difference=st.integers(1, 9))
@settings(deadline=None)
def test_the_fingerprint_changes_with_any_label(image, difference):
    images, labels = numbered(5)
    changed = labels.copy()
    changed[image] = (changed[image] + difference) % 10
    assert Split(images, changed).fingerprint != Split(images, labels).fingerprint


def test_the_fingerprint_changes_with_any_class_name_and_their_order():
    images, labels = numbered(5)
    namings = [tuple("0123456789"), tuple("012345678x"), tuple("1023456789"), ("0,1", *"23456789", "0")]
    assert len({Split(images, labels, class_names=names).fingerprint for names in namings}) == len(namings)


def test_the_fingerprint_does_not_change_with_the_layout_in_memory_or_the_splits_name():
    images, labels = numbered(6)
    doubled = np.repeat(np.repeat(images, 2, axis=0), 2, axis=2)
    layouts = [
        Split(images, labels, "one"),
        Split(np.asfortranarray(images), labels, "another"),
        Split(doubled[::2, :, ::2], np.repeat(labels, 2)[::2]),
        Split(images[::-1].copy()[::-1], labels[::-1].copy()[::-1]),
    ]
    assert len({split.fingerprint for split in layouts}) == 1


def test_a_data_sets_fingerprint_changes_when_train_and_test_change_places():
    images, labels = numbered(6)
    one, other = Split(images[:3], labels[:3]), Split(images[3:], labels[3:])
    assert Dataset("x", one, other).fingerprint == Dataset("y", one, other).fingerprint
    assert Dataset("x", one, other).fingerprint != Dataset("x", other, one).fingerprint
