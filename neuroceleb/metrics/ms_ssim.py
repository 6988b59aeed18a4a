"""Diversity by MS-SSIM between random pairs of faces: the more similar, the less diverse.

Odena, Olah, Shlens, *Conditional Image Synthesis with Auxiliary Classifier GANs*, ICML 2017,
section 4.2. MS-SSIM: Wang, Simoncelli, Bovik, *Multiscale structural similarity for image quality
assessment*, 2003.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels

# Of Wang et al.: five scales, windows of 11 pixels, smaller where the image is smaller.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_PX = 11
WINDOW_SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
BATCH = 256

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Item = TypeVar("Item", bound=np.generic)


def random_pairs(faces: NDArray[Item], seed: int) -> tuple[NDArray[Item], NDArray[Item]]:
    """(N, ...) -> the two sides of N // 2 disjoint random pairs."""
    order = np.random.default_rng([seed, 3]).permutation(len(faces))
    half = len(faces) // 2
    return faces[order[:half]], faces[order[half : 2 * half]]


def ms_ssim(ones: Pixels, others: Pixels) -> Doubles:
    """MS-SSIM of each of (N, 64, 64, 3) uint8 with its partner: (N,), 1 for equal, 0 for nothing.

    With mode collapse the mean over pairs rises above that of real pairs. Only figures of one image
    size are comparable.
    """
    parts = []
    for start in range(0, len(ones), BATCH):
        span = slice(start, start + BATCH)
        parts.append(_ms_ssim(ones[span].astype(np.float32), others[span].astype(np.float32)))
    return np.concatenate(parts) if parts else np.empty(0)


def _ms_ssim(one: Floats, other: Floats) -> Doubles:
    product = np.ones(len(one))
    last = len(SCALE_WEIGHTS) - 1
    for scale, weight in enumerate(SCALE_WEIGHTS):
        similarity, structure = _ssim(one, other)
        factor = similarity if scale == last else structure
        product *= factor.clip(0.0) ** weight  # a negative value has no real power
        if scale < last:
            one, other = _halve(one), _halve(other)
    return product


def _ssim(one: Floats, other: Floats) -> tuple[Doubles, Doubles]:
    """SSIM of each pair, and its contrast-structure term: means over pixels and channels."""
    window = _window(min(WINDOW_PX, one.shape[1]))
    mean_1, mean_2 = _blur(one, window), _blur(other, window)
    product = mean_1 * mean_2
    squares = mean_1**2 + mean_2**2
    variances = _blur(one * one + other * other, window) - squares
    covariance = _blur(one * other, window) - product
    structure = (2 * covariance + C2) / (variances + C2)
    similarity = structure * (2 * product + C1) / (squares + C1)
    axes = (1, 2, 3)
    return similarity.mean(axes, dtype=np.float64), structure.mean(axes, dtype=np.float64)


def _window(length: int) -> Floats:
    """A Gaussian window that sums to 1: (length,)."""
    offsets = np.arange(length) - (length - 1) / 2
    sigma = WINDOW_SIGMA * length / WINDOW_PX
    gaussian = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.asarray(gaussian / gaussian.sum(), np.float32)


def _blur(images: Floats, window: Floats) -> Floats:
    for axis in (1, 2):
        views = np.lib.stride_tricks.sliding_window_view(images, len(window), axis)
        images = views @ window
    return images


def _halve(images: Floats) -> Floats:
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    return np.asarray(blocks.mean((2, 4), dtype=np.float32))
