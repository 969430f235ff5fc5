"""A signal ends the process in two lines, whatever it is doing, and only where the process is the command."""

import os
import signal
import subprocess
import sys
import time

import pytest

import digitlab
from digitlab.cli.endings import FileEnding, PartsEnding, RunEnding
from digitlab.cli.interruption import Ending, interruption
from digitlab.cli.main import main
from digitlab.runs import RunFolder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

BEGIN = """
import os, sys, time
from pathlib import Path
from digitlab.cli.interruption import Ending, interruption
from digitlab.runs.atomic import atomic_path, write_text
interruption.listen()
"""


def heed_signals():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begin(script, folder):
    """A process that has written ``ready``."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + script],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    return process


def end(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.wait(timeout=60)  # before standard input is closed, which `communicate` does
    out, err = process.communicate()
    assert out == ""
    return process.returncode, err


TWO_LINES = "interrupted before it was done\nhint: digitlab\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "busy",
    [
        "while True: pass",
        "time.sleep(60)",
        "while True:\n try: time.sleep(60)\n except BaseException: pass",
        "from digitlab.runs.quiet import silenced_stderr\nwith silenced_stderr(): time.sleep(60)",
        "import threading; threading.Thread(target=lambda: time.sleep(60)).start()",
        "sys.stdin.read()",
    ],
    ids=["computing", "sleeping", "swallowing", "silenced", "ending with a thread", "reading"],
)
def test_whatever_the_process_does_it_ends_in_two_lines(busy, number, tmp_path):
    process = begin(f"print('ready', flush=True)\n{busy}", tmp_path)
    assert end(process, number) == (1, TWO_LINES)


def test_no_half_written_file_stays_and_none_appears_afterwards(tmp_path):
    script = """
write_text(Path("whole"), "whole")
class Slow(Ending):
    def close(self):
        time.sleep(1)
interruption.ending = Slow()
with atomic_path(Path("half")) as path:
    path.write_text("ha")
    print("ready", flush=True)
    time.sleep(0.5)  # the signal comes here, and this block ends while the process does
"""
    process = begin(script, tmp_path)
    assert end(process) == (1, TWO_LINES)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_a_thread_that_fails_while_the_process_ends_prints_nothing(tmp_path):
    script = """
import threading
class Slow(Ending):
    def lines(self, command):
        failing.set()
        time.sleep(1)
        return super().lines(command)
failing = threading.Event()
interruption.ending = Slow()
print("ready", flush=True)
failing.wait()
print("error: a file is gone", file=sys.stderr, flush=True)
interruption.finish()
"""
    process = begin(script, tmp_path)
    assert end(process) == (1, TWO_LINES)


def test_a_half_written_file_that_a_thread_makes_again_is_removed_nevertheless(tmp_path):
    script = """
class Slow(Ending):
    def close(self):
        time.sleep(1)
interruption.ending = Slow()
with atomic_path(Path("half")) as path:
    print("ready", flush=True)
    while True:
        path.write_text("ha")
        time.sleep(0.01)
"""
    process = begin(script, tmp_path)
    assert end(process) == (1, TWO_LINES)
    assert list(tmp_path.iterdir()) == []


DRAWING = """
class Drawing(Ending):
    def close(self):
        return [sys.executable, "-c", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"]
interruption.ending = Drawing()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_second_signal_ends_the_drawing_of_the_report_and_the_first_alone_does_not(tmp_path):
    process = begin(DRAWING, tmp_path)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)  # as `timeout` and others send it, to the process and to its group
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.6)
    assert process.poll() is None
    assert end(process, signal.SIGINT) == (1, TWO_LINES)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_children_end_with_the_process(tmp_path):
    script = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path("pid").write_text(str(child.pid))
print("ready", flush=True)
time.sleep(60)
"""
    assert end(begin(script, tmp_path)) == (1, TWO_LINES)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_ctrl_c_while_the_lanes_server_imports_tensorflow_shows_nothing_of_it(tmp_path):
    script = """
from digitlab.lanes.server import prepare_lanes
prepare_lanes()
print("ready", flush=True)
time.sleep(60)
"""
    process = begin(script, tmp_path)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert end(process, signal.SIGCONT) == (1, TWO_LINES)


def test_a_server_that_is_started_in_deafness_to_ctrl_c_goes_on(tmp_path):
    script = """
import signal, subprocess
from digitlab.lanes.server import deaf_to_ctrl_c
with deaf_to_ctrl_c():
    child = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"])
signal.signal(signal.SIGINT, signal.SIG_IGN)
time.sleep(0.5)
os.killpg(0, signal.SIGINT)
time.sleep(0.5)
print("ready", child.poll(), file=sys.stderr)
child.kill()
"""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.stderr == "ready None\n"


HANDED_OVER = """
import _signal
def handler(number, frame):
    print("handled", number, file=sys.stderr, flush=True)
interruption.hand_over(handler)
os.kill(os.getpid(), _signal.{number})
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_signals_can_be_handed_over_to_another_handler(number, tmp_path):
    script = BEGIN + HANDED_OVER.format(number=number)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, f"handled {int(getattr(signal, number))}\n")


