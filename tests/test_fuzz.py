"""Mutated inputs end in a result or in an error of the project's own; tools/fuzz does the same for longer."""

import os
import signal
import time

import campaign
import pytest
from targets import TARGETS

# Per target; `make fuzz` gives each a hundred times as many.
COUNT = 150
SEED = 2026


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_end_in_a_result_or_an_error_of_the_projects_own(name):
    run = campaign.Campaign(TARGETS[name], SEED)
    findings = list(run.run(count=COUNT))
    assert findings == []
    assert run.done == COUNT


class Faulty:
    """A target whose input 3 is a fault of the given kind."""

    name = "faulty"

    def __init__(self, fault):
        self.fault = fault

    def open(self):
        pass

    def mutate(self, rng):
        return rng.randbytes(4)

    def run(self, content):
        if content == campaign.make_input(self, SEED, 3):
            self.fault()


def loop():
    ends = time.process_time() + 60
    while time.process_time() < ends:
        pass


FAULTS = {
    "KeyError": lambda: {}["key"],
    "more memory": lambda: bytearray(600 * campaign.MIB),
    "ended with -10": lambda: os.kill(os.getpid(), signal.SIGUSR1),
    "of processor time": loop,
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_kind_of_fault_is_found_at_its_input_and_the_others_are_still_run(what, monkeypatch):
    monkeypatch.setattr(campaign, "MOST_SECONDS", 0.5)
    run = campaign.Campaign(Faulty(FAULTS[what]), SEED)
    (finding,) = run.run(count=8)
    assert finding.index == 3
    assert what in finding.what
    assert run.done >= 7


def test_a_target_that_cannot_read_its_sound_inputs_is_a_finding_and_runs_nothing():
    target = Faulty(FAULTS["KeyError"])
    target.open = FAULTS["KeyError"]
    run = campaign.Campaign(target, SEED)
    (finding,) = run.run(count=8)
    assert finding.what == "the sound inputs could not be read"
    assert run.done == 0


def test_an_input_is_made_again_from_target_seed_and_number():
    inputs = [campaign.make_input(TARGETS["settings"], SEED, index) for index in range(20)]
    assert inputs == [campaign.make_input(TARGETS["settings"], SEED, index) for index in range(20)]
    assert len(set(inputs)) > 15
