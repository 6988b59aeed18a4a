"""Which faces of a dataset are held out: decided for each by its own pixels, the same for ever."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels

SHARE = 0.1
NAME = "blake2b-1"  # change it when the same pixels would fall on another side
_KEY = b"neuroceleb held out 1"


def held_out(pixels: Pixels, share: float = SHARE) -> NDArray[np.bool_]:
    """Which of (N, 64, 64, 3) uint8 faces are held out of training: (N,), about `share` of them.

    A hash of an image's own bytes decides, so neither order nor company matters, adding photos
    moves none, and two copies of one image never lie on both sides. A larger share holds out all
    that a smaller one does. Other photos of the same person may lie on the other side. Raises
    ValueError for a share outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share} is outside 0..1")
    return np.fromiter((_place(image) < share for image in pixels), np.bool_, len(pixels))


def _place(image: Pixels) -> float:
    """A number in [0, 1) that the image's bytes decide, evenly spread."""
    digest = hashlib.blake2b(image.tobytes(), digest_size=8, key=_KEY).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
