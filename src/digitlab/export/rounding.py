"""How far float32 may round a network's probabilities, by the scores that they are the softmax of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digitlab.data.split import Images
from digitlab.export.chain import Activation, Chain, Dense

# Sums of some hundred float32 products were up to 6e-7 of their size off, 5 units in the last place, in networks whose
# scores went up to 1,200. Two libraries round each in its own way, and a probability p moves by p (1 - p) as much as
# its score, a quarter at most.
ROUNDING = 2 * 6e-7 / 4
# Below such a score nothing is allowed for: there networks were found well within the tolerance as it is.
LARGE = 300


def rounding_error(members: Sequence[Chain], images: Images) -> float:
    """How far apart two float32 libraries may put a probability; 0 where scores are below `LARGE` or not known.

    Args:
        members: The networks whose probabilities are averaged.
        images: uint8 [n, 28, 28], what they are asked about.
    """
    largest = max(_largest_score(chain, images) for chain in members)
    return ROUNDING * largest if largest >= LARGE else 0.0


def _largest_score(chain: Chain, images: Images) -> float:
    rows = images.reshape(len(images), -1).astype(np.float64)
    for step in chain.steps[:-1]:
        if isinstance(step, Dense):
            rows = rows @ step.weights + step.bias
        elif not isinstance(step, Activation):
            rows = rows * step.factor + step.offset
        elif step.operator == "Relu":
            rows = np.maximum(rows, 0)
        else:
            return 0.0
    return float(np.abs(rows).max()) if chain.steps[-1:] == [Activation("Softmax")] else 0.0
