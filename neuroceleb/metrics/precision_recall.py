"""Precision and recall of generated faces in a feature space.

Kynkäänniemi, Karras, Laine, Lehtinen, Aila, *Improved Precision and Recall Metric for Assessing
Generative Models*, NeurIPS 2019.
"""

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3
BATCH = 256

Floats = NDArray[np.float32]


def covered(support: Floats, points: Floats, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """Which of (M, D) points lie in the manifold of the (N, D) support points: (M,).

    The manifold is the union of balls around the support points, each reaching to its k-th nearest
    other. Precision is the share of fakes covered by the real faces, recall the share of real faces
    covered by the fakes. Raises ValueError for k support points or fewer.
    """
    if len(support) <= k:
        raise ValueError(f"{len(support)} points have no {k}-th nearest others")
    is_covered = np.zeros(len(points), bool)
    for start in range(0, len(support), BATCH):
        part = support[start : start + BATCH]
        squares = squared_distances(part, support)
        squares[np.arange(len(part)), start + np.arange(len(part))] = -1.0  # itself comes first
        radii = np.partition(squares, k, axis=1)[:, k]
        is_covered |= (squared_distances(part, points) <= radii[:, None]).any(axis=0)
    return is_covered


def squared_distances(ones: Floats, others: Floats) -> NDArray[np.float32]:
    """Squared Euclidean distances of (N, D) and (M, D): (N, M) float32."""
    lengths = (ones**2).sum(1)[:, None] + (others**2).sum(1)[None]
    return np.asarray(np.maximum(lengths - 2 * (ones @ others.T), 0), np.float32)
