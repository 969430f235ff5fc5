"""The command line: exit codes, two-line errors, and data alone on standard output."""

import json
import subprocess
import sys

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