def test_after_a_command_that_has_handed_signals_over_they_are_ignored(tmp_path):
    listen = BEGIN.replace("listen()", "listen(at_start=True)")
    finish = "interruption.finish()\nos.kill(os.getpid(), _signal.SIGTERM)\n"
    script = listen + HANDED_OVER.format(number="SIGTERM") + finish
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, f"handled {int(signal.SIGTERM)}\n")


def test_a_program_that_imports_digitlab_keeps_its_own_handlers():
    script = "import digitlab, signal; digitlab.load_classifier; print(signal.getsignal(signal.SIGINT).__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, preexec_fn=heed_signals)
    assert done.stdout == "default_int_handler\n"


@pytest.mark.parametrize(
    ("argv", "orig_argv", "expected"),
    [
        (["-m", "train"], ["python", "-m", "digitlab", "train"], True),
        (["-m"], ["python", "-X", "dev", "-m", "digitlab"], True),
        (["-m"], ["python", "-m", "theirs", "digitlab"], False),
        (["/bin/digitlab", "train"], ["/bin/python", "/bin/digitlab", "train"], True),
        (["/bin/digitlab", "train"], ["/bin/python", "-c", "from multiprocessing.spawn import spawn_main"], False),
        (["/bin/pytest", "digitlab"], ["/bin/python", "/bin/pytest", "digitlab"], False),
        ([""], ["python"], False),
        ([], [], False),
    ],
)
def test_it_is_the_command_only_where_it_was_started_as_such(monkeypatch, argv, orig_argv, expected):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert digitlab._is_the_command() is expected


def test_called_from_a_program_the_command_line_gives_the_handlers_back(capfd):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for _ in range(3):
        opened = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208
        with pytest.raises(SystemExit):
            main(["--version"])
    deadline = time.monotonic() + 10
    while sys.platform == "linux" and len(os.listdir("/proc/self/fd")) > opened:  # noqa: PTH208
        assert time.monotonic() < deadline, "a descriptor is left open by every call"
        time.sleep(0.01)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_interruption_that_is_raised_by_hand_says_the_same_two_lines(monkeypatch, capfd):
    from digitlab import classifier

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(classifier, "load_classifier", interrupted)
    with pytest.raises(SystemExit) as caught:
        main(["read", "a b.png"])
    assert caught.value.code == 1
    assert capfd.readouterr().err == "interrupted before it was done\nhint: digitlab read 'a b.png'\n"


def record(status):
    needed = {"config": {}, "dataset": {}, "stages": {}, "name": "r", "versions": {}, "machine": {}}
    return {"format": 1, "status": status, **needed}


@pytest.mark.parametrize(
    ("is_ours", "status", "hint"),
    [
        (False, None, "digitlab train --out 'a run'"),
        (False, "interrupted", "digitlab train --out 'a run'"),  # an earlier run, perhaps to be overwritten
        (True, None, "digitlab train --out 'a run'"),
        (True, "running", "digitlab train --resume 'a run'"),
        (True, "finished", "digitlab report 'a run'"),
        (False, "finished", "digitlab report 'a run'"),  # no stage was left to begin; the same command is refused now
    ],
)
def test_a_run_is_gone_on_with_only_where_there_is_one(is_ours, status, hint, tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    ending = RunEnding("train", Path("a run"), "every finished epoch")
    ending.is_ours = is_ours
    if status:
        RunFolder(Path("a run")).write_record(record(status))
    assert ending.lines("digitlab train --out 'a run'")[1] == hint


def test_an_earlier_finished_run_that_is_to_be_overwritten_is_not_taken_for_the_result(tmp_path):
    RunFolder(tmp_path).write_record(record("finished"))
    command = f"digitlab train --out {tmp_path} --overwrite"
    assert RunEnding("train", tmp_path, "every finished epoch").lines(command) == Ending().lines(command)


def test_a_file_that_has_just_been_written_is_replaced_only_where_that_is_asked_for(tmp_path):
    ending = FileEnding(tmp_path / "labels.csv")
    command = "digitlab predict images.npy --out labels.csv"
    assert ending.lines(command) == Ending().lines(command)
    (tmp_path / "labels.csv").touch()
    message, hint = ending.lines(command)
    assert message == f"interrupted when {tmp_path / 'labels.csv'} had just been written"
    assert hint == f"{command} --overwrite"


def test_a_damaged_record_does_not_keep_the_two_lines_back(tmp_path, monkeypatch):
    (tmp_path / "run.json").write_text("{")
    ending = RunEnding("train", tmp_path, "every finished epoch")
    ending.is_ours = True
    monkeypatch.setattr(interruption, "ending", ending)
    monkeypatch.setattr(interruption, "arguments", ["train"])
    assert interruption.lines() == ("interrupted before it was done", "digitlab train")


def test_bulk_work_goes_on_without_throwing_away_what_it_has_done():
    ending = PartsEnding()
    command = "digitlab predict images.npy --out 'my labels' --overwrite"
    assert ending.lines(command) == Ending().lines(command)
    ending.has_begun = True
    assert ending.lines(command)[1] == "digitlab predict images.npy --out 'my labels'"
