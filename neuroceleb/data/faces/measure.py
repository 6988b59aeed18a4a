"""What is measured of a face in a photo: sharpness, light, colour, pose, open eyes, a hash.

Measuring needs the photo and is done once. The rules (see `rules`) read the measures only.
"""

import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import align, covered_eyes, duplicates, landmark_measures, pose
from neuroceleb.data.faces.detector import Face
from neuroceleb.data.faces.landmarks import LandmarkDetector
from neuroceleb.images import Pixels

MEASURED_PX = 96  # side of the aligned crop on which sharpness and light are measured

_thread = threading.local()

Measures = dict[str, Any]  # of one face: numbers, and `hash` in hexadecimal


# `face_score` adds so much for each unit of the detector's score over SURE_SCORE. Drawn faces have
# a middling score from either network; small and blurred faces from the detector only.
SCORE_WEIGHT, SURE_SCORE = 60.0, 0.9

# By the mesh network alone the eyes are open from here on: of 2,997 faces none of the 15 closed
# ones (openness under 0.15) and 2 of the 67 under 0.2 are above it (docs/results.md).
SURE_OPENNESS = 0.28


def measure(photo: Pixels, face: Face, matrix: align.Matrix) -> Measures:
    """All measures of one face of a (H, W, 3) uint8 photo, rounded to four decimals.

    `matrix` is the face's `align.landmark_transform`. Angles are in degrees, `sharpness` is the
    variance of the Laplacian of a 96 px crop, `brightness` is 0..255, `colour` the mean chroma,
    `outside` 0..1, `hash` the photo's (see `duplicates`). `face_score` is the mesh network's
    logit for a face and YuNet's score together; `mesh_pitch` and `openness` are those of
    `landmark_measures`, `eyes_covered` a chance 0..1 (see `covered_eyes`). Where the mesh shows
    that the eyes are open and free, `openness` is the mesh's and `eyes_covered` 0.
    Raises UserError where the landmark networks are missing or damaged.
    """
    height, width = photo.shape[:2]
    crop = align.crop(photo, matrix, MEASURED_PX)
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    numbers = {
        "score": face.score,
        "source_px": align.side_px(matrix),
        "sharpness": sharpness(grey),
        "brightness": float(_face_region(grey).mean()),
        "colour": _chroma(lab),
        "outside": align.outside_share(matrix, width, height),
        **pose.angles(face),
        **_dense(photo, face, matrix),
        **{f"google_{name}": value for name, value in face.extras.items()},
    }
    rounded: Measures = {name: round(float(value), 4) for name, value in numbers.items()}
    return rounded | {"hash": duplicates.phash(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY))}


def _dense(photo: Pixels, face: Face, matrix: align.Matrix) -> dict[str, float]:
    """What the mesh network says, and the iris network where that leaves the eyes in doubt."""
    detector = _landmark_detector()
    logit, mesh, (mesh_layer,) = detector.mesh.find_with_layers(
        photo, matrix, (covered_eyes.MESH_LAYER,)
    )
    openness, covered = landmark_measures.mesh_openness(mesh), 0.0
    if openness < SURE_OPENNESS or covered_eyes.may_be_covered(mesh_layer):
        layers = (covered_eyes.IRIS_LAYER,)
        eyes, _, (iris_layer,) = detector.iris.find_with_layers(photo, mesh, layers)
        openness = float(landmark_measures.openness(eyes[None])[0])
        covered = covered_eyes.chance(mesh_layer, iris_layer)
    _, _, pitch = landmark_measures.head_angles(landmark_measures.fit(mesh[None]))[0]
    return {
        "face_score": logit + (0.0 if face.extras else SCORE_WEIGHT * (face.score - SURE_SCORE)),
        "mesh_pitch": float(pitch),
        "openness": openness,
        "eyes_covered": covered,
    }


def _landmark_detector() -> LandmarkDetector:
    """The networks of this thread: they must not be shared."""
    if not hasattr(_thread, "detector"):
        _thread.detector = LandmarkDetector()
    detector: LandmarkDetector = _thread.detector
    return detector


def sharpness(grey: NDArray[Any]) -> float:
    """Variance of the Laplacian of the face, normalized by the contrast of the face.

    `grey` is an aligned (S, S) uint8 crop. Pech-Pacheco et al., Diatom autofocusing in brightfield
    microscopy, ICPR 2000.
    """
    face = _face_region(grey).astype(np.float32)
    contrast = max(12.0, float(face.std()))
    edges = cv2.Laplacian(face, cv2.CV_32F)[1:-1, 1:-1]
    return float(edges.var()) * (40.0 / contrast) ** 2


def _face_region(grey: NDArray[Any]) -> NDArray[Any]:
    """From the brows to below the mouth, and between the temples."""
    size = len(grey)
    return grey[int(0.36 * size) : int(0.94 * size), int(0.2 * size) : int(0.8 * size)]


def _chroma(lab: NDArray[Any]) -> float:
    colour = lab[:, :, 1:].astype(np.float32) - 128.0
    return float(np.hypot(colour[:, :, 0], colour[:, :, 1]).mean())
