"""The learning rate of an epoch, worked out by hand."""

import pytest

from digitlab.config import TrainConfig
from digitlab.training.schedule import schedule_of


def test_a_cosine_rises_over_a_twentieth_of_the_epochs_and_falls_to_nothing():
    rate = schedule_of(TrainConfig(schedule="cosine", learning_rate=2.0, epochs=40))
    # two epochs up, their middles at 1/4 and 3/4 of the way; then 38 down: the middle of epoch 20 is half way
    assert [rate(0), rate(1)] == pytest.approx([0.5, 1.5])
    assert rate(2) == pytest.approx(2.0, abs=0.002)
    assert (rate(20) + rate(21)) / 2 == pytest.approx(1.0, abs=1e-9)
    assert 0 < rate(39) < 0.002
    assert all(rate(e) > rate(e + 1) for e in range(2, 39))


def test_a_constant_rate_needs_no_schedule():
    assert schedule_of(TrainConfig()) is None
