"""A damaged record of a run ends in an error of digitlab's own or in the right result, and never in a silent other one.

Twenty damages here; two hundred, as before a release:
``DIGITLAB_DAMAGES=200 make test ARGS=tests/faults/test_damaged_records.py``.
"""

import json
import os
import platform
import sys

import pytest

import forked

RUN = "from injection.damage import main; main()"
DAMAGES = os.environ.get("DIGITLAB_DAMAGES", "20")
SEED = os.environ.get("DIGITLAB_DAMAGES_SEED", "0")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the seccomp filter is of Linux on x86-64"
    ),
]


def test_a_damaged_record_is_an_error_or_makes_no_difference():
    process = forked.run(RUN, "--damages", DAMAGES, "--seed", SEED)
    findings = [json.loads(line) for line in process.stdout.splitlines()]
    assert process.returncode in (0, 1), process.stderr
    assert findings == []
