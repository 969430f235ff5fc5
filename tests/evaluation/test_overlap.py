"""What is said where a network is scored on images of its own training."""

import json

import numpy as np
import pytest

from digitlab.data import Split
from digitlab.data.fingerprints import fingerprint_split
from digitlab.evaluation import Evaluation, compare, evaluate, overlap_sentence


def split_of(images):
    return Split(images, (np.arange(len(images)) % 2).astype(np.uint8), "noise", ("a", "b"))


SPLIT = split_of(np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8))


class Coin:
    """Says nothing of any image."""

    def predict_proba(self, images):
        return np.full((len(images), 2), 0.5, np.float32)


class Trained(Coin):
    """Says nothing either, but knows what it was trained on."""

    def __init__(self, split):
        self.training_fingerprints = None if split is None else fingerprint_split(split)


@pytest.mark.parametrize(("first", "count"), [(0, 40), (37, 3), (40, 0)])
def test_an_evaluation_counts_the_images_that_were_in_the_training(first, count):
    rest = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    scores = evaluate(Trained(split_of(np.concatenate([SPLIT.images[first:], rest]))), SPLIT)
    assert scores.trained_on == count
    assert bool(scores.overlap) == (count > 0)


def test_of_a_classifier_that_does_not_know_nothing_is_claimed():
    for classifier in (Coin(), Trained(None)):
        scores = evaluate(classifier, SPLIT)
        assert scores.trained_on is None
        assert scores.overlap == ""


def test_the_sentence_has_the_counts():
    assert overlap_sentence(1000, 1000) == (
        "all 1,000 of these images were in its training; the score says nothing about new ones"
    )
    assert overlap_sentence(54_000, 60_000) == (
        "54,000 of these 60,000 images were in its training; for new ones the score may be too high"
    )
    assert overlap_sentence(1, 20).startswith("1 of these 20 images was in its training;")
    assert overlap_sentence(1, 1).startswith("this image was in its training;")
    assert overlap_sentence(0, 20) == overlap_sentence(None, 20) == ""


def test_the_count_comes_through_json_and_older_files_have_none():
    values = json.loads(json.dumps(evaluate(Trained(SPLIT), SPLIT).to_dict()))
    assert Evaluation.from_dict(values).trained_on == 40
    del values["trained_on"]
    assert Evaluation.from_dict(values).trained_on is None


@pytest.mark.parametrize("count", [-1, 41, 2.0, "40", True])
def test_an_impossible_count_is_refused(count):
    values = {**json.loads(json.dumps(evaluate(Coin(), SPLIT).to_dict())), "trained_on": count}
    with pytest.raises(ValueError, match="trained_on: expected a whole number from 0 to 40"):
        Evaluation.from_dict(values)


def test_a_comparison_counts_for_both():
    found = compare(Trained(SPLIT), Coin(), SPLIT)
    assert (found.trained_on_a, found.trained_on_b) == (40, None)
