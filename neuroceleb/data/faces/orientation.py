"""Turn photos upright whose pixels are sideways or upside down, by the detector's score.

YuNet also finds most faces in sideways and upside-down photos, with landmarks as if they were
upright, but with a lower score. So the scores of the four directions are compared.
"""

from collections.abc import Callable

import cv2
import numpy as np

from neuroceleb.data.faces.detector import Face
from neuroceleb.images import Pixels

# Measured, n = 100 photos turned each way: upright 95 % score over 0.92; upside down half over
# 0.90, sideways half over 0.77.
CERTAIN_SCORE = 0.92
MIN_GAIN = 0.02
COMPARED_PX = 640  # the long side of the reduced photo in which the directions are compared

Find = Callable[[Pixels], list[Face]]


def upright(photo: Pixels, find: Find) -> tuple[int, Pixels, list[Face]]:
    """(degrees, photo, faces): the photo turned counter-clockwise by 0, 90, 180 or 270 degrees.

    The faces are in the pixels of the turned photo. Where no direction is clearly better, for
    example where there is no face, the photo stays as it is.
    """
    faces = find(photo)
    if _main_score(faces) >= CERTAIN_SCORE:
        return 0, photo, faces
    quarters = _best_quarters(_reduced(photo), find)
    if quarters == 0:
        return 0, photo, faces
    turned = np.ascontiguousarray(np.rot90(photo, quarters))
    return 90 * quarters, turned, find(turned)


def _best_quarters(photo: Pixels, find: Find) -> int:
    scores = [_main_score(find(np.ascontiguousarray(np.rot90(photo, k)))) for k in range(4)]
    best = int(np.argmax(scores))
    return best if scores[best] > scores[0] + MIN_GAIN else 0


def _main_score(faces: list[Face]) -> float:
    """The score of the largest face; small ones in the background are more often false."""
    return faces[0].score if faces else 0.0


def _reduced(photo: Pixels) -> Pixels:
    height, width = photo.shape[:2]
    scale = COMPARED_PX / max(height, width)
    if scale >= 1:
        return photo
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
