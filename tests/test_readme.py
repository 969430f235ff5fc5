"""What the README shows runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_of_the_readme_trains_and_scores_a_network(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert 'load_dataset("mnist")' in block
    code = block.replace('"mnist"', '"sample"')  # the same, in a moment
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    _, scores, reading, texts = process.stdout.splitlines()
    assert float(scores.split()[0]) > 0.9
    label = reading.split()[0]
    assert texts == f"['{label}']"
    assert (tmp_path / "runs" / "first" / "model.keras").exists()


def test_the_readmes_first_screen_has_the_two_commands_and_a_real_picture():
    head = README[: README.index("## Use")]
    assert "make run" in head
    assert "make test" in head
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", head)
    assert (Path(__file__).parents[1] / picture).read_bytes().startswith(b"\x89PNG")
