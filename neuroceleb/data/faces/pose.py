"""How a head is turned, from five landmarks.

A head of average measures is seen from far away (scaled orthography), and its rotation is the one
that least squares finds; DeMenthon and Davis, Model-based object pose in 25 lines of code, IJCV
15, 1995, without its perspective. Good to some 5 to 10 degrees; heads differ.
"""

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import Face

# Right eye, left eye, nose, mouth corners of a frontal face: x to the right, y down, z towards the
# camera, in units of the distance between the eyes. x and y are the mean frontal face of YuNet.
HEAD = np.array(
    [
        [-0.50, -0.47, 0.00],
        [0.50, -0.47, 0.00],
        [0.00, 0.11, 0.50],
        [-0.41, 0.60, 0.05],
        [0.41, 0.60, 0.05],
    ]
)


def angles(face: Face) -> dict[str, float]:
    """`roll`, `yaw`, `pitch` in degrees; 0 is upright, frontal, level.

    Positive: turned to the viewer's right, nodding down, rolled clockwise. Where the detector has
    angles of its own (Google's roll, pan and tilt), they are taken.
    """
    own = _from_landmarks(np.asarray(face.landmarks, np.float64))
    theirs = {"roll": "roll", "pan": "yaw", "tilt": "pitch"}
    return own | {theirs[k]: v for k, v in face.extras.items() if k in theirs}


def _from_landmarks(points: NDArray[np.float64]) -> dict[str, float]:
    seen = points - points.mean(axis=0)
    model = HEAD - HEAD.mean(axis=0)
    rows = np.linalg.lstsq(model, seen, rcond=None)[0].T  # (2, 3): scaled rows of the rotation
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    across, down = left @ right
    towards = np.cross(across, down)
    yaw = np.arctan2(across[2], np.hypot(across[0], down[0]))
    pitch = np.arctan2(down[2], towards[2])
    roll = np.arctan2(down[0], across[0])
    return {name: float(np.degrees(a)) for name, a in zip(_NAMES, (roll, yaw, pitch), strict=True)}


_NAMES = ("roll", "yaw", "pitch")
