"""Labels as they are found in arrays: whole numbers of any type."""

from __future__ import annotations

from typing import Any

import numpy as np

from digitlab.data.split import MAX_CLASSES, Labels
from digitlab.errors import DataError


def class_numbers(labels: Any, count: int, name: str) -> Labels:
    """uint8 [count] from as many whole numbers from 0 to 99.

    Raises:
        DataError: They are something else, or another number of them.
    """
    check_label_type(labels.dtype, labels.shape, count, name)
    if labels.min() < 0 or labels.max() >= MAX_CLASSES:
        raise _no_class_numbers(labels.dtype, labels.shape, count, name)
    return np.asarray(labels, dtype=np.uint8)


def check_label_type(dtype: np.dtype[Any], shape: tuple[int, ...], count: int, name: str) -> None:
    """Raise `DataError` unless an array of this type and shape holds `count` whole numbers, one or more."""
    if count < 1 or not np.issubdtype(dtype, np.integer) or shape != (count,):
        raise _no_class_numbers(dtype, shape, count, name)


def _no_class_numbers(dtype: np.dtype[Any], shape: tuple[int, ...], count: int, name: str) -> DataError:
    return DataError(
        f"{name}: expected {count} whole numbers from 0 to {MAX_CLASSES - 1}, got {dtype} {list(shape)}",
        hint="one class number per image, counted from 0",
    )
