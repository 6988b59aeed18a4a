"""Are eyes or mouth hidden, are the eyes closed? Told from the pixels around the landmarks.

Weak measures, by their nature and for want of examples: of 240 photos looked at one by one, one
has covered eyes, none a covered mouth or closed eyes. So only extremes count by default, and
closed eyes not at all; see `Rules`.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..images import Pixels

# Of a crop of side 1: left, right, top, bottom.
_EYES = ((0.30, 0.41, 0.45, 0.57), (0.59, 0.70, 0.45, 0.57))
_CHEEKS = ((0.27, 0.40, 0.62, 0.72), (0.60, 0.73, 0.62, 0.72))
_NOSE = (0.30, 0.70, 0.58, 0.68)
_MOUTH = (0.36, 0.64, 0.78, 0.92)

# An iris is about half as bright as the skin around it; where it is a sixth darker, none is seen.
_SEEN_IRIS = 0.16
_LENS = (0.55, 0.15)  # an eye region this much as bright as the cheeks: none, all of a dark lens
_FOREIGN = (30.0, 60.0)  # difference of hue between mouth and nose: none, all of a mask
_OPEN_HEIGHT = (0.30, 0.10)  # share of an eye's height that is dark: open, closed


def chances(seen: Pixels) -> dict[str, float]:
    """`eyes_covered`, `mouth_covered`, `eyes_closed`, 0..1, of an aligned (S, S, 3) uint8 crop."""
    grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB).astype(np.float32)
    eyes = [_part(grey, box) for box in _EYES]
    skin = max(20.0, float(np.mean([_part(grey, box).mean() for box in _CHEEKS])))
    hidden = 1.0 - float(np.mean([_iris(eye) for eye in eyes])) / _SEEN_IRIS
    light = float(np.mean([np.percentile(eye, 75) for eye in eyes])) / skin
    hue = _part(lab, _MOUTH).mean(axis=(0, 1)) - _part(lab, _NOSE).mean(axis=(0, 1))
    return {
        "eyes_covered": max(_share(hidden, 0.0, 1.0), _share(light, *_LENS)),
        "mouth_covered": _share(float(np.hypot(hue[1], hue[2])), *_FOREIGN),
        "eyes_closed": _share(float(np.mean([_dark_height(eye) for eye in eyes])), *_OPEN_HEIGHT),
    }


def _part(image: NDArray[Any], box: tuple[float, float, float, float]) -> NDArray[Any]:
    left, right, top, bottom = (round(len(image) * share) for share in box)
    return image[top:bottom, left:right]


def _share(value: float, none: float, all_of_it: float) -> float:
    return float(np.clip((value - none) / (all_of_it - none), 0.0, 1.0))


def _iris(eye: NDArray[Any]) -> float:
    """How much darker the darkest spot is than the rest, 0..1."""
    smooth = cv2.GaussianBlur(eye, (3, 3), 0)
    rest = float(np.median(smooth))
    return (rest - float(smooth.min())) / max(20.0, rest)


def _dark_height(eye: NDArray[Any]) -> float:
    """The share of rows whose darkest pixel is nearly as dark as the eye's darkest."""
    darkest = eye.min(axis=1)
    middle = (float(np.median(eye)) + float(darkest.min())) / 2
    return float((darkest < middle).mean())
