"""What the flaw score is computed from: 9,804 numbers of a face, from the mesh and iris networks.

Besides the landmark features, the activations of one layer of each network from the same passes: a
damaged eye or mouth changes them also where the landmarks lie in their places.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import landmark_features, landmarks
from neuroceleb.data.faces.landmarks import Landmarks
from neuroceleb.images import Pixels

MESH_LAYER, MESH_LENGTH = "p_re_lu_15", 128 * 6 * 6
IRIS_LAYER, IRIS_CHANNELS = "p_re_lu_40", 128  # of 8 x 8
LIMIT = 1e4
AT_ONCE = 32

GROUPS = {
    "landmarks": len(landmark_features.FEATURES),
    "mesh": 2 * MESH_LENGTH,
    "iris": 4 * IRIS_CHANNELS,
}
"""The columns' groups, in their order, with their lengths.

`mesh`: a layer's activations for the face and for its mirror image, the mean of both and the
absolute difference. `iris`: each channel's mean and deviation over the eye's window, the mean of
both eyes and the absolute difference."""
LENGTH = sum(GROUPS.values())

Floats = NDArray[np.float32]


def flaw_features(faces: Pixels, workers: int | None = None) -> Floats:
    """(N, S, S, 3) uint8 RGB aligned crops -> (N, LENGTH) float32, all finite.

    A row does not depend on the other faces. Each of `workers` threads (None: one a processor)
    has its own networks. Raises UserError where the networks' weights are missing or damaged.
    """
    landmarks.verify()
    parts = [faces[start : start + AT_ONCE] for start in range(0, len(faces), AT_ONCE)]
    count = max(1, min(workers or os.cpu_count() or 1, len(parts)))
    with ThreadPoolExecutor(count) as pool:
        shares = list(pool.map(_share, [parts[first::count] for first in range(count)]))
    rows = [shares[index % count][index // count] for index in range(len(parts))]
    return np.concatenate([np.zeros((0, LENGTH), np.float32), *rows])


def _share(parts: list[Pixels]) -> list[Floats]:
    """One worker's parts, with networks of its own."""
    if not parts:
        return []
    mesh, iris = landmarks.Mesh(), landmarks.Iris()
    return [np.stack([_features(mesh, iris, face) for face in faces]) for faces in parts]


def _features(mesh: landmarks.Mesh, iris: landmarks.Iris, face: Pixels) -> Floats:
    placing = landmarks.whole(face)
    mirrored = np.ascontiguousarray(face[:, ::-1])
    score, points, (inner,) = mesh.find_with_layers(face, placing, (MESH_LAYER,))
    _, points_mirrored, (inner_mirrored,) = mesh.find_with_layers(mirrored, placing, (MESH_LAYER,))
    eyes, irises, (eye_inner,) = iris.find_with_layers(face, points, (IRIS_LAYER,))
    found = Landmarks(np.array([score], np.float32), points[None], eyes[None], irises[None])
    channels = eye_inner.reshape(2, IRIS_CHANNELS, -1)
    right, left = np.concatenate([channels.mean(axis=2), channels.std(axis=2)], axis=1)
    row = np.concatenate(
        [
            landmark_features.features_of(face[None], found, points_mirrored[None])[0],
            *_mean_and_difference(inner, inner_mirrored),
            *_mean_and_difference(right, left),
        ]
    )
    return np.asarray(np.clip(np.nan_to_num(row, nan=0.0), -LIMIT, LIMIT), np.float32)


def _mean_and_difference(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    mean, difference = (one + other) / 2, np.abs(one - other)
    return np.asarray(mean, np.float32), np.asarray(difference, np.float32)
