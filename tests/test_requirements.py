"""What is installed somewhere is what was tested: one resolution for all files of pinned versions."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "requirements"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; ([^\\]+?))? *\\?$", re.MULTILINE)
# Every extra is in this one.
TESTED = "test.txt"


def pins(name):
    """(package, marker) to version."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return {(package.lower(), marker): version for package, version, marker in PIN.findall(text)}


@pytest.mark.parametrize("name", ["base.txt", "serve.txt", "train.txt", "ray.txt", "bench.txt", "build.txt"])
def test_a_file_pins_no_other_version_than_the_tests_run_with(name):
    tested = {}
    for (package, _), version in pins(TESTED).items():
        tested.setdefault(package, set()).add(version)
    found = pins(name)
    assert found
    other = {
        package: version
        for (package, _), version in found.items()
        if package in tested and version not in tested[package]
    }
    assert other == {}


REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+==.+(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+")


def test_every_pin_carries_hashes_and_no_file_names_an_address():
    for path in FOLDER.glob("*.txt"):
        text = re.sub(r"(?m)^#.*\n", "", path.read_text(encoding="utf-8")).rstrip()
        assert "://" not in text, path.name
        for requirement in re.split(r"\n(?=\S)", text):
            assert REQUIREMENT.fullmatch(requirement), path.name
