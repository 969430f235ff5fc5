"""The learning-rate range test of Smith 2015 (arXiv 1506.01186)."""

from __future__ import annotations

import numpy as np

from digitlab.config import TrainConfig
from digitlab.data.split import Split
from digitlab.model.build import build_mlp
from digitlab.training.adapter import adapter
from digitlab.training.held_out import one_hot
from digitlab.training.order import epoch_order


def sweep_rates(split: Split, config: TrainConfig, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Train a fresh network one update at each of `rates`.

    Args:
        split: Images to train on.
        config: The network, its batch size and seed.
        rates: Rising, [steps].

    Returns:
        The rates up to where the loss diverged, and the loss of the batch at each.
    """
    model = build_mlp(config, split.num_classes)
    needed = len(rates) * config.batch_size
    orders = [epoch_order(len(split), config.seed, epoch) for epoch in range(-(-needed // len(split)))]
    order = np.concatenate(orders)[:needed]
    losses = adapter.run_range_test(model, (split.images, one_hot(split)), order, config.batch_size, rates)
    kept = np.isfinite(losses)
    return rates[kept], losses[kept].astype(np.float64)
