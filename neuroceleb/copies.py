"""Has the model copied its training faces? Nearest neighbours, measured on real faces too.

Faces are compared as thumbnails of 16x16 pixels with light and contrast taken out, and as mirrored
too: what is left of a face after small changes is near, and a smooth picture is not nearer to
everything than a sharp one. A face is suspect where its nearest training face is nearer than that
of almost any real face, or stands out as much from its ten nearest. Compare Meehan, Chaudhuri,
Dasgupta, *A Non-Parametric Test to Detect Data-Copying in Generative Models*, AISTATS 2020.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import likeness
from .images import Pixels

NEAREST = 10
RAREST = 0.005  # of the real faces lie below each of the two limits
AT_ONCE = 256

Floats = NDArray[np.float32]


class Pool:
    """The faces that a model was trained on: (N, 64, 64, 3) uint8, NEAREST + 2 at least."""

    def __init__(self, faces: Pixels) -> None:
        self._sides = (descriptors(faces), descriptors(faces[:, :, ::-1]))

    def __len__(self) -> int:
        return len(self._sides[0])

    def nearest(self, faces: Pixels, places: NDArray[np.int64] | None = None) -> Floats:
        """(M, ...) faces -> (M, 10): how far the ten nearest of the pool are, nearest first.

        `places` are the faces' own places in the pool, to be left out (-1: it is not in it).
        """
        described = descriptors(faces)
        rows = []
        for start in range(0, len(described), AT_ONCE):
            part = described[start : start + AT_ONCE]
            likest = np.maximum(part @ self._sides[0].T, part @ self._sides[1].T)
            if places is not None:
                own = places[start : start + AT_ONCE]
                likest[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
            best = -np.partition(-likest, NEAREST, axis=1)[:, :NEAREST]
            rows.append(np.sort(np.sqrt(np.maximum(2 - 2 * best, 0)), axis=1))
        return np.concatenate(rows) if rows else np.empty((0, NEAREST), np.float32)


def descriptors(faces: Pixels) -> Floats:
    """(N, 64, 64, 3) uint8 -> (N, 768) float32 of length 1: thumbnails without light, contrast."""
    small = likeness.thumbnails(faces)
    small -= small.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(small, axis=1, keepdims=True)
    return np.asarray(small / np.maximum(lengths, 1e-6), np.float32)


@dataclass(frozen=True)
class Limits:
    """What almost no real face falls below: of the nearest's distance, and of how it stands out."""

    distance: float
    outstanding: float


def limits(real: Floats) -> Limits:
    """The limits that RAREST of real faces, by their (N, 10) nearest distances, lie below."""
    return Limits(
        float(np.quantile(real[:, 0], RAREST)), float(np.quantile(_outstanding(real), RAREST))
    )


def suspects(nearest: Floats, below: Limits) -> NDArray[np.bool_]:
    """Which faces, by their (N, 10) nearest distances, are suspect of being copies: (N,)."""
    near = nearest[:, 0] < below.distance
    return np.asarray(near | (_outstanding(nearest) < below.outstanding), np.bool_)


def _outstanding(nearest: Floats) -> Floats:
    """The nearest's distance over the tenth's; 1 where all ten are the same face."""
    tenth = nearest[:, -1]
    return np.where(tenth > 0, nearest[:, 0] / np.maximum(tenth, 1e-6), 1.0).astype(np.float32)
