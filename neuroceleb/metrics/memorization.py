"""Memorization: generated faces compared with their nearest training faces.

Faces are described by thumbnails of 16x16 pixels without mean and contrast, and compared mirrored
as well. A generated face is a suspected copy where its nearest training face is nearer than that of
almost any real face, or where the ratio of the nearest distance to the tenth nearest is as rare.
Compare Meehan, Chaudhuri, Dasgupta, *A Non-Parametric Test to Detect Data-Copying in Generative
Models*, AISTATS 2020.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuroceleb import images
from neuroceleb.errors import Message, UserError, gettext_noop
from neuroceleb.images import Pixels

NEAREST = 10
RARITY = 0.005  # share of the real faces below each of the two limits
SUSPECTED_BY_CHANCE = 2 * RARITY  # share of real faces that would be suspected
DUPLICATE = 0.2  # two photos nearer than this are one picture saved twice: checked by eye
MIN_POOL = NEAREST + 2
MAX_CALIBRATION = 1_024  # training faces that calibrate a check against one another
SAME = 0.05  # of descriptors: about three grey levels, in a photo of usual contrast
CLOSE_SHARE = 0.1
SHOWN = 6
BATCH = 256
THUMBNAIL_BATCH = 1_024

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


# Nearest neighbours ------------------------------------------------------------------------


@dataclass(frozen=True)
class Neighbours:
    """The ten nearest faces of a pool to each of M faces, nearest first.

    `indices` (M, 10) are their places in the pool, `distances` (M, 10) those of descriptors, 0..2.
    """

    indices: Indices
    distances: Floats

    @property
    def nearest(self) -> Floats:
        """The distance of the nearest: (M,)."""
        return self.distances[:, 0]

    @cached_property
    def ratios(self) -> Floats:
        """The nearest distance over the tenth: (M,), 1 where all ten are the same picture."""
        tenth = self.distances[:, -1]
        ratios = np.where(tenth > 0, self.nearest / np.maximum(tenth, 1e-6), 1.0)
        return ratios.astype(np.float32)


class Pool:
    """Training faces to search: (N, 64, 64, 3) uint8, at least MIN_POOL.

    Raises UserError for fewer.
    """

    def __init__(self, faces: Pixels) -> None:
        if len(faces) < MIN_POOL:
            raise UserError(
                "{count} training photos are too few to compare with: it takes at least {least}.",
                count=len(faces),
                least=MIN_POOL,
            )
        self._descriptors = descriptors(faces)

    def __len__(self) -> int:
        return len(self._descriptors)

    def search(self, faces: Pixels, own: Indices | None = None) -> Neighbours:
        """The nearest of the pool to each of (M, 64, 64, 3) uint8 faces.

        `own` (M,) are the faces' own places in the pool, which are left out; -1 for none.
        """
        parts = [
            self._search(
                faces[start : start + BATCH],
                None if own is None else own[start : start + BATCH],
            )
            for start in range(0, len(faces), BATCH)
        ]
        if not parts:
            return Neighbours(np.empty((0, NEAREST), np.int64), np.empty((0, NEAREST), np.float32))
        indices, distances = zip(*parts, strict=True)
        return Neighbours(np.concatenate(indices), np.concatenate(distances))

    def _search(self, faces: Pixels, own: Indices | None) -> tuple[Indices, Floats]:
        mirrored = faces[:, :, ::-1]
        similarity = np.maximum(
            descriptors(faces) @ self._descriptors.T, descriptors(mirrored) @ self._descriptors.T
        )
        if own is not None:
            similarity[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        indices = np.argpartition(-similarity, NEAREST, axis=1)[:, :NEAREST]
        best = np.take_along_axis(similarity, indices, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        distances = np.sqrt(np.maximum(2 - 2 * np.take_along_axis(best, order, axis=1), 0))
        return np.take_along_axis(indices, order, axis=1), distances


def descriptors(faces: Pixels) -> Floats:
    """(N, 64, 64, 3) uint8 -> (N, 768) float32 of length 1: thumbnails less mean and contrast."""
    parts = [
        images.thumbnails(np.asarray(faces[start : start + THUMBNAIL_BATCH]))
        for start in range(0, len(faces), THUMBNAIL_BATCH)
    ]
    thumbnails = np.concatenate(parts) if parts else np.empty((0, 768), np.float32)
    thumbnails -= thumbnails.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(thumbnails, axis=1, keepdims=True)
    return np.asarray(thumbnails / np.maximum(lengths, 1e-6), np.float32)


# Suspected copies --------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """The distance and the ratio that almost no real face falls below."""

    distance: float
    ratio: float


def fit_limits(real: Neighbours) -> Limits:
    """The limits that RARITY of these real faces fall below.

    Pictures that a dataset holds twice would hide copies: they are left out, unless there are no
    others.
    """
    is_single = real.nearest >= DUPLICATE
    if not is_single.any():
        is_single = np.ones(len(is_single), bool)
    return Limits(
        float(np.quantile(real.nearest[is_single], RARITY)),
        float(np.quantile(real.ratios[is_single], RARITY)),
    )


_SENTENCES = {
    "same": gettext_noop(
        "A copy: the same picture as its nearest training photo, except for noise."
    ),
    "suspect": gettext_noop(
        "It may be a copy: only {share:.1%} of the training photos are as close to another photo."
    ),
    "close": gettext_noop(
        "Rather close to a training photo, but {share:.1%} of the training photos are as close to "
        "another photo."
    ),
    "own": gettext_noop(
        "No copy: {share:.1%} of the training photos are as close to another photo."
    ),
}


@dataclass(frozen=True)
class Comparison:
    """One face compared with the training photos.

    `indices` and `distances` are those of its nearest photos, nearest first. `share`, 0..1, is the
    share of real faces whose nearest photo is as near, or whose ratio is as low, whichever is less.
    `level` is "same", "suspect", "close" or "own".
    """

    indices: tuple[int, ...]
    distances: tuple[float, ...]
    share: float
    level: str

    @property
    def sort_key(self) -> tuple[float, float]:
        """Sorts the most suspicious first."""
        return self.share, self.distances[0]

    @property
    def sentence(self) -> Message:
        """The result in one sentence."""
        return Message(_SENTENCES[self.level], share=self.share)


class CopyCheck:
    """Searches generated faces for copies of `photos`, (N, 64, 64, 3) uint8.

    The limits are fitted to (M, 64, 64, 3) real faces, with their own indices among the photos
    (-1 for none); by default to a sample of the photos themselves. Raises UserError for fewer than
    MIN_POOL photos.
    """

    def __init__(
        self, photos: Pixels, real: Pixels | None = None, own: Indices | None = None
    ) -> None:
        self.photos = photos
        self._pool = Pool(photos)
        if real is None:
            count = min(MAX_CALIBRATION, len(photos))
            own = np.sort(np.random.default_rng(0).choice(len(photos), count, replace=False))
            real = np.asarray(photos[own])
        self.real = self._pool.search(real, own)
        self.limits = fit_limits(self.real)

    def __len__(self) -> int:
        return len(self.photos)

    def search(self, faces: Pixels) -> Neighbours:
        """The nearest photos of (M, 64, 64, 3) uint8 faces."""
        return self._pool.search(faces)

    def is_suspect(self, found: Neighbours) -> NDArray[np.bool_]:
        """Which faces are suspected copies: (M,)."""
        is_near = found.nearest < self.limits.distance
        return np.asarray(is_near | (found.ratios < self.limits.ratio), np.bool_)

    def compare(self, faces: Pixels) -> list[Comparison]:
        """A comparison of each of (M, 64, 64, 3) uint8 faces."""
        found = self.search(faces)
        shares = np.minimum(
            _share_below(found.nearest, self.real.nearest),
            _share_below(found.ratios, self.real.ratios),
        )
        rows = zip(found.indices, found.distances, shares, self.is_suspect(found), strict=True)
        return [
            Comparison(
                tuple(indices[:SHOWN].tolist()),
                tuple(distances[:SHOWN].tolist()),
                float(share),
                _level(float(distances[0]), float(share), bool(is_suspect)),
            )
            for indices, distances, share, is_suspect in rows
        ]


def share_of_suspects(comparisons: list[Comparison]) -> float:
    """The share of suspected copies, 0..1; SUSPECTED_BY_CHANCE for real faces."""
    suspects = sum(one.level in {"same", "suspect"} for one in comparisons)
    return suspects / max(1, len(comparisons))


def _share_below(values: Floats, real: Floats) -> Floats:
    """The share of the real values that is not greater, for each value: 0..1."""
    below = np.searchsorted(np.sort(real), values, side="right")
    return np.asarray(below / len(real), np.float32)


def _level(distance: float, share: float, is_suspect: bool) -> str:
    if distance < SAME:
        return "same"
    if is_suspect:
        return "suspect"
    return "close" if share <= CLOSE_SHARE else "own"
