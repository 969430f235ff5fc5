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

# As Linux names them on x86 and on Arm. oneDNN, XLA and NumPy choose their kernels by them.
_VECTOR_FEATURES = frozenset(
    {
        "sse4_1", "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512cd", "avx512dq",
        "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
        "asimd", "asimdhp", "asimddp", "asimdfhm", "bf16", "i8mm", "sve", "sve2", "sme",
    }
)  # fmt: skip


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
    """Processor and its vector instructions, cores that this process may use, memory in GiB and operating system."""
    return {
        "cpu": _cpu_name(),
        "cpu_features": cpu_features(),
        "cores": available_cores(),
        "memory_gib": _memory_gib(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def available_cores() -> int:
    """Cores that this process may run on, which containers and `taskset` make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_features() -> list[str] | None:
    """The processor's instructions that decide how sums are rounded, sorted; `None` where the kernel lists none."""
    listed = _cpu_info("flags") or _cpu_info("Features")
    return None if listed is None else sorted(_VECTOR_FEATURES.intersection(listed.split()))


def _cpu_name() -> str:
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_info(key: str) -> str | None:
    """What Linux says of the first processor under `key`."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return None


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return None
