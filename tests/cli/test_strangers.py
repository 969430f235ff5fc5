"""The command line with paths that cannot be, names that a terminal would obey, and streams that take nothing."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digitlab.cli.main import main
from digitlab.text import UNPRINTABLE
from onnx_by_hand import build

LONG = "x" * 300
BYTES = os.fsdecode(b"\xff\x1b[31m")

PATHS = [
    ["read", "PATH"],
    ["read", "PATH", "--json"],
    ["read", "digit.png", "--model", "PATH"],
    ["read", "digit.png", "--annotate", "PATH"],
    ["predict", "PATH"],
    ["predict", "sample", "--model", "PATH"],
    ["predict", "sample", "--out", "PATH.csv"],
    ["evaluate", "PATH"],
    ["evaluate", "--data", "PATH"],
    ["export", "PATH"],
    ["export", "--format", "html", "PATH"],
    ["export", "--format", "html", "--out", "PATH/x.html"],
    ["train", "--data", "PATH"],
    ["train", "--config", "PATH"],
    ["train", "--teacher", "PATH", "--distillation", "0.5", "--data", "PATH"],
    ["train", "--resume", "PATH"],
    ["train", "--data", "nowhere", "--out", "PATH"],
    ["scan", "--data", "PATH"],
    ["tune", "--space", "PATH"],
    ["study", "--config", "PATH"],
    ["report", "PATH"],
    ["serve", "PATH"],
    ["data", "inspect", "PATH"],
    ["data", "verify", "PATH"],
]


@pytest.fixture
def digitlab(capfd):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return run


@pytest.fixture
def digit(tmp_path, monkeypatch):
    """A picture of a 1, in the current folder."""
    monkeypatch.chdir(tmp_path)
    picture = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(picture).line((30, 10, 30, 50), fill=0, width=5)
    picture.save("digit.png")
    return tmp_path / "digit.png"


@pytest.mark.parametrize("path", [LONG, "~nosuchuser", BYTES], ids=["too long", "home of nobody", "no UTF-8"])
@pytest.mark.parametrize("arguments", PATHS, ids=" ".join)
def test_a_path_that_cannot_be_is_said_in_two_lines(digitlab, digit, arguments, path):
    if path != LONG and ("--annotate" in arguments or "--out" in arguments):
        pytest.skip("a new file may be called so")
    status, _, err = digitlab(*(argument.replace("PATH", path) for argument in arguments))
    assert status in (1, 2)
    assert err.startswith("error: ")
    assert "unexpected" not in err
    assert not UNPRINTABLE.search(err.replace("\n", ""))
    assert [entry.name for entry in digit.parent.iterdir()] == ["digit.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "PIPE"],
        ["evaluate", "--data", "PIPE.csv"],
        ["predict", "sample", "--model", "PIPE"],
        ["train", "--config", "PIPE"],
        ["tune", "--space", "PIPE"],
        ["export", "--format", "html", "PIPE.onnx"],
        ["evaluate", "PIPE.onnx"],
    ],
    ids=" ".join,
)
def test_a_pipe_is_not_waited_for(digitlab, tmp_path, arguments):
    for name in ("PIPE", "PIPE.csv", "PIPE.onnx"):
        os.mkfifo(tmp_path / name)
    status, out, err = digitlab(*(a.replace("PIPE", f"{tmp_path}/PIPE") for a in arguments))
    assert status in (1, 2)
    assert out == ""
    assert len(err.splitlines()) == 2


def test_a_file_whose_name_is_no_utf_8_is_read_and_its_name_escaped(digitlab, digit):
    name = f"{BYTES}.png"
    digit.rename(digit.parent / name)
    status, out, _ = digitlab("read", name)
    assert status == 0
    assert r"\udcff\x1b[31m.png" in out
    status, out, _ = digitlab("read", name, "--json")
    assert status == 0
    assert json.loads(out)["images"][0]["file"] == name
    assert not UNPRINTABLE.search(out.replace("\n", ""))


def test_names_of_classes_are_no_markup(digitlab, digit):
    (digit.parent / "m.onnx").write_bytes(build(names=["[red]a[/red]", "[/]", "[bold]"]))
    status, out, _ = digitlab("read", "digit.png", "--model", "m.onnx", "--threshold", "0")
    assert status == 0
    assert any(name in out for name in ("[red]a[/red]", "[/]", "[bold]"))


@pytest.mark.parametrize("probabilities", [[], ["--probabilities"]])
def test_cells_that_a_spreadsheet_would_run_are_text_and_numbers_stay_numbers(digitlab, tmp_path, probabilities):
    names = ["=cmd|' /C calc'!A0", "+1", "@x"]
    (tmp_path / "m.onnx").write_bytes(build(names=names))
    np.save(tmp_path / "digits.npy", np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8))
    arguments = ["predict", tmp_path / "digits.npy", "--model", tmp_path / "m.onnx", *probabilities]
    _, out, _ = digitlab(*arguments)
    for row in csv.DictReader(io.StringIO(out)):
        assert row["label"] in {f"'{name}" for name in names}
        assert float(row["probability"]) > 0
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(out)) for cell in row)
    _, out, _ = digitlab(*arguments, "--json")
    assert {json.loads(line)["label"] for line in out.splitlines()} <= set(names)


def run_process(*arguments, prefix="", environment=None, **options):
    """Through a shell, which can close streams."""
    command = f'{prefix} exec "$0" -m digitlab "$@" {options.pop("redirected", "")}'
    given = {**os.environ, **(environment or {})}
    shell = ["/bin/sh", "-c", command, sys.executable, *map(str, arguments)]
    return subprocess.run(shell, capture_output=True, env=given, timeout=300, **options)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device here")  # noqa: PTH110
@pytest.mark.parametrize("redirected", [">/dev/full", ">&-"], ids=["full", "closed"])
@pytest.mark.parametrize("arguments", [["predict", "sample"], ["data", "list", "--json"], ["--version"]], ids=" ".join)
def test_standard_output_that_takes_nothing_is_an_error_in_two_lines(redirected, arguments):
    process = run_process(*arguments, redirected=redirected)
    assert process.returncode == 1
    first, second = process.stderr.decode().splitlines()
    assert first.startswith("error: cannot write the output: ")
    assert second.startswith("hint: ")


@pytest.mark.slow
@pytest.mark.parametrize("redirected", ["2>&-", "2>&- >&-", "<&- 2>&-"])
def test_without_standard_error_the_exit_code_is_the_same(redirected):
    assert run_process("data", "nosuch", redirected=redirected).returncode == 2


ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_terminal_of_ascii_alone_shows_escapes(digit, as_json):
    digit.rename(digit.parent / "größe ✓.png")
    process = run_process("read", "größe ✓.png", "nosuch ✓.png", *as_json, environment=ASCII)
    assert process.returncode == 1
    assert b"Traceback" not in process.stderr
    assert b"unexpected" not in process.stderr
    assert process.stdout.isascii()
    if as_json:
        assert [image["error"] is None for image in json.loads(process.stdout)["images"]] == [True, False]
