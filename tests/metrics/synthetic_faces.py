"""Synthetic faces for the measures."""

import numpy as np

from neuroceleb.images import Pixels


def faces(count: int, seed: int = 0) -> Pixels:
    """Smooth pictures that differ, as faces do, more in the large than in the small."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 160, (count, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    return (coarse + rng.integers(0, 40, (count, 64, 64, 3))).astype(np.uint8)
