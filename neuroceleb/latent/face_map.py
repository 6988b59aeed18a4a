"""A map of faces: each a point, like beside like.

Two maps of the same faces, by their thumbnails of 16x16 pixels: their two principal components, in
which distances mean what they are but much is folded over; and t-SNE (van der Maaten and Hinton,
2008; scikit-learn's), which keeps neighbours together and says nothing about what lies far apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

FEWEST = 10
MOST = 1_000
COUNT = 400
PERPLEXITY = 20.0
KEPT_COMPONENTS = 50

Points = NDArray[np.float32]


@dataclass(frozen=True)
class Atlas:
    """Two maps, (N, 2) each, every side from 0 to 1; `explained` is the share of variance in `pca`.

    `colours` are the faces' mean colours, (N, 3) uint8.
    """

    pca: Points
    tsne: Points
    explained: float
    colours: Pixels


def draw(faces: Pixels) -> Atlas:
    """Lay out (N, 64, 64, 3) uint8 faces, 10 to 1,000; the same faces always lie alike."""
    if not FEWEST <= len(faces) <= MOST:
        raise UserError(f"A map has {FEWEST} to {MOST:,} faces, not {len(faces):,}.")
    thumbnails = images.thumbnails(faces)
    centred = thumbnails - thumbnails.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :KEPT_COMPONENTS] * strengths[:KEPT_COMPONENTS]
    explained = float((strengths[:2] ** 2).sum() / max(float((strengths**2).sum()), 1e-12))
    colours = faces.mean(axis=(1, 2)).round().astype(np.uint8)
    return Atlas(_framed(scores[:, :2]), _framed(_neighbours(scores)), explained, colours)


def _neighbours(scores: Points) -> Points:
    from sklearn.manifold import TSNE  # takes a second to load
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(scores) - 1) / 3)
    if float(np.ptp(scores)) < 1e-6:  # all the same
        return np.zeros((len(scores), 2), np.float32)
    embedding = TSNE(2, perplexity=perplexity, init="pca", random_state=0, n_jobs=1)
    with threadpool_limits(1):  # so few points only make threads wait for each other
        points: Points = embedding.fit_transform(scores.astype(np.float32))
    return points


def _framed(points: Points) -> Points:
    """Moved and stretched so that each side goes from 0 to 1."""
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    framed: Points = (points - low) / np.maximum(span, 1e-9)
    return framed.astype(np.float32)
