"""Copies of a person: generated faces that show somebody of the training faces.

Thumbnails (`metrics.memorization`) find a picture that was copied; embeddings find a person in
another picture. A generated face is a copy of a person where its nearest training face is nearer
than that of almost any real face of a different person. Compare Meehan, Chaudhuri, Dasgupta, *A
Non-Parametric Test to Detect Data-Copying in Generative Models*, AISTATS 2020.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.metrics import memorization, precision_recall

BATCH = 256
NAMED = re.compile(r"([^/]+)_[^_/]+\.\w+$")  # <person>_<image>.<suffix>

Floats = NDArray[np.float32]
People = NDArray[np.int64]  # (N,): faces of one person have one number


def from_names(names: Sequence[str]) -> People:
    """The persons of files named `<person>_<image>.<suffix>`. Raises UserError for other names."""
    matches = [NAMED.search(name) for name in names]
    for name, match in zip(names, matches, strict=True):
        if match is None:
            raise UserError(
                "The file name {name} is not PERSON_IMAGE: rename it, or leave out "
                "--persons-in-names.",
                name=name[:100],
            )
    people = [match[1] for match in matches if match is not None]
    return np.asarray(np.unique(people, return_inverse=True)[1], np.int64)


@dataclass(frozen=True)
class Nearest:
    """The nearest pool face of each face: (N,) indices, and (N,) Euclidean distances."""

    indices: NDArray[np.int64]
    distances: Floats


def nearest(faces: Floats, pool: Floats) -> Nearest:
    """The nearest of (M, D) pool embeddings to each of (N, D) faces, of any person."""
    return _search(faces, pool, None)


def nearest_other(faces: Floats, people: People, pool: Floats, pool_people: People) -> Nearest:
    """The nearest pool face that shows a different person: the baseline of real faces.

    Raises ValueError where the pool has no face of another person.
    """
    return _search(faces, pool, (people, pool_people))


def _search(faces: Floats, pool: Floats, people: tuple[People, People] | None) -> Nearest:
    indices = np.zeros(len(faces), np.int64)
    distances = np.zeros(len(faces), np.float32)
    for start in range(0, len(faces), BATCH):
        span = slice(start, start + BATCH)
        squares = precision_recall.squared_distances(faces[span], pool)
        if people is not None:
            squares[people[0][span][:, None] == people[1]] = np.inf
        indices[span] = squares.argmin(axis=1)
        distances[span] = np.sqrt(squares.min(axis=1))
    if not np.isfinite(distances).all():
        raise ValueError("the pool has no face of another person")
    return Nearest(indices, distances)


def limit(baseline: Floats) -> float:
    """The distance that `memorization.RARITY` of real faces lie below.

    `baseline` are (N,) distances of real faces to their nearest real face of another person.
    """
    return float(np.quantile(baseline, memorization.RARITY))


def copied(distances: Floats, below: float) -> NDArray[np.bool_]:
    """Which generated faces, by their (N,) nearest distances, are copies of a person: (N,)."""
    return np.asarray(distances < below, np.bool_)
