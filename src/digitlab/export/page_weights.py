"""`PageWeights`: the numbers of networks as the exported page takes them; its engine/weights.js reads them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from digitlab.export.chain import Chain, Dense, Float64, Scale, Step


class PageWeights:
    """The numbers of all networks one after another, and where each array lies among them."""

    def __init__(self, *, half: bool) -> None:
        self._half = half
        self._parts: list[bytes] = []
        self._at = 0

    def add(self, members: Sequence[Chain], *, half: bool | None = None) -> list[list[dict[str, Any]]]:
        """The members' steps, as the page takes them."""
        half = self._half if half is None else half
        return [[self._step(step, half) for step in chain.steps] for chain in members]

    def base64(self) -> str:
        """All of them."""
        return base64.b64encode(b"".join(self._parts)).decode("ascii")

    def _step(self, step: Step, half: bool) -> dict[str, Any]:
        # As in the ONNX files: biases and scales are few, and stay as exact as they are.
        if isinstance(step, Dense):
            weights = self._array(step.weights, "float16" if half else "float32")
            return {"operator": "Dense", "weights": weights, "bias": self._array(step.bias)}
        if isinstance(step, Scale):
            return {"operator": "Scale", "factor": self._array(step.factor), "offset": self._array(step.offset)}
        return {"operator": step.operator}

    def _array(self, values: Float64, kind: str = "float32") -> dict[str, Any]:
        part = values.astype(np.dtype(kind).newbyteorder("<")).tobytes()
        place = {"format": kind, "at": self._at, "count": values.size}
        self._parts.append(part)
        self._at += len(part)
        return place
