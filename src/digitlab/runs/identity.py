"""Whether what is asked for is the run that lies in a folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from digitlab.errors import DigitlabWarning, RunError
from digitlab.runs.folder import RunFolder
from digitlab.runs.provenance import cpu_features

_DECIDING = ("digitlab", "keras", "tensorflow", "jax", "jaxlib", "keras-tuner", "numpy")


def deciding_versions(versions: Mapping[str, str]) -> dict[str, str | None]:
    """The versions that sums and random numbers, and so the result, depend on."""
    return {name: versions.get(name) for name in _DECIDING}


def refuse_differences(folder: RunFolder, asked: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise `RunError` unless each pair of what was found and what is wanted is equal.

    Args:
        folder: Named in the error.
        asked: What it is, in a word or two, to (found in the folder, wanted now).
    """
    for what, (found, wanted) in asked.items():
        if found != wanted:
            raise RunError(
                f"{folder.path} holds an unfinished run with another {what}: {_difference(found, wanted)}",
                hint="repeat the command it was begun with, add --overwrite, or choose another --out",
            )


def warn_of_other_processor(folder: RunFolder, record: Mapping[str, Any]) -> None:
    """Warn where a run that is gone on with was begun on a processor of other vector instructions.

    The libraries choose their kernels by them, and each kernel rounds its sums in its own way.

    Args:
        folder: Named in the warning.
        record: The content of its run.json. One that states no instructions is not compared.
    """
    begun, here = record["machine"].get("cpu_features"), cpu_features()
    if begun is None or here is None or begun == here:
        return
    there_only, here_only = sorted(set(begun) - set(here)), sorted(set(here) - set(begun))
    parts = [f"{' '.join(names)} {where}" for names, where in ((there_only, "there"), (here_only, "here")) if names]
    warnings.warn(
        f"{folder.path} was begun on a processor of other instructions ({', '.join(parts)}): "
        "the result may differ in its last digits from that of an uninterrupted run",
        DigitlabWarning,
        stacklevel=2,
    )


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = [k for k in {**found, **wanted} if found.get(k) != wanted.get(k)]
        return ", ".join(f"{k} {found.get(k)!r} there, {wanted.get(k)!r} asked for" for k in keys)
    return f"{str(found)[:16]} there, {str(wanted)[:16]} asked for"
