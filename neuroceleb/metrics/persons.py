"""Copies of a person: generated faces that show somebody of the training faces.

A thumbnail (`metrics.memorization`) sees a picture that was copied; an embedding sees a person in
another picture. A generated face is a copy of a person where its nearest training face is nearer
than that of almost any real face of a different person. Compare Meehan, Chaudhuri, Dasgupta, *A
Non-Parametric Test to Detect Data-Copying in Generative Models*, AISTATS 2020.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.metrics import memorization, precision_recall

BATCH = 256

Floats = NDArray[np.float32]
People = NDArray[np.int64]  # (N,): faces of one person have one number


@dataclass(frozen=True)
class Nearest:
    """Of each face, its nearest of the pool: (N,) places, and (N,) Euclidean distances."""

    places: NDArray[np.int64]
    distances: Floats


def nearest(faces: Floats, pool: Floats) -> Nearest:
    """The nearest of (M, D) pool embeddings to each of (N, D) faces, whoever it shows."""
    return _search(faces, pool, None)


def nearest_other(faces: Floats, people: People, pool: Floats, pool_people: People) -> Nearest:
    """The nearest of the pool that shows a different person: real faces' baseline.

    Raises ValueError where the pool has no face of another person.
    """
    return _search(faces, pool, (people, pool_people))


def _search(faces: Floats, pool: Floats, people: tuple[People, People] | None) -> Nearest:
    places = np.zeros(len(faces), np.int64)
    distances = np.zeros(len(faces), np.float32)
    for start in range(0, len(faces), BATCH):
        span = slice(start, start + BATCH)
        squares = precision_recall.squared_distances(faces[span], pool)
        if people is not None:
            squares[people[0][span][:, None] == people[1]] = np.inf
        places[span] = squares.argmin(axis=1)
        distances[span] = np.sqrt(squares.min(axis=1))
    if not np.isfinite(distances).all():
        raise ValueError("the pool has no face of another person")
    return Nearest(places, distances)


def limit(baseline: Floats) -> float:
    """The distance that `memorization.RARITY` of real faces lie below.

    `baseline` are (N,) distances of real faces to their nearest real face of another person.
    """
    return float(np.quantile(baseline, memorization.RARITY))


def copied(distances: Floats, below: float) -> NDArray[np.bool_]:
    """Which generated faces, by their (N,) nearest distances, are copies of a person: (N,)."""
    return np.asarray(distances < below, np.bool_)
