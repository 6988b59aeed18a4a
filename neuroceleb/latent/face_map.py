"""Two-dimensional maps of faces: similar faces lie close together.

Faces are described by thumbnails of 16x16 pixels. Two maps: the first two principal components,
which keep large distances but overlap much; and t-SNE (van der Maaten and Hinton, *Visualizing
Data using t-SNE*, 2008; scikit-learn's), which keeps neighbours together and no large distances.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

MIN_FACES = 10
MAX_FACES = 1_000
DEFAULT_FACES = 400
PERPLEXITY = 20.0
COMPONENTS = 50  # principal components that t-SNE gets

Points = NDArray[np.float32]


@dataclass(frozen=True)
class FaceMap:
    """`pca` and `tsne` (N, 2), each coordinate from 0 to 1.

    `explained` is the share of variance in `pca`, 0..1; `colours` are mean colours, (N, 3) uint8.
    """

    pca: Points
    tsne: Points
    explained: float
    colours: Pixels


def compute(faces: Pixels) -> FaceMap:
    """Map (N, 64, 64, 3) uint8 faces; deterministic. Raises UserError outside 10 to 1,000 faces."""
    if not MIN_FACES <= len(faces) <= MAX_FACES:
        raise UserError(
            "A map has {least} to {most:,} faces, not {count:,}.",
            least=MIN_FACES,
            most=MAX_FACES,
            count=len(faces),
        )
    thumbnails = images.thumbnails(faces)
    centred = thumbnails - thumbnails.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :COMPONENTS] * strengths[:COMPONENTS]
    explained = float((strengths[:2] ** 2).sum() / max(float((strengths**2).sum()), 1e-12))
    colours = faces.mean(axis=(1, 2)).round().astype(np.uint8)
    return FaceMap(_normalise(scores[:, :2]), _normalise(_tsne(scores)), explained, colours)


def _tsne(scores: Points) -> Points:
    from sklearn.manifold import TSNE  # takes a second to import
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(scores) - 1) / 3)
    if float(np.ptp(scores)) < 1e-6:  # all faces are the same
        return np.zeros((len(scores), 2), np.float32)
    embedding = TSNE(2, perplexity=perplexity, init="pca", random_state=0, n_jobs=1)
    with threadpool_limits(1):  # with so few points, more threads are slower
        points: Points = embedding.fit_transform(scores.astype(np.float32))
    return points


def _normalise(points: Points) -> Points:
    """Shift and scale so that each coordinate goes from 0 to 1."""
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    normalised: Points = (points - low) / np.maximum(span, 1e-9)
    return normalised.astype(np.float32)
