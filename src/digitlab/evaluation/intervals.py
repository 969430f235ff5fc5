"""Confidence intervals of proportions."""

from __future__ import annotations

import math
from statistics import NormalDist

Interval = tuple[float, float]


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """The score interval of a proportion (Wilson 1927, JASA 22: 209-212).

    Args:
        successes: From 0 to `n`.
        n: At least 1.
        confidence: Coverage, above 0 and below 1.

    Returns:
        Lower and upper bound, within [0, 1].

    Raises:
        ValueError: Counts or confidence outside their range.
    """
    if not 0 <= successes <= n or n < 1 or not 0 < confidence < 1:
        msg = f"expected 0 <= successes <= n, n >= 1 and 0 < confidence < 1, got {successes}, {n}, {confidence}"
        raise ValueError(msg)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and n the bound is exactly 0 and 1; rounding must not push it past the estimate.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high
