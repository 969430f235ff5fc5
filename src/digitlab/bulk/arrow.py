"""pyarrow: imported when Parquet or an object store is asked for, and not before."""

from __future__ import annotations

from typing import Any

from digitlab.errors import UsageError


def import_parquet() -> Any:
    """The module `pyarrow.parquet`.

    Raises:
        UsageError: The package is not installed.
    """
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise _missing("Parquet", error) from error
    return pyarrow.parquet


def import_filesystems() -> Any:
    """The module `pyarrow.fs`.

    Raises:
        UsageError: The package is not installed.
    """
    try:
        import pyarrow.fs
    except ModuleNotFoundError as error:
        raise _missing("a URI", error) from error
    return pyarrow.fs


def _missing(what: str, error: ModuleNotFoundError) -> UsageError:
    return UsageError(
        f"{what} needs the package {error.name}, which is not installed", hint='pip install "digitlab[ray]"'
    )
