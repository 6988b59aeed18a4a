"""Distances between two sets of embeddings: Fréchet and kernel, by any network's features.

Fréchet: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, *GANs Trained by a Two Time-Scale
Update Rule Converge to a Local Nash Equilibrium*, NeurIPS 2017. Kernel: Bińkowski, Sutherland,
Arbel, Gretton, *Demystifying MMD GANs*, ICLR 2018. Both depend on the network and its scale:
compare figures of one network only, beside that of real faces against real ones (the floor).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.metrics import intervals
from neuroceleb.metrics.intervals import Interval

SUBSETS = 100
RESAMPLES = 200  # of the bootstrap
DEGREE = 3
OFFSET = 1.0
BATCH = 256

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def frechet(ones: Floats, others: Floats) -> float:
    """The Fréchet distance of the Gaussians fitted to (N, D) and (M, D); 0 or more.

    |mean1 - mean2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). Biased upwards with few points: compare
    sets of equal size. Raises ValueError for fewer than two points.
    """
    (mean_1, spread_1), (mean_2, spread_2) = _gaussian(ones), _gaussian(others)
    shift = float(((mean_1 - mean_2) ** 2).sum())
    root = _square_root(spread_1)
    # trace (C1 C2)^(1/2) is that of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2).
    common = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ spread_2 @ root), 0)).sum()
    traces = np.trace(spread_1) + np.trace(spread_2)
    return max(0.0, shift + float(traces) - 2 * float(common))


def frechet_interval(ones: Floats, others: Floats, seed: int) -> Interval:
    """The 95 % bootstrap interval of `frechet`, over the points of both sets.

    Raises ValueError for fewer than two points.
    """
    rng = np.random.default_rng([seed, 8])
    resampled = [
        frechet(*(points[rng.integers(0, len(points), len(points))] for points in (ones, others)))
        for _ in range(RESAMPLES)
    ]
    low, high = intervals.around(frechet(ones, others), np.array(resampled))
    return max(0.0, low), high


def _gaussian(points: Floats) -> tuple[Doubles, Doubles]:
    _check_size(points)
    values = points.astype(np.float64)
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))


def _check_size(points: Floats) -> None:
    if len(points) < 2:
        raise ValueError(f"{len(points)} points have no spread: 2 are needed")


def _square_root(matrix: Doubles) -> Doubles:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


@dataclass(frozen=True)
class KernelDistance:
    """The squared maximum mean discrepancy, and the standard deviation over its subsets."""

    value: float
    deviation: float


def kernel(ones: Floats, others: Floats, seed: int, gamma: float) -> KernelDistance:
    """The unbiased kernel distance (KID) of (N, D) and (M, D) by (gamma x.y + 1)^3.

    `value` is of all points and may be a little below 0. `deviation` is over SUBSETS random halves
    of both sets, which is about the standard error of `value`; where both sets are of one
    distribution it is up to 1.7 times that. Bińkowski et al. use a `gamma` of 1 / D, for features
    whose coordinates have variance near 1. Raises ValueError for fewer than four points.
    """
    count_1, count_2 = len(ones), len(others)
    if min(count_1, count_2) < 4:
        raise ValueError("a kernel distance needs 4 points of each set")
    rng = np.random.default_rng([seed, 6])
    chosen = np.zeros((1 + SUBSETS, count_1 + count_2))
    chosen[0] = 1.0
    for half in chosen[1:]:
        half[rng.permutation(count_1)[: count_1 // 2]] = 1.0
        half[count_1 + rng.permutation(count_2)[: count_2 // 2]] = 1.0
    is_first = np.arange(count_1 + count_2) < count_1
    points = np.concatenate([ones, others]).astype(np.float64)
    found = _discrepancies(points, chosen, is_first, gamma)
    return KernelDistance(float(found[0]), float(found[1:].std(ddof=1)))


def _discrepancies(
    points: Doubles, chosen: Doubles, is_first: NDArray[np.bool_], gamma: float
) -> Doubles:
    """The unbiased discrepancy of each of (S, N + M) choices, which are 0 or 1: (S,).

    `is_first` marks the points of the first set. Pairs of a point with itself do not count.
    """
    one, other = chosen * is_first, chosen * ~is_first
    to_one, to_other = np.empty_like(one), np.empty_like(other)
    for start in range(0, len(points), BATCH):
        span = slice(start, start + BATCH)
        block = (gamma * (points[span] @ points.T) + OFFSET) ** DEGREE
        block[np.arange(len(block)), start + np.arange(len(block))] = 0.0
        to_one[:, span], to_other[:, span] = one @ block.T, other @ block.T
    n, m = one.sum(axis=1), other.sum(axis=1)
    within_one = (to_one * one).sum(axis=1) / (n * (n - 1))
    within_other = (to_other * other).sum(axis=1) / (m * (m - 1))
    across = (to_one * other).sum(axis=1) / (n * m)
    return np.asarray(within_one + within_other - 2 * across)
