"""Select the held-out faces of a dataset by a hash of their pixels, so the choice never changes."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels

SHARE = 0.1
NAME = "blake2b-1"  # change it when the same pixels would be selected differently
_KEY = b"neuroceleb held out 1"


def held_out(pixels: Pixels, share: float = SHARE) -> NDArray[np.bool_]:
    """Which of (N, 64, 64, 3) uint8 faces are held out of training: (N,), about `share` of them.

    A hash of the image's bytes decides. So order and other images do not matter, and copies of an
    image are either all held out or none. A larger share includes the faces of a smaller one.
    Other photos of the same person may be in the training part. Raises ValueError for a share
    outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share} is outside 0..1")
    return np.fromiter((_position(image) < share for image in pixels), np.bool_, len(pixels))


def _position(image: Pixels) -> float:
    """A hash of the image's bytes, uniform in [0, 1)."""
    digest = hashlib.blake2b(image.tobytes(), digest_size=8, key=_KEY).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
