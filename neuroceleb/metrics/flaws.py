"""The flaw score: how likely somebody who looks at a face calls it flawed.

A logistic regression on `flaw_features`, fitted to labels by eye of 400 generated faces
(`benchmarks/labels`) by `benchmarks/flaws.py`, which also reports how well it agrees with 200
others. It was fitted to faces of this project's generators at 64 px; of other faces it says less.
"""

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics.flaw_features import LENGTH, flaw_features

NAME = "logistic regression on MediaPipe's mesh and iris networks, 400 labels, version 1"
MODEL_FILE = Path(__file__).parent / "flaw_model" / "flaws.npz"
SHA256 = "2b332b1457218026106fdea29d36a1a95d9367f3a177f54e50301c4338886a07"
CLIP = 4.0  # standard deviations

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FlawModel:
    """Coefficients: `mean`, `scale` and `weights` (LENGTH,) float32, `bias`, and `threshold`.

    The score is the sigmoid of weights . clip((x - mean) / scale, -CLIP, CLIP) + bias; a face
    counts as flawed where its score is at least `threshold`.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    threshold: float

    def scores(self, features: Floats) -> Floats:
        """(N, LENGTH) features -> (N,) float32 scores in 0..1."""
        standard = np.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        # Row by row: the sum of a row must not depend on how many rows there are.
        logits = (standard.astype(np.float64) * self.weights).sum(axis=1) + self.bias
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def flaw_scores(faces: Pixels, workers: int | None = None) -> Floats:
    """(N, 64, 64, 3) uint8 RGB crops -> (N,) float32: the probability that each is flawed.

    Calibrated on the labels. A score does not depend on the other faces. Each of `workers` threads
    (None: one a processor) has its own networks. Raises ValueError for another shape, UserError
    where the coefficients or the networks' weights are missing or damaged.
    """
    if faces.ndim != 4 or faces.shape[1:] != (64, 64, 3) or faces.dtype != np.uint8:
        raise ValueError(f"faces are (N, 64, 64, 3) uint8, not {faces.shape} {faces.dtype}")
    model = _shipped_model()
    return model.scores(flaw_features(faces, workers))


def is_flawed(scores: Floats) -> NDArray[np.bool_]:
    """Which of (N,) scores of `flaw_scores` count as flawed: (N,).

    The threshold is the one at which the share of flawed faces equals that of the labels.
    """
    return np.asarray(scores >= _shipped_model().threshold, np.bool_)


def read_model(path: Path = MODEL_FILE, sha256: str = SHA256) -> FlawModel:
    """Read a file of coefficients. Raises UserError where it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): install neuroceleb again.",
            path=path,
            reason=error.strerror,
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UserError(
            "{path} is damaged (its SHA-256 differs): install neuroceleb again.", path=path
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        mean, scale, weights = (stored[name] for name in ("mean", "scale", "weights"))
        assert mean.shape == scale.shape == weights.shape == (LENGTH,)
        return FlawModel(mean, scale, weights, float(stored["bias"]), float(stored["threshold"]))


@cache
def _shipped_model() -> FlawModel:
    return read_model()
