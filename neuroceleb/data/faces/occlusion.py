"""Are eyes or mouth hidden, are the eyes closed? Told from the pixels around the landmarks.

Weak measures, by their nature and for want of examples: of 240 photos looked at one by one, one
has covered eyes, none a covered mouth or closed eyes. So only extremes count by default, and
closed eyes not at all; see `Rules` and docs/results.md.
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
# Skin that it does not: the bridge of the nose, the brow above it. Glasses or hair may hide one.
_SKIN = ((0.45, 0.55, 0.44, 0.56), (0.44, 0.56, 0.36, 0.42))

# An iris is about half as bright as the skin around it; where it is a sixth darker, none is seen.
_SEEN_IRIS = 0.16
_LENS = (0.55, 0.15)  # an eye region this much as bright as the cheeks: none, all of a dark lens
_FOREIGN_HUE = 14.0  # this far from the skin, in the plane of a and b, a pixel is not skin
_FOREIGN = (0.7, 1.0)  # share of pixels that are not skin: a mouth or a beard, all of a mask
_IRIS_SIZE = 0.022  # its radius
_OPEN = (0.95, 0.45)  # how dark an iris is, by `_openness`: open, closed


def chances(seen: Pixels) -> dict[str, float]:
    """`eyes_covered`, `mouth_covered`, `eyes_closed`, 0..1, of an aligned (S, S, 3) uint8 crop."""
    grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB).astype(np.float32)
    eyes = [_part(grey, box) for box in _EYES]
    skin = max(20.0, float(np.mean([_part(grey, box).mean() for box in _CHEEKS])))
    hidden = 1.0 - float(np.mean([_iris(eye) for eye in eyes])) / _SEEN_IRIS
    light = float(np.mean([np.percentile(eye, 75) for eye in eyes])) / skin
    return {
        "eyes_covered": max(_share(hidden, 0.0, 1.0), _share(light, *_LENS)),
        "mouth_covered": _share(min(_foreign(lab, box) for box in _SKIN), *_FOREIGN),
        "eyes_closed": _share(_openness(grey), *_OPEN),
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


def _foreign(lab: NDArray[Any], skin: tuple[float, float, float, float]) -> float:
    """The share of the lower face whose hue is not that of this patch of skin."""
    wanted = np.median(_part(lab, skin).reshape(-1, 3), axis=0)
    apart = _part(lab, _LOWER) - wanted
    return float((np.hypot(apart[:, :, 1], apart[:, :, 2]) > _FOREIGN_HUE).mean())


def _openness(grey: NDArray[Any]) -> float:
    """How dark the darkest disc of an iris' size is where the irises lie.

    The mean of two measures of it: beside the skin around the eye (both eyes' mean), and beside
    the darkest of brows, nostrils and mouth (the more open eye's), for haze lightens them all. A
    lash line is dark, but too thin to darken a disc.
    """
    smooth = cv2.filter2D(grey, -1, _disc(_IRIS_SIZE * len(grey)))
    darkest = float(np.percentile(_part(smooth, _FACE), 3))
    plain, relative = [], []
    for iris, around in zip(_IRISES, _AROUND, strict=True):
        skin = float(np.percentile(_part(grey, around), 70))
        depth = skin - float(_part(smooth, iris).min())
        plain.append(depth / max(20.0, skin))
        relative.append(depth / max(12.0, skin - darkest))
    return (float(np.mean(plain)) + max(relative)) / 2


def _disc(radius_px: float) -> NDArray[np.float32]:
    """A kernel that takes the mean over a disc."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = (np.hypot(x, y) <= radius_px).astype(np.float32)
    return np.asarray(inside / inside.sum(), np.float32)
