"""benchmarks/RESULTS.md: one section a benchmark, each rewritten whole by the run that measured it."""

from __future__ import annotations

import platform
import re
import statistics
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from digitlab.runs import describe_machine, write_text

PATH = Path(__file__).with_name("RESULTS.md")
HEAD = (
    "# Results\n\n"
    "Written by the scripts of this folder, a section each; every figure is from a run of the code beside it.\n"
)


def write_section(title: str, body: str) -> None:
    """Put `body` under `## title`, in place of what stood there."""
    text = PATH.read_text(encoding="utf-8") if PATH.exists() else HEAD
    section = f"## {title}\n\n{body.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    text, replaced = pattern.subn(lambda _: section + "\n", text)
    if not replaced:
        text = f"{text.rstrip()}\n\n{section}"
    write_text(PATH, text.rstrip() + "\n")


def machine_line(packages: Sequence[str]) -> str:
    """Processor, cores, memory and the versions that matter."""
    machine = describe_machine()
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {platform.system()}; "
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median with minimum and maximum: ``0.62 (0.60-0.70)``; a dash where there is nothing."""
    if not values:
        return "–"
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"
