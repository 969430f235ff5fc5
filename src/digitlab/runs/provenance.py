"""What a run was made with: versions and machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from digitlab.runs.keras_backend import keras_backend

RECORDED_PACKAGES = ("keras", "keras-tuner", "numpy", "onnxruntime", "scikit-learn", "matplotlib")
# Of the backends, only the one that is used: another may be installed beside it, and decides nothing.
BACKEND_PACKAGES = {"tensorflow": ("tensorflow",), "jax": ("jax", "jaxlib")}


def describe_versions() -> dict[str, str]:
    """Versions of Python, digitlab and what the scores depend on, without importing any of it."""
    from importlib import metadata  # here, since it takes as long to import as a digit to read

    from digitlab.runs.version import VERSION

    versions = {"digitlab": VERSION, "python": platform.python_version()}
    for package in (*BACKEND_PACKAGES.get(keras_backend(), ()), *RECORDED_PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GiB and operating system."""
    return {
        "cpu": _cpu_name(),
        "cores": available_cores(),
        "memory_gib": _memory_gib(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def available_cores() -> int:
    """Cores that this process may run on, which containers and `taskset` make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return None
