"""Vector arithmetic on faces: the mean of some, minus the mean of others, plus a third mean.

Radford, Metz, Chintala, *Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks*, 2015, section 6.3.2: the mean z of three faces represents what they share.
"""

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError

MAX_FACES = 8  # of one term; the paper uses three
NOISE = 0.25  # uniform, as in the paper
NEIGHBOURS = 8

Latents = NDArray[np.float32]


def mean(faces: Latents) -> Latents:
    """(N, nz) -> (nz,). Raises UserError for no face or more than MAX_FACES."""
    if not 1 <= len(faces) <= MAX_FACES:
        raise UserError(
            "A term has 1 to {most} faces, not {count}: pick some.",
            most=MAX_FACES,
            count=len(faces),
        )
    result: Latents = faces.mean(axis=0, dtype=np.float64).astype(np.float32)
    return result


def combine(base: Latents, minus: Latents | None, plus: Latents | None) -> Latents:
    """mean(base) - mean(minus) + mean(plus): (N, nz) each, the last two optional -> (nz,)."""
    result = mean(base)
    if minus is not None:
        result = result - mean(minus)
    return result if plus is None else result + mean(plus)


def neighbourhood(z: Latents) -> Latents:
    """The vector itself and eight noisy copies, as in the paper: (nz,) -> (9, nz)."""
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, (NEIGHBOURS + 1, len(z)))
    noise[0] = 0.0
    return (z + noise).astype(np.float32)
