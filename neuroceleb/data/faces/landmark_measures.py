"""Measures of dense landmarks: head angles, eye openness, symmetry, residuals, mouth and shape.

Pure functions of arrays in the layout of `landmarks.Landmarks`; N is the number of faces. Lengths
are ratios or in units of the mean face, whose eyes' middles are 1 apart; angles are in degrees.
Results are finite for finite input: a length of 0 in a denominator counts as `TINY`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import landmarks
from neuroceleb.data.faces.landmarks import EYE_CORNERS, Floats

Doubles = NDArray[np.float64]
Points = Floats | Doubles

TINY = 1e-6

# Pairs of opposite lid points in the middle of the eye's width: lower, upper (iris network).
LIDS = ((3, 11), (4, 12), (5, 13))
OUTER, INNER = 0, 8

# The 16 points of each eye's contour in the mesh, in the order of the iris network's first 16.
EYE_CONTOURS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
BROWS = (
    (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
)
NOSE = (1, 2, 4, 5, 6, 19, 48, 64, 94, 98, 168, 195, 197, 278, 294, 326, 327, 97, 129, 358)
MOUTH = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
REGIONS: dict[str, tuple[int, ...]] = {
    "right_eye": EYE_CONTOURS[0],
    "left_eye": EYE_CONTOURS[1],
    "brows": BROWS[0] + BROWS[1],
    "nose": NOSE,
    "mouth": MOUTH,
    "oval": OVAL,
}
MOUTH_CORNERS = (61, 291)
INNER_MOUTH_CORNERS = (78, 308)
INNER_LIPS = ((81, 178), (13, 14), (311, 402))  # upper, lower
UPPER_LIP, LOWER_LIP = (0, 13), (14, 17)  # upper and lower edge
NOSE_TIP, NOSE_ROOT, NOSE_BASE, NOSE_WINGS = 1, 168, 2, (129, 358)
CHIN, FOREHEAD, CHEEKS = 152, 10, (234, 454)


@dataclass(frozen=True)
class Fit:
    """N meshes laid on the mean face by similarity.

    `points` (N, 468, 3) are the meshes without position, size and rotation, in the mean face's
    unit; `rotation` (N, 3, 3) turns the mean face as each head is turned.
    """

    points: Doubles
    rotation: Doubles


@cache
def mean_face() -> Doubles:
    """(468, 3): the mean mesh, symmetric, upright and frontal; the origin is between the eyes.

    x to the (viewer's) right, y down, z away from the camera; the eyes' middles are 1 apart.
    Raises UserError where the file is damaged.
    """
    path = landmarks.checked(landmarks.MEAN_FACE_FILE)
    mean: Doubles = np.load(path, allow_pickle=False).astype(np.float64)
    mean.setflags(write=False)
    return mean


@cache
def mirror_order() -> NDArray[np.intp]:
    """(468,): for each point of the mesh, the number of its counterpart on the other side."""
    flipped = mean_face() * np.array([-1.0, 1.0, 1.0])
    distances = ((flipped[:, None] - mean_face()[None]) ** 2).sum(axis=2)
    return np.asarray(distances.argmin(axis=1), np.intp)


def unmirrored(meshes: Points, width_px: int) -> Doubles:
    """Meshes (N, 468, 3) found in mirrored images of this width, in the original images' pixels."""
    back: Doubles = np.asarray(meshes, np.float64)[:, mirror_order()]
    return np.asarray(back * np.array([-1.0, 1.0, 1.0]) + np.array([width_px, 0.0, 0.0]))


def fit(meshes: Points, onto: Doubles | None = None) -> Fit:
    """Fit (N, 468, 3) meshes to the mean face: least squares over rotation, scale and shift.

    `onto` (468, 3) takes the place of the mean face.

    Umeyama, IEEE TPAMI 13(4), 1991, in three dimensions.
    """
    mean = mean_face() if onto is None else onto
    centre = mean.mean(axis=0)
    points = np.asarray(meshes, np.float64)
    centred = points - points.mean(axis=1, keepdims=True)
    left, strengths, right = np.linalg.svd(np.einsum("nki,kj->nij", centred, mean - centre))
    signs = np.ones_like(strengths)
    signs[:, 2] = np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)
    rotation = (left * signs[:, None, :]) @ right
    spread = np.maximum((centred**2).sum(axis=(1, 2)), TINY)
    scale = (strengths * signs).sum(axis=1) / spread
    return Fit(scale[:, None, None] * (centred @ rotation) + centre, rotation)


