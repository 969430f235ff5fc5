"""`Chain`: a network as the few steps of arithmetic that it comes down to.

Images are rows of numbers here, [n, d]. Scaling and batch normalisation multiply each column by one
number and add another. Beside a dense layer that is a change of its weights and no step of its own;
it is made in float64, and rounded to float32 only when the file is written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dense:
    """x @ weights + bias; weights [d, k], bias [k]."""

    weights: Float64
    bias: Float64


@dataclass(frozen=True, eq=False)
class Scale:
    """x * factor + offset, both [d]."""

    factor: Float64
    offset: Float64


@dataclass(frozen=True)
class Activation:
    """An ONNX operator of one input and no attributes, such as ``Relu``, or ``Softmax`` over the columns."""

    operator: str


Step = Dense | Scale | Activation


class Chain:
    """Steps one after another, each `Scale` folded into the `Dense` before or behind it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def dense(self, weights: Float64, bias: Float64) -> None:
        """Append x @ weights + bias."""
        if isinstance(last := self._last(), Scale):
            self.steps.pop()
            bias = bias + last.offset @ weights
            weights = last.factor[:, None] * weights
        self.steps.append(Dense(weights, bias))

    def scale(self, factor: Float64, offset: Float64) -> None:
        """Append x * factor + offset."""
        last = self._last()
        if isinstance(last, Dense):
            self.steps[-1] = Dense(last.weights * factor, last.bias * factor + offset)
        elif isinstance(last, Scale):
            self.steps[-1] = Scale(last.factor * factor, last.offset * factor + offset)
        else:
            self.steps.append(Scale(factor, offset))

    def activate(self, operator: str) -> None:
        """Append an activation."""
        self.steps.append(Activation(operator))

    def _last(self) -> Step | None:
        return self.steps[-1] if self.steps else None
