"""Has a face everything in its place? YuNet looks, and real faces say what the place is.

A 64-px crop is too small and too full for a detector of photos: it is enlarged and laid on a ground
of its own mean colour. Well formed is a face where YuNet finds exactly one, as sure as of almost
every real one, with eyes, nose and corners of the mouth where they lie in real ones. Both limits
come from real faces, of which 98 of 100 pass.
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
PASSING = 0.98  # of the real faces that set the norm
SURE = 0.99  # of them are found as surely as the norm asks
LEAST_SCORE = 0.3  # below it YuNet's word is nothing
SIDE_PX = 192
MARGIN_PX = 96
AT_ONCE = 32


@dataclass(frozen=True)
class Looks:
    """What YuNet finds in each of N faces.

    `first` and `second` (N,) are the scores, 0..1, of the surest face in the crop and of the next;
    0 where there is none. `places` (N, 5, 2) are the surest's landmarks as x, y of the crop's side.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    places: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Norm:
    """Where a face's parts lie, and how far from there they may be.

    `least_score` is how sure YuNet must be; `centre` and `spread` (5, 2) are the mean and standard
    deviation of the landmarks' x and y, of the crop's side; `tolerance` is how many of these
    deviations the most displaced coordinate may be away; `count` real faces set it.
    """

    least_score: float
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    tolerance: float
    count: int

    def passes(self, looks: Looks) -> NDArray[np.bool_]:
        """Which faces are well formed: (N,)."""
        away = _away(looks, self.centre, self.spread)
        return _found_once(looks, self.least_score) & (away <= self.tolerance)


def look(faces: Pixels) -> Looks:
    """Look at (N, 64, 64, 3) uint8 faces. Raises UserError where YuNet is not installed."""
    detector = partial(YuNet, LEAST_SCORE)
    detector()  # whether it is there is told here, not in a thread
    parts = [faces[start : start + AT_ONCE] for start in range(0, len(faces), AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [row for rows in pool.map(partial(_find, detector), parts) for row in rows]
    scores = np.array([[row[0], row[1]] for row in found]).reshape(-1, 2)
    places = np.array([row[2] for row in found]).reshape(-1, len(LANDMARKS), 2)
    return Looks(scores[:, 0], scores[:, 1], places)


def norm(real: Looks) -> Norm:
    """The norm of which PASSING of these real faces pass. Raises ValueError where none is found."""
    if not len(real):
        raise ValueError("there are no real faces")
    least = max(LEAST_SCORE, float(np.quantile(real.first, 1 - SURE, method="lower")))
    found = _found_once(real, least)
    if not found.any():
        raise ValueError("no real face was found")
    centre = real.places[found].mean(axis=0)
    spread = np.maximum(real.places[found].std(axis=0), 1e-3)
    away = np.where(found, _away(real, centre, spread), np.inf)
    allowed = float(np.sort(away)[min(len(away), int(np.ceil(PASSING * len(away)))) - 1])
    furthest = float(away[found].max())
    return Norm(least, centre, spread, min(allowed, furthest), len(real))


def _found_once(looks: Looks, least: float) -> NDArray[np.bool_]:
    return np.asarray((looks.first >= least) & (looks.second < least), np.bool_)


def _away(
    looks: Looks, centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many deviations the most displaced coordinate of each face is away: (N,)."""
    return np.asarray((np.abs(looks.places - centre) / spread).max(axis=(1, 2)))


Found = tuple[float, float, NDArray[np.float64]]


def _find(detector: partial[YuNet], faces: Pixels) -> list[Found]:
    return [_told(found) for found in detector().find([_on_ground(face) for face in faces])]


def _on_ground(face: Pixels) -> Pixels:
    large = cv2.resize(face, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    colour = face.mean(axis=(0, 1)).tolist()
    border = (MARGIN_PX,) * 4
    return np.asarray(
        cv2.copyMakeBorder(large, *border, cv2.BORDER_CONSTANT, value=colour), np.uint8
    )


def _told(found: Sequence[Face]) -> Found:
    surest = sorted(found, key=lambda face: face.score, reverse=True)
    if not surest:
        return 0.0, 0.0, np.full((len(LANDMARKS), 2), np.inf)
    places = (np.array(surest[0].landmarks) - MARGIN_PX) / SIDE_PX
    return surest[0].score, surest[1].score if len(surest) > 1 else 0.0, places