def head_angles(fitted: Fit) -> Doubles:
    """(N, 3): roll, yaw and pitch in degrees.

    Positive: rolled clockwise, turned to the viewer's right, nodding down, as in `pose.angles`.
    Pitch is relative to the mean face, whose own pitch is that of the average portrait: compare
    it with the median of the set.
    """
    across, forward = fitted.rotation[:, :, 0], -fitted.rotation[:, :, 2]
    roll = np.arctan2(across[:, 1], across[:, 0])
    yaw = np.arctan2(forward[:, 0], -forward[:, 2])
    pitch = np.arctan2(forward[:, 1], np.hypot(forward[:, 0], forward[:, 2]))
    return np.asarray(np.degrees(np.stack([roll, yaw, pitch], axis=1)))


def eye_widths(eyes: Points) -> Doubles:
    """(N, 2): distance between the corners of each eye in the image, in its pixels."""
    return length(eyes[:, :, INNER, :2] - eyes[:, :, OUTER, :2])


def eye_openness(eyes: Points) -> Doubles:
    """(N, 2): lid gap over eye width, from (N, 2, 71, 3) contours; right eye first.

    The gap is the mean over three pairs of opposite lid points in the middle of the eye, in the
    image's plane. About 0.1 and less is closed, 0.25 to 0.4 open.
    """
    gaps = np.stack([length(eyes[:, :, up, :2] - eyes[:, :, low, :2]) for low, up in LIDS])
    return np.asarray(gaps.mean(axis=0) / np.maximum(eye_widths(eyes), TINY))


def openness(eyes: Points) -> Doubles:
    """(N,): the openness of both eyes, weighted by the square of the eye's width in the image.

    A turned head shows its nearer eye wider; the farther one is foreshortened and less certain.
    """
    weights = np.maximum(eye_widths(eyes), TINY) ** 2
    return np.asarray((eye_openness(eyes) * weights).sum(axis=1) / weights.sum(axis=1))


def mesh_openness(mesh: Points) -> float:
    """The openness of the eyes of one (468, 3) mesh: less certain than the iris network's."""
    return float(openness(mesh_contours(mesh[None]))[0])


def iris_shapes(eyes: Points, irises: Points) -> dict[str, Doubles]:
    """Each iris in its eye, (N, 2), right eye first.

    `radius`: mean radius over eye width. `along`, `above`: the centre's place between the corners
    (0 outer, 1 inner) and above the line through them, over eye width. `roundness`: vertical over
    horizontal diameter.
    """
    corner = np.asarray(eyes[:, :, OUTER, :2], np.float64)
    across = eyes[:, :, INNER, :2] - corner
    width = np.maximum(length(across), TINY)
    along = across / width[..., None]
    upward = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    upward[:, 1] *= -1  # the left eye runs from its outer corner to the viewer's left
    centre = irises[:, :, 0, :2] - corner
    beside = length(irises[:, :, 1, :2] - irises[:, :, 3, :2])
    tall = length(irises[:, :, 2, :2] - irises[:, :, 4, :2])
    return {
        "radius": (beside + tall) / 4 / width,
        "along": (centre * along).sum(axis=-1) / width,
        "above": (centre * upward).sum(axis=-1) / width,
        "roundness": tall / np.maximum(beside, TINY),
    }


def mesh_contours(meshes: Points) -> Doubles:
    """(N, 2, 16, 3): the eye contours of (N, 468, 3) meshes, in the iris network's order."""
    return np.asarray(meshes[:, EYE_CONTOURS], np.float64)


def contour_disagreement(meshes: Points, eyes: Points) -> Doubles:
    """(N, 2): distance (root mean square) of the two networks' eye contours, over eye width."""
    away = rms(length(mesh_contours(meshes)[..., :2] - eyes[:, :, :16, :2]), axis=2)
    return away / np.maximum(eye_widths(eyes), TINY)


