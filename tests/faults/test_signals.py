"""Ctrl-C and SIGTERM at any moment: two lines, exit code 1, no traceback, and a hint that works when it is typed.

Half of the moments are calls of digitlab's own functions, hit exactly; half are points in time of whole processes,
from the first line of digitlab's own code on, Ctrl-C going to the whole process group as from a terminal.

Two hundred moments over all verbs, as before a release:
``DIGITLAB_SIGNALS=200 make test ARGS=tests/faults/test_signals.py``.
"""

import itertools
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from digitlab.data import load_dataset

MOMENTS = int(os.environ.get("DIGITLAB_SIGNALS", "0"))
SEED = int(os.environ.get("DIGITLAB_SIGNALS_SEED", "0"))
HOOK = Path(__file__).parent / "hook"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")]

SEARCH = "--layers 1 --units 4 --learning-rates 0.01,0.001 --max-epochs 2 --factor 2 --finalists 1 --finalist-seeds 1"
# The command of each verb, in a folder of its own.
COMMANDS = {
    "read": "read {data}/digit.png {data}/digit.png --annotate seen",
    "read in bulk": "read {data}/pictures --out lines",
    "predict": "predict {data}/images.npy --out labels --part-rows 500",
    "predict to csv": "predict {data}/images.npy --out labels.csv",
    "evaluate": "evaluate --data {data}/small.npz",
    "export": "export --format html --out digits.html",
    "train": "train --preset document --data {data}/small.npz --hidden 4 --epochs 3 --out run",
    "committee": "train --preset document --data {data}/small.npz --hidden 4 --epochs 2 --patience 0 --members 2"
    " --out run",
    "report": "report {data}/finished",
    "data": "data inspect {data}/small.npz --json",
    "scan": "scan --data {data}/small.npz --rates 0.01,0.001 --epochs 2 --steps 40 --out run",
    "tune": "tune --data {data}/small.npz {search} --out run",
    "study": "study --data {data}/small.npz {search} --scan-epochs 1 --no-recommend --out run",
}
# Of one hundred moments.
SHARES = {
    "read": 6, "read in bulk": 6, "predict": 12, "predict to csv": 6, "evaluate": 6, "export": 6, "train": 14,
    "committee": 6, "report": 6, "data": 4, "scan": 8, "tune": 12, "study": 8,
}  # fmt: skip
# By call (from 0 to 1 of all calls) or by time (from 0 to 1 of the duration).
IN_THE_SUITE = [
    ("read", "call", 0.0, signal.SIGINT),
    ("read", "call", 0.03, signal.SIGTERM),
    ("read", "time", 0.2, signal.SIGINT),
    ("predict", "call", 0.9, signal.SIGINT),
    ("export", "call", 0.6, signal.SIGTERM),
    ("train", "time", 0.4, signal.SIGINT),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images and pictures enough for a few parts and batches."""
    from PIL import Image

    folder, sample = tmp_path_factory.mktemp("data"), load_dataset("sample")
    np.save(folder / "images.npy", np.concatenate([sample.train.images] * 2))
    small = {"x_train": sample.train.images[:300], "y_train": sample.train.labels[:300]}
    np.savez(folder / "small.npz", **small, x_test=sample.test.images[:50], y_test=sample.test.labels[:50])
    (folder / "pictures").mkdir()
    for number in range(200):
        picture = Image.fromarray(255 - sample.test.images[number]).resize((84, 84))
        picture.save(folder / "pictures" / f"{number:03}.png")
    picture.save(folder / "digit.png")
    if MOMENTS:
        finished = "train --preset document --data small.npz --hidden 4 --epochs 2 --out finished"
        subprocess.run([sys.executable, "-m", "digitlab", *shlex.split(finished)], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A search path on which ``digitlab`` is the code under test."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "digitlab"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m digitlab "$@"\n')
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def words(verb, data):
    return shlex.split(COMMANDS[verb].format(data=data, search=SEARCH))


def heed_signals():
    """Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(arguments, folder, hook, **more):
    folder.mkdir(parents=True, exist_ok=True)
    source = os.environ.get("PYTHONPATH", "")
    return subprocess.Popen(
        [sys.executable, "-m", "digitlab", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{HOOK}{os.pathsep}{source}", "DIGITLAB_HOOK": hook},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
        start_new_session=True,
        **more,
    )


@pytest.fixture(scope="module")
def measured(data, tmp_path_factory):
    """How many calls a verb makes, measured once each."""
    known = {}

    def measure(verb):
        if verb not in known:
            folder = tmp_path_factory.mktemp("whole")
            process = start(words(verb, data), folder, f"count:{folder}/calls")
            _, err = process.communicate(timeout=600)
            assert process.returncode == 0, err
            known[verb] = int((folder / "calls").read_text())
        return known[verb]

    return measure


@pytest.fixture(scope="module")
def timed(data, tmp_path_factory):
    """How long a verb takes from the first line of digitlab's own code, measured once each."""
    known = {}

    def measure(verb):
        if verb not in known:
            process, began = started(verb, data, tmp_path_factory.mktemp("timed"))
            _, err = process.communicate(timeout=600)
            assert process.returncode == 0, err
            known[verb] = time.monotonic() - began
        return known[verb]

    return measure


def started(verb, data, folder):
    """A process whose own code has just begun, and when."""
    ours, theirs = os.pipe()
    process = start(words(verb, data), folder, f"begin:{theirs}", pass_fds=[theirs])
    os.close(theirs)
    assert os.read(ours, 1) == b"!", process.communicate()[1]
    os.close(ours)
    return process, time.monotonic()


def interrupt(verb, kind, share, number, data, folder, measured, timed):
    """Send the signal; exit code and standard error, or `None` where the process was quicker."""
    if kind == "call":
        at = max(FIRST_CALLS, round(share * measured(verb)))
        process = start(words(verb, data), folder, f"call:{at}:{int(number)}")
    else:
        duration_s = timed(verb)
        process, began = started(verb, data, folder)
        time.sleep(max(0.0, began + share * duration_s - time.monotonic()))
        if number == signal.SIGINT and process.poll() is None:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    _, err = process.communicate(timeout=600)
    return None if process.returncode == 0 else (process.returncode, err)


# The first call runs the first line of digitlab's own code, which makes signals wait until the handlers are there.
FIRST_CALLS = 2


def check(verb, outcome, folder, path):
    """What must hold after a signal; the hint."""
    code, err = outcome
    assert code == 1, f"exit code {code}\n{err}"
    assert "Traceback" not in err, err
    assert "error:" not in err, err
    lines = err.strip().splitlines()
    assert lines[-2].startswith("interrupted"), err
    assert lines[-1].startswith("hint: digitlab "), err
    hint = lines[-1].removeprefix("hint: ")
    typed = subprocess.run(
        hint,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=600,
    )
    assert typed.returncode == 0, f"{hint}\n{typed.stderr}"
    left = [found.name for found in folder.rglob(".unfinished-*")]
    assert left == []
    return hint


def kind_of(hint):
    return next((kind for kind in ("--resume", "--overwrite", "report") if f" {kind} " in f"{hint} "), "again")


@pytest.mark.skipif(MOMENTS > 0, reason="all moments are tried by the other test")
@pytest.mark.parametrize(("verb", "kind", "share", "number"), IN_THE_SUITE)
def test_a_signal_ends_in_two_lines_and_a_hint_that_works(
    verb, kind, share, number, data, path, measured, timed, tmp_path
):
    outcome = interrupt(verb, kind, share, number, data, tmp_path, measured, timed)
    assert outcome is not None, "it was quicker than the signal"
    check(verb, outcome, tmp_path, path)


@pytest.mark.skipif(MOMENTS == 0, reason="DIGITLAB_SIGNALS says how many")
def test_signals_at_many_moments(data, path, measured, timed, tmp_path):
    moments = random.Random(SEED)
    table, wrong = Counter(), []
    order = list(itertools.chain.from_iterable([verb] * round(MOMENTS * share / 100) for verb, share in SHARES.items()))
    for index, verb in enumerate(order):
        kind = ("call", "time")[index % 2]
        number = (signal.SIGINT, signal.SIGTERM)[index // 2 % 2]
        share = moments.random() ** (2 if index % 4 < 2 else 1)  # more of them in the first seconds
        folder = tmp_path / str(index)
        outcome = interrupt(verb, kind, share, number, data, folder, measured, timed)
        try:
            found = "had ended with 0" if outcome is None else kind_of(check(verb, outcome, folder, path))
        except AssertionError as error:
            found = "WRONG"
            wrong.append(f"{verb} {kind} {share:.4f} {number.name}: {error}")
        table[verb, kind, found] += 1
        sys.stdout.write(f"{index}\t{verb}\t{kind}\t{share:.4f}\t{number.name}\t{found}\n")  # shown by pytest -s
        sys.stdout.write(f"{wrong[-1]}\n" if found == "WRONG" else "")
        sys.stdout.flush()
    rows = "".join("\t".join([*row, str(count)]) + "\n" for row, count in sorted(table.items()))
    (tmp_path / "table.tsv").write_text(rows)
    sys.stdout.write(f"\n{rows}")
    assert not wrong, "\n\n".join(wrong)
