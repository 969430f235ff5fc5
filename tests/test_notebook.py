"""The notebook for a class runs from top to bottom, on the sample."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = json.loads((Path(__file__).parents[1] / "docs" / "study.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_the_notebooks_cells_run_in_order_on_the_sample(tmp_path):
    cells = "\n\n".join(CODE)
    assert 'source = "auto"' in cells
    script = cells.replace('source = "auto"', 'source = "sample"')  # the same, in a minute
    environment = {**os.environ, "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", script]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    (scores,) = [line for line in lines if "right, 95 % interval" in line]
    assert float(scores.partition("%")[0]) > 88
    assert lines[-1].endswith("true")


def test_the_notebook_carries_no_outputs():
    assert [cell for cell in NOTEBOOK["cells"] if cell.get("outputs")] == []
