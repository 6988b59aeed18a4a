"""Photos whose pixels lie on their side or head: which way up, told by how well faces are found.

YuNet finds a face in most sideways and upside-down photos too, with landmarks as if it were
upright; only its score is lower. So the score decides between the four directions.
"""

from collections.abc import Callable

import cv2
import numpy as np

from neuroceleb.data.faces.detector import Face
from neuroceleb.images import Pixels

# Measured, n = 100 photos turned each way: upright 95 % score over 0.92; on the head half over
# 0.90, on the side half over 0.77.
SURE_SCORE = 0.92
CLEARLY_BETTER = 0.02
LOOK_PX = 640  # the long side of the reduced photo in which the directions are compared

Find = Callable[[Pixels], list[Face]]


def righted(photo: Pixels, find: Find) -> tuple[int, Pixels, list[Face]]:
    """How many degrees to turn the photo counter-clockwise (0, 90, 180, 270), turned so; its faces.

    The faces are in the pixels of the turned photo. Where no direction is clearly better, as
    where there is no face, the photo stays as it is.
    """
    faces = find(photo)
    if _best(faces) >= SURE_SCORE:
        return 0, photo, faces
    quarter = _quarter(_reduced(photo), find)
    if quarter == 0:
        return 0, photo, faces
    turned = np.ascontiguousarray(np.rot90(photo, quarter))
    return 90 * quarter, turned, find(turned)


def _quarter(look: Pixels, find: Find) -> int:
    scores = [_best(find(np.ascontiguousarray(np.rot90(look, k)))) for k in range(4)]
    best = int(np.argmax(scores))
    return best if scores[best] > scores[0] + CLEARLY_BETTER else 0


def _best(faces: list[Face]) -> float:
    """The score of the largest face; the small ones behind it are more often none."""
    return faces[0].score if faces else 0.0


def _reduced(photo: Pixels) -> Pixels:
    height, width = photo.shape[:2]
    scale = LOOK_PX / max(height, width)
    if scale >= 1:
        return photo
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
