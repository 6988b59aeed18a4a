"""The well-formed rule: one face, with eyes, nose and mouth where real faces have them.

YuNet detects photos, and a 64-px crop is too small and too tightly framed for it: the crop is
enlarged and padded with its mean colour. A face is well formed where YuNet finds exactly one face,
with a score that almost every real face reaches, and no landmark is displaced further than in real
faces. Both limits are fitted to real faces, of which 98 of 100 pass.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import LANDMARKS, Face
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.images import Pixels

DETECTOR = "YuNet 2023mar, faces enlarged to 192 px on a ground of 384 px"
OPENCV: str = cv2.__version__
PASSING = 0.98  # share of the real faces that pass the rule fitted to them
SCORED = 0.99  # share of them that reach its minimal score
MIN_SCORE = 0.3  # YuNet's detections below it are noise
SIDE_PX = 192
MARGIN_PX = 96
BATCH = 32

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Detections:
    """What YuNet finds in each of N faces.

    `scores` and `second_scores` (N,), 0..1, are those of the best and the second detection; 0 for
    none. `points` (N, 5, 2) are the landmarks of the best as x, y in units of the crop's side;
    infinite for none.
    """

    scores: Doubles
    second_scores: Doubles
    points: Doubles

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Rule:
    """The limits of a well-formed face.

    `min_score` is the least score of the detection; `centre` and `spread` (5, 2) are mean and
    standard deviation of the landmarks' x and y, in units of the crop's side; `tolerance` is the
    largest displacement, in these deviations. The rule was fitted to `count` real faces.
    """

    min_score: float
    centre: Doubles
    spread: Doubles
    tolerance: float
    count: int

    def displacements(self, found: Detections) -> Doubles:
        """The displacement of each face's most displaced coordinate, in deviations: (N,)."""
        return np.asarray((np.abs(found.points - self.centre) / self.spread).max(axis=(1, 2)))

    def accepts(self, found: Detections) -> NDArray[np.bool_]:
        """Which faces are well formed: (N,)."""
        is_near = self.displacements(found) <= self.tolerance
        return _is_single(found, self.min_score) & is_near


# Fitted by `fit_rule` to the 1,528 held-out faces (split `blake2b-1`, a tenth) of the CelebA
# mini-set of 15,000, of which 98.0 % pass. It holds for crops framed like those: CelebA's aligned
# images cut to 128 px, and what `crop` aligns, whose template was measured on them.
MINI_SET_RULE = Rule(
    min_score=0.88987,
    centre=np.array(
        [
            [0.34499, 0.48077],
            [0.64514, 0.48341],
            [0.48712, 0.65726],
            [0.36347, 0.79206],
            [0.61346, 0.79610],
        ]
    ),
    spread=np.array(
        [
            [0.01809, 0.01508],
            [0.01777, 0.01779],
            [0.04462, 0.01817],
            [0.02148, 0.01736],
            [0.01900, 0.01887],
        ]
    ),
    tolerance=4.1391,
    count=1_528,
)


def detect(faces: Pixels) -> Detections:
    """Detections in (N, 64, 64, 3) uint8 faces. Raises UserError where YuNet is not installed."""
    new_detector = partial(YuNet, MIN_SCORE)
    new_detector()  # raises here, not in a thread, where YuNet is missing
    parts = [faces[start : start + BATCH] for start in range(0, len(faces), BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = [row for part in pool.map(partial(_detect, new_detector), parts) for row in part]
    scores = np.array([[row[0], row[1]] for row in rows]).reshape(-1, 2)
    points = np.array([row[2] for row in rows]).reshape(-1, len(LANDMARKS), 2)
    return Detections(scores[:, 0], scores[:, 1], points)


def fit_rule(real: Detections) -> Rule:
    """The rule that PASSING of these real faces pass. Raises ValueError where none is found."""
    if not len(real):
        raise ValueError("there are no real faces")
    min_score = max(MIN_SCORE, float(np.quantile(real.scores, 1 - SCORED, method="lower")))
    is_found = _is_single(real, min_score)
    if not is_found.any():
        raise ValueError("no real face was found")
    centre = real.points[is_found].mean(axis=0)
    spread = np.maximum(real.points[is_found].std(axis=0), 1e-3)
    rule = Rule(min_score, centre, spread, np.inf, len(real))
    displacements = np.where(is_found, rule.displacements(real), np.inf)
    rank = min(len(real), int(np.ceil(PASSING * len(real)))) - 1
    tolerance = min(float(np.sort(displacements)[rank]), float(displacements[is_found].max()))
    return Rule(min_score, centre, spread, tolerance, len(real))


def _is_single(found: Detections, min_score: float) -> NDArray[np.bool_]:
    return np.asarray((found.scores >= min_score) & (found.second_scores < min_score), np.bool_)


Row = tuple[float, float, Doubles]


def _detect(new_detector: partial[YuNet], faces: Pixels) -> list[Row]:
    return [_row(found) for found in new_detector().find([_pad(face) for face in faces])]


def _pad(face: Pixels) -> Pixels:
    """A face enlarged, on a ground of its mean colour."""
    large = cv2.resize(face, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    colour = face.mean(axis=(0, 1)).tolist()
    border = (MARGIN_PX,) * 4
    return np.asarray(
        cv2.copyMakeBorder(large, *border, cv2.BORDER_CONSTANT, value=colour), np.uint8
    )


def _row(found: Sequence[Face]) -> Row:
    best = sorted(found, key=lambda face: face.score, reverse=True)
    if not best:
        return 0.0, 0.0, np.full((len(LANDMARKS), 2), np.inf)
    points = (np.array(best[0].landmarks) - MARGIN_PX) / SIDE_PX
    return best[0].score, best[1].score if len(best) > 1 else 0.0, points
