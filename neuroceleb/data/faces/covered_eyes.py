"""Whether something covers the eyes: sunglasses, hair, a hand.

Logistic regression on one inner layer of each landmark network, from the passes that the landmarks
need. Fitted to faces with painted lenses, hair, hands, blocks and glare over their eyes
(benchmarks/covered_eyes.py).
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from neuroceleb.data.faces import landmarks
from neuroceleb.data.faces.landmarks import Floats

MESH_LAYER, IRIS_LAYER = "p_re_lu_15", "p_re_lu_40"
IRIS_CHANNELS = 128  # of 8 x 8
SURELY_FREE = 1.0  # of 76 of 2,497 faces of CelebA that are found covered the least has 2.3
EVEN = 4.0  # the logit that counts as a chance of 0.5: few faces without anything are above it


class _Weights(NamedTuple):
    mesh: Floats
    iris_mean: Floats
    iris_difference: Floats
    bias: float


def features(mesh_layer: Floats, iris_layer: Floats) -> tuple[Floats, Floats, Floats]:
    """The mesh's layer, (4608,), and of the iris network's, (2, 8192), both eyes' statistics.

    These are each channel's mean and deviation over the eye's window, (256,): the mean of both
    eyes and the absolute difference.
    """
    by_channel = iris_layer.reshape(2, IRIS_CHANNELS, -1)
    eyes = np.concatenate([by_channel.mean(axis=2), by_channel.std(axis=2)], axis=1)
    return mesh_layer, eyes.mean(axis=0), np.abs(eyes[0] - eyes[1])


def chance(mesh_layer: Floats, iris_layer: Floats) -> float:
    """How likely the eyes are covered, 0..1, from the activations of MESH_LAYER and IRIS_LAYER.

    Raises UserError where the weights are missing or damaged.
    """
    weights = _weights()
    parts = zip(features(mesh_layer, iris_layer), weights[:3], strict=True)
    logit = sum(float(values @ factors) for values, factors in parts) + weights.bias
    return float(1.0 / (1.0 + np.exp(np.clip(EVEN - logit, -50.0, 50.0))))


def may_be_covered(mesh_layer: Floats) -> bool:
    """Whether MESH_LAYER leaves a doubt that the eyes are free; IRIS_LAYER then decides.

    Raises UserError where the weights are missing or damaged.
    """
    weights = _weights()
    return float(mesh_layer @ weights.mesh) + weights.bias > SURELY_FREE


@cache
def _weights() -> _Weights:
    path = landmarks.checked(landmarks.COVERED_EYES_FILE)
    with np.load(path, allow_pickle=False) as file:
        mesh, mean, difference = (file[name] for name in _Weights._fields[:3])
        return _Weights(mesh, mean, difference, float(file["bias"]))
