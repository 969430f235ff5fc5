"""The public names, and what importing them costs."""

import subprocess
import sys

import pytest

import digitlab


def test_every_public_name_exists_and_is_listed():
    for name in digitlab.__all__:
        assert getattr(digitlab, name).__name__ == name
    assert set(digitlab.__all__) <= set(dir(digitlab))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = digitlab.trian


def modules_after(statement):
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "scipy", "pandas", "requests", "PIL", "onnx", "onnxruntime"}


@pytest.mark.parametrize(
    "module", ["digitlab", "digitlab.cli.main", "digitlab.data", "digitlab.evaluation", "digitlab.classifier"]
)
def test_importing_it_imports_nothing_heavy(module):
    assert not modules_after(f"import {module}") & HEAVY


def test_importing_digitlab_does_not_even_import_numpy():
    assert "numpy" not in modules_after("import digitlab")
