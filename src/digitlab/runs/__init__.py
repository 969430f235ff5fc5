"""Run folders: what a run leaves behind, written so that nothing is ever half there."""

from digitlab.runs.atomic import atomic_path, write_bytes, write_text
from digitlab.runs.folder import HISTORY_COLUMNS, RunFolder, make_run_folder
from digitlab.runs.identity import deciding_versions, refuse_differences, warn_of_other_processor
from digitlab.runs.keras_backend import keras_backend, refuse_unknown_backend
from digitlab.runs.machine_failure import machine_failure, machine_failures
from digitlab.runs.model_file import find_model
from digitlab.runs.provenance import available_cores, describe_machine, describe_versions

__all__ = [
    "HISTORY_COLUMNS",
    "RunFolder",
    "atomic_path",
    "available_cores",
    "deciding_versions",
    "describe_machine",
    "describe_versions",
    "find_model",
    "keras_backend",
    "machine_failure",
    "machine_failures",
    "make_run_folder",
    "refuse_differences",
    "refuse_unknown_backend",
    "warn_of_other_processor",
    "write_bytes",
    "write_text",
]
