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
    whole = np.issubdtype(labels.dtype, np.integer) and labels.shape == (count,)
    if not whole or labels.min() < 0 or labels.max() >= MAX_CLASSES:
        raise DataError(
            f"{name}: expected {count} whole numbers from 0 to {MAX_CLASSES - 1},"
            f" got {labels.dtype} {list(labels.shape)}",
            hint="one class number an image, counted from 0",
        )
    return np.asarray(labels, dtype=np.uint8)
