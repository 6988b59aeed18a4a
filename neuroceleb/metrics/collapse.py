"""Mode collapse in figures: how similar the faces of one sheet are.

Faces are compared as thumbnails of 16x16 pixels, by Euclidean distance: cheap enough for every
epoch, and insensitive to noise. Arora and Zhang, *Do GANs actually learn the distribution?*, 2017,
detect collapse by near-duplicates among few samples; here by the distance to the nearest other
face. Each figure is relative to that of as many photos: 1 is as varied as the photos.
"""

import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels, Thumbnails, thumbnails

SAME = 1e-4  # of thumbnails of length 1: nearer is rounding

Distances = NDArray[np.float64]


def measure(fakes: Pixels, photos: Pixels, before: Pixels | None) -> dict[str, float]:
    """The figures of the fixed noise's faces for an epoch's row of stats.jsonl.

    All are (N, H, W, 3) uint8; `before` are the same seeds' faces one epoch earlier. Returns
    `sample_spread` (mean distance between two faces) and `sample_nearest` (median distance of a
    face to the nearest other), relative to those of the photos, and `sample_change` (mean distance
    of a face to itself one epoch earlier, relative to the photos' spread). Figures that cannot be
    computed, because there are too few photos or all are the same, are left out.
    """
    count = min(len(fakes), len(photos))
    if count < 3:
        return {}
    ours, theirs = thumbnails(fakes), thumbnails(photos)
    fake_distances, photo_distances = _distances(ours[:count]), _distances(theirs[:count])
    spread, nearest = _spread(photo_distances), _nearest(photo_distances)
    if min(spread, nearest) < SAME:
        return {}
    figures = {
        "sample_spread": _spread(fake_distances) / spread,
        "sample_nearest": _nearest(fake_distances) / nearest,
    }
    if before is not None and before.shape == fakes.shape:
        change = np.linalg.norm(ours - thumbnails(before), axis=1).mean()
        figures["sample_change"] = float(change) / spread
    return {name: round(value, 4) for name, value in figures.items()}


def _distances(faces: Thumbnails) -> Distances:
    """(N, D) -> (N, N - 1): the distances of each face to every other."""
    count, exact = len(faces), faces.astype(np.float64)
    squares = (exact**2).sum(axis=1)
    squared = squares[:, None] + squares[None] - 2 * (exact @ exact.T)
    others: Distances = np.sqrt(squared.clip(0)[~np.eye(count, dtype=bool)])
    return others.reshape(count, count - 1)


def _spread(distances: Distances) -> float:
    return float(distances.mean())


def _nearest(distances: Distances) -> float:
    return float(np.median(distances.min(axis=1)))