def residuals(fitted: Fit) -> dict[str, Doubles]:
    """Distance of fitted meshes from the mean face, (N,), root mean square by region and `all`."""
    return by_region(length(fitted.points - mean_face()))


def asymmetries(fitted: Fit) -> dict[str, Doubles]:
    """Distance of fitted meshes from their own mirror images, (N,), by region and `all`."""
    mirrored = fitted.points[:, mirror_order()] * np.array([-1.0, 1.0, 1.0])
    return by_region(length(fitted.points - mirrored))


def disagreements(fitted: Fit, other: Fit) -> dict[str, Doubles]:
    """Distance of fitted meshes from others of the same faces, (N,), by region and `all`."""
    return by_region(length(fitted.points - other.points))


def mouth_shapes(fitted: Fit) -> dict[str, Doubles]:
    """The mouth of fitted meshes, (N,).

    `openness`: gap between the lips over the width between the inner corners. `width`, `upper_lip`
    and `lower_lip` (heights), `middle` (of the corners, off the face's middle), `drop` (corners
    below the lips' middle) and `tilt` (left corner below the right one): in the mean face's unit.
    """
    points = fitted.points
    gaps = np.stack([length(points[:, up] - points[:, low]) for up, low in INNER_LIPS])
    right, left = points[:, MOUTH_CORNERS[0]], points[:, MOUTH_CORNERS[1]]
    inner = length(points[:, INNER_MOUTH_CORNERS[0]] - points[:, INNER_MOUTH_CORNERS[1]])
    centre = (points[:, UPPER_LIP[1]] + points[:, LOWER_LIP[0]]) / 2
    return {
        "openness": np.asarray(gaps.mean(axis=0) / np.maximum(inner, TINY)),
        "width": length(left - right),
        "upper_lip": length(points[:, UPPER_LIP[0]] - points[:, UPPER_LIP[1]]),
        "lower_lip": length(points[:, LOWER_LIP[0]] - points[:, LOWER_LIP[1]]),
        "middle": (right + left)[:, 0] / 2,
        "drop": (right + left)[:, 1] / 2 - centre[:, 1],
        "tilt": left[:, 1] - right[:, 1],
    }


def face_shapes(fitted: Fit) -> dict[str, Doubles]:
    """Proportions of fitted meshes, (N,), in the mean face's unit, x off the face's middle."""
    points = fitted.points
    middles = [points[:, list(corners)].mean(axis=1) for corners in EYE_CORNERS]
    brows = [points[:, list(brow), 1].mean(axis=1) for brow in BROWS]
    heights = [middle[:, 1] - brow for middle, brow in zip(middles, brows, strict=True)]
    wings = points[:, NOSE_WINGS[0]], points[:, NOSE_WINGS[1]]
    return {
        "eyes_apart": length(middles[1] - middles[0]),
        "eye_tilt": middles[1][:, 1] - middles[0][:, 1],
        "brow_height": (heights[0] + heights[1]) / 2,
        "brow_difference": heights[1] - heights[0],
        "nose_length": length(points[:, NOSE_TIP] - points[:, NOSE_ROOT]),
        "nose_width": length(wings[1] - wings[0]),
        "nose_tip_x": points[:, NOSE_TIP, 0],
        "nose_tilt": wings[1][:, 1] - wings[0][:, 1],
        "face_width": length(points[:, CHEEKS[1]] - points[:, CHEEKS[0]]),
        "face_height": length(points[:, CHIN] - points[:, FOREHEAD]),
        "chin_x": points[:, CHIN, 0],
        "chin_below_mouth": points[:, CHIN, 1] - points[:, LOWER_LIP[1], 1],
    }


def length(vectors: Points) -> Doubles:
    """Euclidean length over the last axis."""
    return np.asarray(np.linalg.norm(np.asarray(vectors, np.float64), axis=-1))


def rms(values: Doubles, axis: int) -> Doubles:
    """Root mean square over an axis."""
    return np.asarray(np.sqrt((values**2).mean(axis=axis)))


def by_region(distances: Doubles) -> dict[str, Doubles]:
    """Root mean square of (N, 468) distances by region, and of all points."""
    regions = {name: rms(distances[:, list(points)], 1) for name, points in REGIONS.items()}
    return {"all": rms(distances, 1), **regions}
