"""Arithmetic with faces: some, less others, and others again.

Radford, Metz, Chintala, *Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks*, 2015, section 6.3.2: the mean z of three faces stands for what they share.
"""

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError

MAX_FACES = 8  # of one term; the paper took three
NOISE = 0.25  # the paper's, uniform, around the result
AROUND = 8

Latents = NDArray[np.float32]


def mean(faces: Latents) -> Latents:
    """(N, nz) -> (nz,); raises UserError where there is no face, or there are too many."""
    if not 1 <= len(faces) <= MAX_FACES:
        raise UserError(f"A term has 1 to {MAX_FACES} faces, not {len(faces)}: pick some.")
    middle: Latents = faces.mean(axis=0, dtype=np.float64).astype(np.float32)
    return middle


def total(some: Latents, less: Latents | None, more: Latents | None) -> Latents:
    """mean(some) - mean(less) + mean(more), each (N, nz), the last two may be left out: (nz,)."""
    result = mean(some)
    if less is not None:
        result = result - mean(less)
    return result if more is None else result + mean(more)


def around(z: Latents) -> Latents:
    """The result and eight faces near it, as the paper shows them: (nz,) -> (9, nz)."""
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, (AROUND + 1, len(z)))
    noise[0] = 0.0
    return (z + noise).astype(np.float32)
