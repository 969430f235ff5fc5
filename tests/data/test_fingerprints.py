"""Fingerprints of single images, and the file that keeps those of a network's training images."""

import os
import sys

import numpy as np
import pytest

from digitlab.data import Split
from digitlab.data.fingerprints import (
    FINGERPRINTS_FILE,
    count_among,
    fingerprint_images,
    fingerprint_split,
    merge_fingerprints,
    read_beside,
    read_fingerprints,
    write_fingerprints,
)
from digitlab.errors import RunError


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def split_of(images):
    return Split(images, np.zeros(len(images), np.uint8))


def test_equal_images_have_equal_fingerprints_wherever_they_stand():
    images = noise(2003)
    found = fingerprint_images(images)
    assert found.shape == (2003,)
    assert found.dtype == np.uint64
    np.testing.assert_array_equal(fingerprint_images(images[::-1]), found[::-1])
    assert len(set(found.tolist())) == 2003


def test_they_are_the_same_in_every_version():
    image = np.arange(784, dtype=np.uint16).astype(np.uint8).reshape(1, 28, 28)
    assert fingerprint_images(image).tolist() == [1_245_032_840_533_317_784]


def test_images_that_differ_in_one_or_two_pixels_are_told_apart():
    image = noise(1)[0]
    changed = [image]
    for place in range(784):
        other = image.copy()
        other.flat[place] ^= 0x80
        changed.append(other)
    # Two pixels in the last bytes of words: a plain sum of products would confuse some of these.
    for first in range(3, 784, 28):
        for second in range(first + 4, 784, 28):
            other = image.copy()
            other.flat[[first, second]] ^= 0x80
            changed.append(other)
    assert len(set(fingerprint_images(np.stack(changed)).tolist())) == len(changed)


def test_a_split_has_each_of_its_images_once_in_ascending_order():
    images = noise(50)
    found = fingerprint_split(split_of(np.concatenate([images, images[:7]])))
    assert len(found) == 50
    assert (np.diff(found.astype(object)) > 0).all()
    np.testing.assert_array_equal(merge_fingerprints(found[:20], found[10:]), found)


def test_images_are_counted_that_are_among_the_known_ones():
    images = noise(60)
    known = fingerprint_split(split_of(images[:40]))
    assert count_among(split_of(images), known) == 40
    assert count_among(split_of(images[40:]), known) == 0
    assert count_among(split_of(images[[3, 3, 50]]), known) == 2
    assert count_among(split_of(images), known[:0]) == 0


def test_of_images_in_a_file_only_the_chosen_ones_are_taken(tmp_path):
    images = noise(30)
    np.save(tmp_path / "images.npy", images)
    mapped = split_of(np.load(tmp_path / "images.npy", mmap_mode="r"))
    for few in (np.arange(0, 30, 3), np.arange(1, 29)):
        found = fingerprint_split(mapped.take(few, "some of them"))
        np.testing.assert_array_equal(found, fingerprint_split(split_of(images[few])))


def test_the_file_is_an_npy_file_of_eight_bytes_an_image(tmp_path):
    found = fingerprint_split(split_of(noise(1000)))
    path = tmp_path / FINGERPRINTS_FILE
    write_fingerprints(path, found)
    assert path.stat().st_size == 128 + 8 * 1000
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), found)
    np.testing.assert_array_equal(read_fingerprints(path), found)


def test_only_the_networks_of_a_run_are_known(tmp_path):
    found = fingerprint_split(split_of(noise(3)))
    assert read_beside(tmp_path / "model.keras") is None
    write_fingerprints(tmp_path / FINGERPRINTS_FILE, found)
    for name in ("model.keras", "model.onnx"):
        np.testing.assert_array_equal(read_beside(tmp_path / name), found)
    assert read_beside(tmp_path / "another.onnx") is None


def header(descr="<u8", shape="(1000000000000,)"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[:-8],
        lambda whole: whole[:100],
        lambda whole: b"",
        lambda whole: whole + b"more",
        lambda whole: header() + whole[128:],
        lambda whole: header("|O", "(10,)") + whole[128:],
        lambda whole: header("<u8", "(" * 50) + whole[128:],
        lambda whole: whole[:128] + whole[136:] + whole[128:136],
        lambda whole: whole[:128] + bytes(80),
    ],
)
def test_a_damaged_file_is_named_in_two_lines(tmp_path, damage):
    path = tmp_path / FINGERPRINTS_FILE
    write_fingerprints(path, fingerprint_split(split_of(noise(10))))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=FINGERPRINTS_FILE) as caught:
        read_fingerprints(path)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders there")
def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / FINGERPRINTS_FILE)
    with pytest.raises(RunError, match="a named pipe"):
        read_fingerprints(tmp_path / FINGERPRINTS_FILE)
