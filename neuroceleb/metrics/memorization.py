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

from neuroceleb import images
from neuroceleb.images import Pixels

NEAREST = 10
RAREST = 0.005  # of the real faces lie below each of the two limits
TWIN = 0.2  # two photos nearer than this are one picture, cut or saved twice: looked at
FEWEST = NEAREST + 2  # faces of a pool
AT_ONCE = 256
SMALL_AT_ONCE = 1_024

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


class Pool:
    """The faces that a model was trained on: (N, 64, 64, 3) uint8, FEWEST at least."""

    def __init__(self, faces: Pixels) -> None:
        self._described = descriptors(faces)

    def __len__(self) -> int:
        return len(self._described)

    def nearest(self, faces: Pixels, places: Places | None = None) -> Floats:
        """(M, ...) faces -> (M, 10): how far the ten nearest of the pool are, nearest first.

        `places` are the faces' own places in the pool, to be left out (-1: it is not in it).
        """
        return self.search(faces, places)[1]

    def search(self, faces: Pixels, places: Places | None = None) -> tuple[Places, Floats]:
        """The same, and before it which places of the pool the ten are at: (M, 10) each."""
        found = [
            self._search(
                faces[start : start + AT_ONCE],
                None if places is None else places[start : start + AT_ONCE],
            )
            for start in range(0, len(faces), AT_ONCE)
        ]
        if not found:
            return np.empty((0, NEAREST), np.int64), np.empty((0, NEAREST), np.float32)
        return np.concatenate([at for at, _ in found]), np.concatenate([far for _, far in found])

    def _search(self, faces: Pixels, places: Places | None) -> tuple[Places, Floats]:
        mirrored = faces[:, :, ::-1]  # as near to a face as the face is to it mirrored
        likest = np.maximum(
            descriptors(faces) @ self._described.T, descriptors(mirrored) @ self._described.T
        )
        if places is not None:
            likest[np.flatnonzero(places >= 0), places[places >= 0]] = -np.inf
        at = np.argpartition(-likest, NEAREST, axis=1)[:, :NEAREST]
        best = np.take_along_axis(likest, at, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        distances = np.sqrt(np.maximum(2 - 2 * np.take_along_axis(best, order, axis=1), 0))
        return np.take_along_axis(at, order, axis=1), distances


def descriptors(faces: Pixels) -> Floats:
    """(N, 64, 64, 3) uint8 -> (N, 768) float32 of length 1: thumbnails without light, contrast."""
    parts = [
        images.thumbnails(np.asarray(faces[start : start + SMALL_AT_ONCE]))
        for start in range(0, len(faces), SMALL_AT_ONCE)
    ]
    small = np.concatenate(parts) if parts else np.empty((0, 768), np.float32)
    small -= small.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(small, axis=1, keepdims=True)
    return np.asarray(small / np.maximum(lengths, 1e-6), np.float32)


@dataclass(frozen=True)
class Limits:
    """What almost no real face falls below: of the nearest's distance, and of how it stands out."""

    distance: float
    outstanding: float


def limits(real: Floats) -> Limits:
    """The limits that RAREST of real faces, by their (N, 10) nearest distances, lie below.

    Pictures that a dataset holds twice say nothing of how near different ones are, and would hide
    copies: they are left out, unless there are no others.
    """
    singles = real[real[:, 0] >= TWIN]
    told = singles if len(singles) else real
    return Limits(
        float(np.quantile(told[:, 0], RAREST)), float(np.quantile(outstanding(told), RAREST))
    )


def suspects(nearest: Floats, below: Limits) -> NDArray[np.bool_]:
    """Which faces, by their (N, 10) nearest distances, are suspect of being copies: (N,)."""
    near = nearest[:, 0] < below.distance
    return np.asarray(near | (outstanding(nearest) < below.outstanding), np.bool_)


def outstanding(nearest: Floats) -> Floats:
    """The nearest's distance over the tenth's; 1 where all ten are the same face."""
    tenth = nearest[:, -1]
    return np.where(tenth > 0, nearest[:, 0] / np.maximum(tenth, 1e-6), 1.0).astype(np.float32)
