"""The result of face detection, and the protocol of a detector."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from neuroceleb.images import Pixels

Point = tuple[float, float]

LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")  # the person's own sides

# Angles in degrees; the others are likelihoods, 0 (very unlikely) to 1 (very likely).
EXTRAS = ("roll", "pan", "tilt", "blurred", "under_exposed", "headwear", "landmark_confidence")


@dataclass(frozen=True)
class Face:
    """One face in a photo, in pixels of the upright photo (x to the right, y down).

    `box` is (left, top, width, height). `landmarks` are five (x, y) in the order of LANDMARKS: the
    person's own right eye first, which is on the left of a frontal photo. `score` is 0..1.
    `extras` are further values of the detector, by names of EXTRAS.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[Point, Point, Point, Point, Point]
    score: float
    extras: Mapping[str, float] = field(default_factory=dict)


def distance_from_middle(box: Sequence[float], photo_px: tuple[int, int]) -> float:
    """The distance in pixels of the centre of a box from the middle of its photo."""
    left, top, width, height = box
    x, y = left + (width - photo_px[0]) / 2, top + (height - photo_px[1]) / 2
    return math.hypot(x, y)


class Detector(Protocol):
    """Finds faces in photos, several photos per call, so that a detector can batch them."""

    @property
    def name(self) -> str:
        """The detector's name on the command line (`--detector`)."""
        ...

    def find(self, photos: Sequence[Pixels]) -> list[list[Face]]:
        """The faces of each (H, W, 3) uint8 photo, largest first. Raises UserError."""
        ...
