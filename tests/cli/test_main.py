"""The command line: exit codes, two-line errors, and data alone on standard output."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from digitlab.cli.main import main


@pytest.fixture
def digitlab(capfd):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return run


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--preset", "documnt"], 2),
        (["train", "--epoch", "3"], 2),
        (["train", "--epochs", "many"], 2),
        (["train", "--learning-rate", "0", "--data", "sample"], 2),
        (["train", "--hidden", "a,b"], 2),
        (["train", "--preset", ""], 2),
        (["train", "--patience", "3", "--data", "sample"], 2),
        (["train", "--patience", "3", "--preset", "document", "--validation-fraction", "0"], 2),
        (["train", "--teacher", "nowhere", "--distillation", "0.5", "--data", "sample"], 1),
        (["tune", "--lanes", "0", "--data", "sample"], 2),
        (["study", "--lanes", "-1", "--data", "sample"], 2),
        (["scan", "--lanes", "0", "--data", "sample"], 2),
        (["scan", "--epochs", "0", "--data", "sample"], 2),
        (["study", "--scan-epochs", "0", "--data", "sample"], 2),
        (["tune", "--preset", "", "--data", "sample"], 2),
        (["train", "--data", "nowhere.csv"], 2),
        (["train", "--resume", "nowhere"], 1),
        (["train", "--resume", "nowhere", "--epochs", "3"], 2),
        (["trian"], 2),
        (["evaluate", "nowhere"], 1),
        (["evaluate", "--split", "both"], 2),
        (["report", "."], 1),
        (["data", "fetch", "minst"], 2),
        (["data", "verify", "."], 1),
    ],
)
def test_wrong_use_is_two_lines_and_an_exit_code(digitlab, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    status, out, err = digitlab(*arguments)
    assert status == code
    assert out == ""
    first, second = err.strip().splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_that_is_not_there_is_found_before_tensorflow_is_imported(tmp_path):
    script = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'jax'): sys.modules[name] = None\n"
        "from digitlab.cli.main import main\n"
        "main(['train', '--data', 'sample', '--teacher', 'nowhere', '--distillation', '0.5'])\n"
    )
    process = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 1
    assert "nowhere: expected a run folder or a model file, found nothing" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_verbs_on_standard_output(digitlab):
    status, out, _ = digitlab("--help")
    assert status == 0
    for verb in ("train", "evaluate", "report", "data"):
        assert verb in out


def test_debug_shows_the_traceback_wherever_it_stands(capfd):
    with pytest.raises(Exception, match="neither a known data set"):
        main(["train", "--data", "nowhere.csv", "--debug"])


def test_the_sample_is_listed_as_embedded(digitlab):
    status, out, _ = digitlab("data", "list", "--json")
    assert status == 0
    assert json.loads(out)["sets"]["sample"] == "embedded"


def test_inspect_counts_the_samples_images(digitlab):
    status, out, _ = digitlab("data", "inspect", "sample", "--json")
    description = json.loads(out)
    assert status == 0
    assert description["train"]["per_class"] == {str(d): 400 for d in range(10)}
    assert description["test"]["images"] == 1000


PIPE_BREAKS = """
import os
from digitlab import classifier
from digitlab.cli.main import main

def broken(*arguments, **named):
    input()  # the test has closed standard output by then, or leaves it open
    ours, theirs = os.pipe()
    os.close(ours)
    os.write(theirs, b"x")

classifier.load_classifier = broken
main(["read", "a.png"])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell one broken pipe from another")
@pytest.mark.parametrize("is_read", [True, False])
def test_a_broken_pipe_is_an_error_unless_the_reader_of_the_output_is_gone(is_read):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", PIPE_BREAKS], **pipes, text=True) as process:
        if not is_read:
            process.stdout.close()
        process.stdin.write("go\n")
        process.stdin.close()
        err = process.stderr.read()
    assert process.returncode == 1
    assert err.startswith("error: the operating system refused: Broken pipe\nhint: ") if is_read else err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a file is limited as Linux does it")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_rows_that_do_not_fit_on_the_disk_of_standard_output_are_an_error(unbuffered, tmp_path):
    import resource

    np.save(tmp_path / "images.npy", np.zeros((2000, 28, 28), np.uint8))
    with (tmp_path / "rows.csv").open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "digitlab", "predict", tmp_path / "images.npy"],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: "), done.stderr
    assert len(done.stderr.splitlines()) == 2
