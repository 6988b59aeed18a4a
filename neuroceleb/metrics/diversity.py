"""Do the faces differ from each other, and do they cover what the real ones are?

MS-SSIM between pairs of faces: Odena, Olah, Shlens, *Conditional Image Synthesis with Auxiliary
Classifier GANs*, ICML 2017, section 4.2 (the measure: Wang, Simoncelli, Bovik, *Multiscale
structural similarity for image quality assessment*, 2003). Precision and recall: Kynkäänniemi,
Karras, Laine, Lehtinen, Aila, *Improved Precision and Recall Metric for Assessing Generative
Models*, NeurIPS 2019.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels

NEIGHBOURS = 3

# Of Wang et al.: five scales, windows of 11 pixels, shrunk where the image is smaller.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_PX = 11
WINDOW_SIGMA = 1.5
STABLE_1, STABLE_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
AT_ONCE = 256

Floats = NDArray[np.float32]
Kind = TypeVar("Kind", bound=np.generic)


def pairs(faces: NDArray[Kind], seed: int) -> tuple[NDArray[Kind], NDArray[Kind]]:
    """(N, ...) -> two of (N // 2, ...): every face is in one random pair at most."""
    order = np.random.default_rng([seed, 3]).permutation(len(faces))
    half = len(faces) // 2
    return faces[order[:half]], faces[order[half : 2 * half]]


def ms_ssim(ones: Pixels, others: Pixels) -> NDArray[np.float64]:
    """How alike each of (N, 64, 64, 3) uint8 is to its partner: (N,), 1 is the same, 0 nothing.

    The mean over pairs tells a collapse: it rises above that of real pairs. Figures of one size
    of image are comparable only among themselves.
    """
    parts = []
    for start in range(0, len(ones), AT_ONCE):
        span = slice(start, start + AT_ONCE)
        parts.append(_ms_ssim(ones[span].astype(np.float32), others[span].astype(np.float32)))
    return np.concatenate(parts) if parts else np.empty(0)


def _ms_ssim(one: Floats, other: Floats) -> NDArray[np.float64]:
    product = np.ones(len(one))
    last = len(SCALE_WEIGHTS) - 1
    for scale, weight in enumerate(SCALE_WEIGHTS):
        likeness, structure = _ssim(one, other)
        factor = likeness if scale == last else structure
        product *= factor.clip(0.0) ** weight  # negative ones have no root: nothing in common
        if scale < last:
            one, other = _halved(one), _halved(other)
    return product


def _ssim(one: Floats, other: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Likeness, and its part without brightness, of each pair: means over places and colours."""
    window = _window(min(WINDOW_PX, one.shape[1]))
    mean_1, mean_2 = _blurred(one, window), _blurred(other, window)
    both = mean_1 * mean_2
    squares = mean_1**2 + mean_2**2
    spread = _blurred(one * one + other * other, window) - squares
    shared = _blurred(one * other, window) - both
    structure = (2 * shared + STABLE_2) / (spread + STABLE_2)
    likeness = structure * (2 * both + STABLE_1) / (squares + STABLE_1)
    where = (1, 2, 3)
    return likeness.mean(where, dtype=np.float64), structure.mean(where, dtype=np.float64)


def _window(length: int) -> Floats:
    places = np.arange(length) - (length - 1) / 2
    sigma = WINDOW_SIGMA * length / WINDOW_PX
    bell = np.exp(-(places**2) / (2 * sigma**2))
    return np.asarray(bell / bell.sum(), np.float32)


def _blurred(images: Floats, window: Floats) -> Floats:
    for axis in (1, 2):
        stretches = np.lib.stride_tricks.sliding_window_view(images, len(window), axis)
        images = stretches @ window
    return images


def _halved(images: Floats) -> Floats:
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    return np.asarray(blocks.mean((2, 4), dtype=np.float32))


# Precision and recall ----------------------------------------------------------------------


def covered(ground: Floats, points: Floats, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """Which of (M, D) points lie in the manifold that (N, D) ground spans: (M,).

    The manifold is the union of balls around each point of the ground, as far as its k-th nearest
    other. Precision is the share of fakes covered by the real, recall that of the real covered by
    the fakes. Raises ValueError for a ground of k points or fewer.
    """
    if len(ground) <= k:
        raise ValueError(f"{len(ground)} points have no {k}-th nearest others")
    inside = np.zeros(len(points), bool)
    for start in range(0, len(ground), AT_ONCE):
        part = ground[start : start + AT_ONCE]
        among = squared_distances(part, ground)
        among[np.arange(len(part)), start + np.arange(len(part))] = -1.0  # itself, before all
        reach = np.partition(among, k, axis=1)[:, k]
        inside |= (squared_distances(part, points) <= reach[:, None]).any(axis=0)
    return inside


def squared_distances(ones: Floats, others: Floats) -> NDArray[np.float32]:
    """(N, D) and (M, D) -> (N, M), in single precision."""
    lengths = (ones**2).sum(1)[:, None] + (others**2).sum(1)[None]
    return np.asarray(np.maximum(lengths - 2 * (ones @ others.T), 0), np.float32)
