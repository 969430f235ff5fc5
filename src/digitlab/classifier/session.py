"""ONNX Runtime: imported when the first network is opened, and kept quiet."""

from __future__ import annotations

from typing import Any

from digitlab.classifier.arithmetic import check_arithmetic
from digitlab.classifier.external import holds_external_data
from digitlab.errors import ModelError, UsageError
from digitlab.text import in_short

FATAL_ONLY = 4
_EXPORT = "`digitlab export RUN` writes an ONNX file of a trained network"


def check_content(content: bytes, name: str) -> int:
    """Check, before any reader sees them, that the bytes of an ONNX file can do nothing but simple arithmetic.

    Args:
        content: The file's bytes.
        name: What to call it in messages.

    Returns:
        How many numbers it computes per image.

    Raises:
        ModelError: They are no ONNX file, keep weights in other files, or hold operators or shapes whose cost the
            file's own size does not bound.
    """
    try:
        external = holds_external_data(content)
    except ValueError as error:
        raise ModelError(f"{name}: expected an ONNX file, got: {error}", hint=_EXPORT) from error
    if external:
        raise ModelError(
            f"{name}: expected an ONNX file that holds all its weights, got one with weights in other files",
            hint="save it again in one file, as `digitlab export` does",
        )
    try:
        return check_arithmetic(content)
    except ValueError as error:
        raise ModelError(
            f"{name}: expected an ONNX file of layers as digitlab exports them, got {error}", hint=_EXPORT
        ) from error


def open_session(content: bytes, name: str, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` over the bytes of an ONNX file.

    Args:
        content: The file's bytes, which `check_content` was called on.
        name: What to call it in messages.
        threads: Threads that share the work on one call, 1 or more.

    Raises:
        ModelError: ONNX Runtime is not installed, or does not take these bytes.
        UsageError: `threads` is below 1.
    """
    if type(threads) is not int or threads < 1:
        raise UsageError(f"threads: expected a whole number from 1, got {threads!r}", hint="leave it out for 1")
    runtime = _import_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = FATAL_ONLY
    # It also knows a format of its own, which nothing above has looked into.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        # The fallback would print, and try the same once more.
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:
        raise ModelError(f"{name}: expected an ONNX file, got: {in_short(error)}", hint=_EXPORT) from error


def _import_runtime() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModelError(
            f"ONNX files need the package {error.name}, which is not installed", hint="pip install onnxruntime"
        ) from error
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    onnxruntime.disable_telemetry_events()
    return onnxruntime
