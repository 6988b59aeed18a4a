"""Covered eyes, covered mouth and closed eyes, from the pixels of an aligned crop.

These measures are weak, also for lack of examples: of 240 photos looked at one by one, one has
covered eyes, none has a covered mouth or closed eyes. So by default the rules reject only
extremes, and never closed eyes; see `Rules` and docs/results.md.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels

# Of a crop of side 1: left, right, top, bottom.
_EYES = ((0.30, 0.41, 0.45, 0.57), (0.59, 0.70, 0.45, 0.57))
_CHEEKS = ((0.27, 0.40, 0.62, 0.72), (0.60, 0.73, 0.62, 0.72))
_IRISES = ((0.281, 0.421, 0.465, 0.555), (0.579, 0.719, 0.465, 0.555))
_AROUND = ((0.261, 0.441, 0.43, 0.62), (0.559, 0.739, 0.43, 0.62))
_FACE = (0.27, 0.73, 0.40, 0.92)
_LOWER = (0.32, 0.68, 0.72, 0.95)  # what a mask covers
# Skin that a mask leaves free: bridge of the nose, brow above it. Glasses or hair may hide one.
_SKIN = ((0.45, 0.55, 0.44, 0.56), (0.44, 0.56, 0.36, 0.42))

# An iris is about half as bright as the skin around it. Less contrast than this: no iris visible.
_MIN_IRIS_CONTRAST = 0.16
# Pairs (chance 0, chance 1):
_LENS = (0.55, 0.15)  # brightness of the eye region over that of the cheeks: none, a dark lens
_NOT_SKIN = (0.7, 1.0)  # share of the lower face that is not skin: mouth or beard, a mask
_CLOSED = (0.95, 0.45)  # `_openness` of the eyes: open, closed
_SKIN_HUE_DISTANCE = 14.0  # in the ab plane of Lab; a pixel farther from the skin is not skin
_IRIS_RADIUS = 0.022


def chances(crop: Pixels) -> dict[str, float]:
    """`eyes_covered`, `mouth_covered`, `eyes_closed`, 0..1, of an aligned (S, S, 3) uint8 crop."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(np.float32)
    eyes = [_part(grey, box) for box in _EYES]
    skin = max(20.0, float(np.mean([_part(grey, box).mean() for box in _CHEEKS])))
    contrast = float(np.mean([_iris_contrast(eye) for eye in eyes]))
    brightness = float(np.mean([np.percentile(eye, 75) for eye in eyes])) / skin
    hidden = _ramp(1.0 - contrast / _MIN_IRIS_CONTRAST, 0.0, 1.0)
    return {
        "eyes_covered": max(hidden, _ramp(brightness, *_LENS)),
        "mouth_covered": _ramp(min(_not_skin(lab, box) for box in _SKIN), *_NOT_SKIN),
        "eyes_closed": _ramp(_openness(grey), *_CLOSED),
    }


def _part(image: NDArray[Any], box: tuple[float, float, float, float]) -> NDArray[Any]:
    left, right, top, bottom = (round(len(image) * share) for share in box)
    return image[top:bottom, left:right]


def _ramp(value: float, zero: float, one: float) -> float:
    """0 at `zero`, 1 at `one`, linear between, clipped outside."""
    return float(np.clip((value - zero) / (one - zero), 0.0, 1.0))


def _iris_contrast(eye: NDArray[Any]) -> float:
    """How much darker the darkest spot is than the median, 0..1."""
    smooth = cv2.GaussianBlur(eye, (3, 3), 0)
    median = float(np.median(smooth))
    return (median - float(smooth.min())) / max(20.0, median)


def _not_skin(lab: NDArray[Any], skin: tuple[float, float, float, float]) -> float:
    """The share of the lower face whose hue differs from this patch of skin."""
    reference = np.median(_part(lab, skin).reshape(-1, 3), axis=0)
    difference = _part(lab, _LOWER) - reference
    return float((np.hypot(difference[:, :, 1], difference[:, :, 2]) > _SKIN_HUE_DISTANCE).mean())


def _openness(grey: NDArray[Any]) -> float:
    """How dark the darkest disc of an iris' size is where the irises are.

    The mean of two measures: relative to the skin around the eye (mean of both eyes), and relative
    to the darkest of brows, nostrils and mouth (the more open eye), because haze lightens all of
    them. A lash line is dark, but too thin to darken a disc.
    """
    smooth = cv2.filter2D(grey, -1, _disc(_IRIS_RADIUS * len(grey)))
    darkest = float(np.percentile(_part(smooth, _FACE), 3))
    plain, relative = [], []
    for iris, around in zip(_IRISES, _AROUND, strict=True):
        skin = float(np.percentile(_part(grey, around), 70))
        depth = skin - float(_part(smooth, iris).min())
        plain.append(depth / max(20.0, skin))
        relative.append(depth / max(12.0, skin - darkest))
    return (float(np.mean(plain)) + max(relative)) / 2


def _disc(radius_px: float) -> NDArray[np.float32]:
    """A kernel whose convolution is the mean over a disc."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = (np.hypot(x, y) <= radius_px).astype(np.float32)
    return np.asarray(inside / inside.sum(), np.float32)
