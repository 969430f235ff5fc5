"""The size of MNIST's images, and of every image that digitlab's networks take."""

from __future__ import annotations

# Pixels per side.
IMAGE_SIDE = 28
