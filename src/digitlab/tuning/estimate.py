"""`estimate_seconds`: how long a search will take on this machine, before it begins."""

from __future__ import annotations

import itertools
import math
import statistics
import time

import numpy as np

from digitlab.tuning.plan import Plan
from digitlab.tuning.space import SearchSpace

PIXELS = 28 * 28
# Measured on two machines: seconds until lanes train, seconds to compile a program, and how much longer
# an epoch takes than its matrix products alone, batches being small and Adam passing over every weight.
START_S, COMPILE_S, OVERHEAD = 7.0, 1.7, 1.8


def estimate_seconds(plan: Plan, space: SearchSpace, images: int, num_classes: int, lanes: int) -> float:
    """Seconds that the plan's trials may take, without the finalists.

    Args:
        plan: Brackets and rungs.
        space: Widths are taken to be drawn evenly from it.
        images: Images in an epoch.
        num_classes: Units of the softmax layer.
        lanes: Trials side by side.
    """
    per_image = statistics.fmean(_flops(shape, num_classes) for shape in itertools.islice(space.shapes(), 1000))
    training = OVERHEAD * plan.epochs * images * per_image / _product_rate()
    drawn = sum(rungs[0].trials for rungs in plan.brackets)
    further = (space.batch_size, space.dropout, space.distortion, space.weight_decay)
    shapes = space.shape_count * math.prod(max(1, len(values)) for values in further)
    programs = shapes * (1 - (1 - 1 / shapes) ** drawn)  # distinct ones among so many draws
    return START_S + (training + COMPILE_S * programs) / lanes


def _flops(shape: tuple[int, ...], num_classes: int) -> float:
    """Floating-point operations of an image: forward, and backward without the first layer's input gradient."""
    widths = (PIXELS, *shape, num_classes)
    forward = [2 * a * b for a, b in itertools.pairwise(widths)]
    return 3 * sum(forward) - forward[0]


def _product_rate() -> float:
    """Operations a second of the first layer's product for one small batch, as one thread does it."""
    rng = np.random.default_rng(0)
    a, b = rng.random((32, PIXELS), dtype=np.float32), rng.random((PIXELS, 128), dtype=np.float32)
    durations = []
    for _ in range(60):
        started = time.perf_counter()
        a @ b
        durations.append(time.perf_counter() - started)
    return 2 * 32 * PIXELS * 128 / statistics.median(durations[10:])
