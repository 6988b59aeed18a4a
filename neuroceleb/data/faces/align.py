"""Align a face by its landmarks: a square crop with eyes and mouth always at the same place.

The least-squares similarity (rotation, one scale, shift) from landmarks to a template: Umeyama,
Least-squares estimation of transformation parameters between two point patterns, IEEE TPAMI
13(4), 1991. It uses eyes and mouth corners; the nose is not in their plane, so it moves with every
turn of the head.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import Point
from neuroceleb.images import Pixels
from neuroceleb.settings import IMAGE_SIZE

SIZES = (IMAGE_SIZE, 96, 128)
# What a crop is: eyes and mouth always at the same place, the detector's box, or the photo itself.
ALIGNED_BY = ("landmarks", "box", "none")

# Eyes and mouth in a crop of side 1: right eye, left eye, right and left corner of the mouth. The
# mean of what YuNet finds in 599 of 600 crops of CelebA's aligned images (the middle 128 px of
# 178 x 218), made symmetric; so own crops match crops of CelebA.
TEMPLATE = np.array([[0.351, 0.507], [0.649, 0.507], [0.378, 0.827], [0.622, 0.827]])
EYES_AND_MOUTH = (0, 1, 3, 4)

OUTSIDE_GRID = 24  # sample points per side for the share of a crop outside its photo
MAX_SUPERSAMPLING = 64  # per axis: enough for a face of 4,000 px

Matrix = NDArray[np.float64]  # (2, 3): maps a photo's (x, y, 1) into the crop of side 1


def fit_similarity(points: NDArray[np.float64], template: NDArray[np.float64]) -> Matrix:
    """The (2, 3) similarity that maps (N, 2) points closest to (N, 2) template, not mirrored.

    Umeyama 1991, equations 40 to 43. Raises ValueError where all points are the same.
    """
    centre, target = points.mean(axis=0), template.mean(axis=0)
    centred, centred_target = points - centre, template - target
    spread = float((centred**2).sum())
    if not np.isfinite(spread) or spread < 1e-9:
        raise ValueError("the landmarks lie on one spot")
    left, strengths, right = np.linalg.svd(centred_target.T @ centred)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    rotation = (left * signs) @ right
    scale = float((strengths * signs).sum()) / spread
    linear = scale * rotation
    return np.column_stack([linear, target - linear @ centre])


def landmark_transform(landmarks: Sequence[Point]) -> Matrix:
    """The similarity that maps a face's five landmarks to the template of side 1.

    Raises ValueError where all landmarks are the same point.
    """
    points = np.asarray(landmarks, np.float64)
    return fit_similarity(points[list(EYES_AND_MOUTH)], TEMPLATE)


def box_transform(box: tuple[float, float, float, float]) -> Matrix:
    """The upright square around a box: a crop without alignment, for comparison."""
    left, top, width, height = box
    side = max(width, height, 1e-6)
    corner = np.array([left + (width - side) / 2, top + (height - side) / 2])
    return np.column_stack([np.eye(2) / side, -corner / side])


def middle_transform(width: int, height: int) -> Matrix:
    """The largest square in the middle of a photo: for photos that are cut already."""
    side = max(1, min(width, height))
    corner = np.array([(width - side) / 2, (height - side) / 2])
    return np.column_stack([np.eye(2) / side, -corner / side])


def placing(
    landmarks: Sequence[Point],
    box: tuple[float, float, float, float],
    photo_px: tuple[int, int],
    aligned_by: str,
) -> Matrix:
    """The transform of a photo into the crop of one of its faces; `aligned_by` is in ALIGNED_BY.

    Raises ValueError where all landmarks are the same point.
    """
    if aligned_by == "box":
        return box_transform(box)
    if aligned_by == "none":
        return middle_transform(*photo_px)
    return landmark_transform(landmarks)


def side_px(matrix: Matrix) -> float:
    """The side of the crop's square in the photo, in the photo's pixels."""
    return float(1.0 / np.hypot(matrix[0, 0], matrix[1, 0]))


def outside_share(matrix: Matrix, width: int, height: int) -> float:
    """The share of the crop's square that is outside a photo of that size, 0..1."""
    steps = (np.arange(OUTSIDE_GRID) + 0.5) / OUTSIDE_GRID
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    inverse = cv2.invertAffineTransform(matrix)
    x, y = (grid @ inverse[:, :2].T + inverse[:, 2]).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return float(1.0 - inside.mean())


def transform_points(points: Sequence[Point], matrix: Matrix) -> NDArray[np.float64]:
    """(N, 2): the points of the photo in the crop of side 1."""
    array: NDArray[np.float64] = np.asarray(points, np.float64)
    return array @ matrix[:, :2].T + matrix[:, 2]


def crop(photo: Pixels, matrix: Matrix, size_px: int) -> Pixels:
    """Crop the square from a (H, W, 3) uint8 photo: (size_px, size_px, 3) uint8.

    Resampled once, from the photo's own pixels. Where it is reduced by f, each pixel is the mean
    of ceil(f) x ceil(f) bilinear samples over its area, so there is no aliasing; where it is
    enlarged, bicubic. Outside the photo its reflection is used.
    """
    reduction = side_px(matrix) / size_px
    samples = int(np.clip(np.ceil(reduction), 1, MAX_SUPERSAMPLING))
    fine_px = size_px * samples
    part, corner = _needed_part(photo, matrix)
    fine = cv2.warpAffine(
        part,
        _pixel_matrix(matrix, fine_px, corner),
        (fine_px, fine_px),
        flags=cv2.INTER_LINEAR if samples > 1 else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if samples > 1:
        fine = cv2.resize(fine, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.uint8)


def _pixel_matrix(matrix: Matrix, size_px: int, corner: tuple[int, int]) -> Matrix:
    """The matrix for pixel indices: the centre of pixel 0 is at 0.5, in photo and crop alike."""
    linear = matrix[:, :2] * size_px
    shift = linear @ (np.array(corner) + 0.5) + matrix[:, 2] * size_px - 0.5
    return np.column_stack([linear, shift])


def _needed_part(photo: Pixels, matrix: Matrix) -> tuple[Pixels, tuple[int, int]]:
    """The part of the photo that the square needs, and its (left, top) corner.

    OpenCV's warp has 16-bit pixel coordinates, so a long panorama must be cropped first. A square
    that is partly outside keeps one side's length around it, for the reflection.
    """
    height, width = photo.shape[:2]
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ inverse.T
    side = side_px(matrix)
    low = np.floor(corners.min(axis=0) - side).astype(int)
    high = np.ceil(corners.max(axis=0) + side).astype(int)
    left, top = max(0, min(int(low[0]), width - 1)), max(0, min(int(low[1]), height - 1))
    right, bottom = min(width, max(int(high[0]), left + 1)), min(height, max(int(high[1]), top + 1))
    return photo[top:bottom, left:right], (left, top)
