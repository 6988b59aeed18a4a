"""Is a generated face a copy? Its nearest training photos, judged by how near photos are to photos.

What is near and what is a suspect is said in `copies`, for `evaluate` as for here: here it is told
of a single face, beside the photos that it is near to.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import memorization

SHOWN = 6
SAMPLED = 1_024  # photos that tell how near photos are to photos
SAME = 0.05  # of descriptors: three grey levels on average, in a photo of usual contrast
SUSPECT_SHARE = 2 * memorization.RAREST  # of different photos would be suspects: two limits
CLOSE_SHARE = 0.1

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """Of one face: its nearest photos, nearest first, and what that means.

    `share` is how many of the photos, 0..1, have another as near or standing out as much, whichever
    are fewer; `level` is same, suspect, close or own.
    """

    photos: tuple[int, ...]
    distances: tuple[float, ...]
    share: float
    level: str

    @property
    def rarity(self) -> tuple[float, float]:
        """What faces are sorted by, the most suspect first."""
        return self.share, self.distances[0]

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
    """Training photos to compare with: (N, 64, 64, 3) uint8, at least `copies.FEWEST`."""

    def __init__(self, pixels: Pixels) -> None:
        if len(pixels) < memorization.FEWEST:
            raise UserError(
                f"{len(pixels)} training photos are too few to compare with: "
                f"it takes at least {memorization.FEWEST}."
            )
        self.pixels = pixels
        self._pool = memorization.Pool(pixels)
        count = min(SAMPLED, len(pixels))
        sample = np.sort(np.random.default_rng(0).choice(len(pixels), count, replace=False))
        usual = self._pool.nearest(np.asarray(pixels[sample]), sample)
        self._limits = memorization.limits(usual)
        self._distances = np.sort(usual[:, 0])
        self._outstanding = np.sort(memorization.outstanding(usual))

    def __len__(self) -> int:
        return len(self.pixels)

    def judge(self, faces: Pixels) -> list[Verdict]:
        """A verdict on each of (N, 64, 64, 3) uint8 faces."""
        return list(self._verdicts(faces))

    def _verdicts(self, faces: Pixels) -> Iterator[Verdict]:
        places, distances = self._pool.search(faces)
        suspects = memorization.suspects(distances, self._limits)
        shares = np.minimum(
            _rank(distances[:, 0], self._distances),
            _rank(memorization.outstanding(distances), self._outstanding),
        )
        for at, far, share, suspect in zip(places, distances, shares, suspects, strict=True):
            yield Verdict(
                tuple(at[:SHOWN].tolist()),
                tuple(far[:SHOWN].tolist()),
                float(share),
                _level(float(far[0]), float(share), bool(suspect)),
            )


def share_of_suspects(verdicts: list[Verdict]) -> float:
    """How many of the faces may be copies, 0..1; a hundredth of the photos would be by chance."""
    return sum(verdict.level in {"same", "suspect"} for verdict in verdicts) / max(1, len(verdicts))


def _rank(values: Numbers, ordered: Numbers) -> Numbers:
    """The share of the `ordered` that is not greater, for each of the values: 0..1."""
    places = np.searchsorted(ordered, values, side="right")
    return np.asarray(places / len(ordered), np.float32)


def _level(distance: float, share: float, suspect: bool) -> str:
    if distance < SAME:
        return "same"
    if suspect:
        return "suspect"
    return "close" if share <= CLOSE_SHARE else "own"
