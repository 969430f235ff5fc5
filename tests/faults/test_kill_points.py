"""A command killed immediately before chosen changes of files ends, run again, as if nothing had happened.

The whole campaign, 500 kills: ``make bench-kills``.
"""

import json
import platform
import sys

import pytest

import forked

RUN = "from kills import main; main()"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the seccomp filter is of Linux on x86-64"
    ),
]


def outcome(case, kills):
    """What came of a run of a case that was killed at these changes."""
    process = forked.run(RUN, "--case", case, "--at", kills, timeout=600)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.partition("\n")[2])


@pytest.mark.parametrize(
    ("case", "kills"),
    [
        ("predict", "1,3,4:alone,7,12,15:alone,20"),
        ("predict --overwrite", "9,14:alone,30"),
        ("train", "5,60:alone,150,100"),
        ("ensemble", "250:alone,60"),
    ],
)
def test_killed_before_these_changes_it_ends_exactly_as_left_alone(case, kills):
    found = outcome(case, kills)
    assert len(found["kills"]) == len(kills.split(","))
    assert found["wrong"] == [], found["said"]
