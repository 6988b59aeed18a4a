"""Is a generated face a copy? Its nearest training photos, judged by how near photos are to photos.

Faces are compared as thumbnails of 16x16 pixels by Euclidean distance, blind to grain and small
shifts. A plain face is near to many photos, a busy one to none; so it is not the distance to the
nearest that is judged but that distance over the mean of the nearest 50 (as Carlini et al.,
*Extracting Training Data from Diffusion Models*, 2023, tell memorised images), and a face is a
suspect where hardly any training photo has another one as close.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .. import likeness
from ..errors import UserError
from ..images import Pixels

SHOWN = 6
AROUND = 50
SAMPLED = 1_024  # photos that tell how near photos are to photos
SAME = 0.3  # of thumbnails: three grey levels on average
SUSPECT_SHARE = 0.01
CLOSE_SHARE = 0.1
FEWEST_PHOTOS = 8
AT_ONCE = 64

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """Of one face: its nearest photos, nearest first, and what that means.

    `closeness` is the distance to the nearest over the mean distance to the nearest 50; `share` how
    many of the photos, 0..1, are as close to another; `level` is same, suspect, close or own.
    """

    photos: tuple[int, ...]
    distances: tuple[float, ...]
    closeness: float
    share: float
    level: str

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        common = f"{100 * self.share:.1f} % of the training photos are as close to another photo"
        return {
            "same": "A copy: it is the same picture as its nearest training photo, but for grain.",
            "suspect": f"It may be a copy: only {common}.",
            "close": f"Rather close to a training photo, but {common}.",
            "own": f"No copy: {common}.",
        }[self.level]


class Photos:
    """Training photos to compare with: (N, 64, 64, 3) uint8, at least eight."""

    def __init__(self, pixels: Pixels) -> None:
        if len(pixels) < FEWEST_PHOTOS:
            raise UserError(
                f"{len(pixels)} training photos are too few to compare with: "
                f"it takes at least {FEWEST_PHOTOS}."
            )
        self.pixels = pixels
        parts = range(0, len(pixels), 1_024)
        self._thumbnails = np.concatenate(
            [likeness.thumbnails(np.asarray(pixels[start : start + 1_024])) for start in parts]
        )
        self._squares = np.square(self._thumbnails).sum(axis=1)

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def usual(self) -> Numbers:
        """How close photos are to their nearest other photo: closeness of a sample, sorted."""
        count = min(SAMPLED, len(self))
        sample = np.random.default_rng(0).choice(len(self), count, replace=False)
        found = self._nearest(self._thumbnails[sample], sample)
        return np.sort(np.array([_closeness(distances) for _, distances in found], np.float32))

    def judge(self, faces: Pixels) -> list[Verdict]:
        """A verdict on each of (N, 64, 64, 3) uint8 faces."""
        return [
            self._verdict(order, distances)
            for order, distances in self._nearest(likeness.thumbnails(faces), None)
        ]

    def _verdict(self, order: NDArray[np.int64], distances: Numbers) -> Verdict:
        closeness = _closeness(distances)
        share = float(np.searchsorted(self.usual, closeness, side="right")) / len(self.usual)
        return Verdict(
            tuple(order[:SHOWN].tolist()),
            tuple(distances[:SHOWN].tolist()),
            closeness,
            share,
            _level(float(distances[0]), share),
        )

    def _nearest(
        self, thumbnails: Numbers, selves: NDArray[np.int64] | None
    ) -> Iterator[tuple[NDArray[np.int64], Numbers]]:
        """The nearest photos of each thumbnail and their distances; `selves` are left out."""
        count = min(AROUND, len(self) - 1)
        for start in range(0, len(thumbnails), AT_ONCE):
            part = thumbnails[start : start + AT_ONCE]
            squared = np.square(part).sum(axis=1)[:, None] + self._squares
            squared -= 2 * part @ self._thumbnails.T
            if selves is not None:
                squared[np.arange(len(part)), selves[start : start + AT_ONCE]] = np.inf
            for row in squared:
                near = np.argpartition(row, count)[:count]
                near = near[np.argsort(row[near], kind="stable")]
                yield near, np.sqrt(row[near].clip(0))


def share_of_suspects(verdicts: list[Verdict]) -> float:
    """How many of the faces may be copies, 0..1; a hundredth of the photos would be by chance."""
    return sum(verdict.level in {"same", "suspect"} for verdict in verdicts) / max(1, len(verdicts))


def _closeness(distances: Numbers) -> float:
    return float(distances[0]) / max(float(distances.mean()), 1e-6)


def _level(distance: float, share: float) -> str:
    if distance < SAME:
        return "same"
    if share <= SUSPECT_SHARE:
        return "suspect"
    return "close" if share <= CLOSE_SHARE else "own"
