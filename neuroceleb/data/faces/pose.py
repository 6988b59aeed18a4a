"""Head pose (roll, yaw, pitch) from five landmarks.

The least-squares rotation of an average head under scaled orthographic projection: DeMenthon and
Davis, Model-based object pose in 25 lines of code, IJCV 15, 1995, without its perspective part.
Accurate to about 5 to 10 degrees, because heads differ.
"""

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import Face

# Right eye, left eye, nose, mouth corners of a frontal face: x to the right, y down, z towards the
# camera, in units of the distance between the eyes. x and y are YuNet's mean frontal face.
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
    """`roll`, `yaw` and `pitch` in degrees; 0 is upright, frontal, level.

    Positive: rolled clockwise, turned to the viewer's right, nodding down. Angles that the
    detector gives itself (Google's roll, pan and tilt) replace the estimated ones.
    """
    estimated = _from_landmarks(np.asarray(face.landmarks, np.float64))
    given = {"roll": "roll", "pan": "yaw", "tilt": "pitch"}
    return estimated | {given[k]: v for k, v in face.extras.items() if k in given}


def _from_landmarks(points: NDArray[np.float64]) -> dict[str, float]:
    centred = points - points.mean(axis=0)
    model = HEAD - HEAD.mean(axis=0)
    rows = np.linalg.lstsq(model, centred, rcond=None)[0].T  # (2, 3): scaled rows of the rotation
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    across, down = left @ right
    towards = np.cross(across, down)
    yaw = np.arctan2(across[2], np.hypot(across[0], down[0]))
    pitch = np.arctan2(down[2], towards[2])
    roll = np.arctan2(down[0], across[0])
    radians = {"roll": roll, "yaw": yaw, "pitch": pitch}
    return {name: float(np.degrees(angle)) for name, angle in radians.items()}
