"""`contents`: what must be equal of two folders, one made by an interrupted command and one by an uninterrupted one.

Equal are: which files and folders there are, hidden ones included; every array of every network, optimizer state
included; tables, records and answers in every value but those that tell time. The checksums of files that tell time
differ too; that they are those of the files is checked instead. Not compared are the lock and
TensorBoard's logs, and of report.html and the figures only that they are there: they are drawn from the compared files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from digitlab.errors import DigitlabError
from digitlab.runs import RunFolder
from digitlab.runs.checksums import refuse_changed_files
from digitlab.runs.folder import RECORD

# Values that tell when, how long or by which path something ran, and checksums of files that hold such values.
TIMES = {"duration_s", "stages_duration_s", "created", "test_opened", "seconds", "path", "bytes", "sha256"}
_LOG_FOLDER, _LOCK = "tensorboard", ".lock"


def contents(folder: Path) -> dict[str, str]:
    """A short text for every file and folder in a folder, by its path in it; equal texts, equal files."""
    return {
        str(path.relative_to(folder)): "a folder" if path.is_dir() else _content(path)
        for path in sorted(folder.rglob("*"))
        if path.name != _LOCK and _LOG_FOLDER not in path.relative_to(folder).parts
    }


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """What is wrong with a folder, a phrase per file."""
    missing = [f"{name} missing" for name in expected if name not in found]
    more = [f"{_without_chance(name)} left over" for name in found if name not in expected]
    other = [f"{name} differs" for name in expected if name in found and found[name] != expected[name]]
    return missing + more + other


def _without_chance(name: str) -> str:
    """A temporary file's name without its random part."""
    return re.sub(r"(\.unfinished-.*?)[a-z0-9_]{8}(?=\.|$)", r"\1*", name)


def _content(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    read = _READERS.get(path.suffix.lower(), lambda path: _hash(path.read_bytes()))
    try:
        return read(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, DigitlabError) as error:
        return f"unreadable: {type(error).__name__} {error}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _keras(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        # metadata.json has the date. An address in memory and the numbers of automatic names say nothing.
        config = re.sub(rb'"shared_object_id": \d+|(?<=[a-z])_\d+(?=")', b"", archive.read("config.json"))
        return f"config {_hash(config)} arrays " + _weights(io.BytesIO(archive.read("model.weights.h5")))


def _weights(file: Any) -> str:
    digest = hashlib.sha256()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name} {item.shape} {item.dtype}".encode() + item[()].tobytes())

    with h5py.File(file) as archive:
        archive.visititems(add)
    return digest.hexdigest()[:16]


def _arrays(path: Path) -> str:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if "record" in arrays:  # a checkpoint: its history tells durations
        arrays["record"] = np.array(json.dumps(_timeless(json.loads(str(arrays["record"])))))
    return _hash(b"".join(f"{name} {a.shape} {a.dtype}".encode() + a.tobytes() for name, a in arrays.items()))


def _table(path: Path) -> str:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [_timeless(row) for row in csv.DictReader(file)]
    return f"{len(rows)} rows {_hash(json.dumps(rows).encode())}"


def _json(path: Path) -> str:
    if path.name == RECORD:
        refuse_changed_files(path.parent, RunFolder(path.parent).read_record())
    return json.dumps(_timeless(json.loads(path.read_text(encoding="utf-8"))), sort_keys=True)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [_timeless(inner) for inner in value]
    return value


def _parquet(path: Path) -> str:
    from pyarrow import parquet

    # Not `read_table`, which takes a folder's hidden files for a data set.
    table = parquet.ParquetFile(path).read()
    return f"{table.num_rows} rows {_hash(json.dumps(table.to_pylist()).encode())}"


def _there(path: Path) -> str:
    return "there" if path.stat().st_size else "empty"


_READERS = {
    ".keras": _keras,
    ".h5": _weights,
    ".npz": _arrays,
    ".csv": _table,
    ".json": _json,
    ".parquet": _parquet,
    ".html": _there,
    ".png": _there,
    ".svg": _there,
}
