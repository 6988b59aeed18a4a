"""Five landmarks -> a square crop in which eyes and mouth lie where they lie in every other.

The similarity (rotation, one scale, shift) of least squares between landmarks and template:
Umeyama, Least-squares estimation of transformation parameters between two point patterns, IEEE
TPAMI 13(4), 1991. Eyes and mouth corners are laid on the template; the nose is left out, for it
stands out of their plane and moves with every turn of the head.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import Point
from neuroceleb.images import Pixels

SIZES = (64, 96, 128)

# Eyes and mouth in a crop of side 1: right eye, left eye, right and left corner of the mouth. The
# mean of what YuNet finds in 599 of 600 crops of CelebA's aligned images (the middle 128 px of
# 178 x 218), made symmetric; so that own crops look like theirs.
TEMPLATE = np.array([[0.351, 0.507], [0.649, 0.507], [0.378, 0.827], [0.622, 0.827]])
EYES_AND_MOUTH = (0, 1, 3, 4)

OUTSIDE_GRID = 24  # points a side, to tell how much of a crop lies outside its photo
LARGEST_STEP = 64  # of supersampling: enough for a face of 4,000 px

Matrix = NDArray[np.float64]  # (2, 3): maps a photo's (x, y, 1) into the crop of side 1


def similarity(points: NDArray[np.float64], template: NDArray[np.float64]) -> Matrix:
    """The (2, 3) similarity that takes (N, 2) points nearest to (N, 2) template, without mirroring.

    Umeyama 1991, equations 40 to 43. Raises ValueError where the points all lie on one spot.
    """
    centre, target = points.mean(axis=0), template.mean(axis=0)
    apart, wanted = points - centre, template - target
    spread = float((apart**2).sum())
    if not np.isfinite(spread) or spread < 1e-9:
        raise ValueError("the landmarks lie on one spot")
    left, strengths, right = np.linalg.svd(wanted.T @ apart)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    rotation = (left * signs) @ right
    scale = float((strengths * signs).sum()) / spread
    linear = scale * rotation
    return np.column_stack([linear, target - linear @ centre])


def placing(landmarks: Sequence[Point]) -> Matrix:
    """The similarity that lays a face's five landmarks on the template of side 1.

    Raises ValueError where they all lie on one spot.
    """
    points = np.asarray(landmarks, np.float64)
    return similarity(points[list(EYES_AND_MOUTH)], TEMPLATE)


def boxing(box: tuple[float, float, float, float]) -> Matrix:
    """The square around a box, upright: what cropping without alignment gives (to compare with)."""
    left, top, width, height = box
    side = max(width, height, 1e-6)
    corner = np.array([left + (width - side) / 2, top + (height - side) / 2])
    return np.column_stack([np.eye(2) / side, -corner / side])


def side_px(matrix: Matrix) -> float:
    """The side of the crop's square in the photo, in the photo's pixels."""
    return float(1.0 / np.hypot(matrix[0, 0], matrix[1, 0]))


def outside(matrix: Matrix, width: int, height: int) -> float:
    """How much of the crop's square lies outside its photo, 0..1."""
    steps = (np.arange(OUTSIDE_GRID) + 0.5) / OUTSIDE_GRID
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    inverse = cv2.invertAffineTransform(matrix)
    x, y = (grid @ inverse[:, :2].T + inverse[:, 2]).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return float(1.0 - inside.mean())


def moved(landmarks: Sequence[Point], matrix: Matrix) -> NDArray[np.float64]:
    """(5, 2): where the landmarks come to lie in the crop of side 1."""
    points: NDArray[np.float64] = np.asarray(landmarks, np.float64)
    return points @ matrix[:, :2].T + matrix[:, 2]


def crop(photo: Pixels, matrix: Matrix, size_px: int) -> Pixels:
    """Cut the square out of a (H, W, 3) uint8 photo: (size_px, size_px, 3) uint8.

    One resampling from the photo's own pixels: where it shrinks by f, every pixel of the crop is
    the mean of ceil(f) x ceil(f) bilinear samples spread over its area, so that nothing aliases;
    where it enlarges, bicubic. What lies outside the photo is its reflection.
    """
    shrinks_by = side_px(matrix) / size_px
    step = int(np.clip(np.ceil(shrinks_by), 1, LARGEST_STEP))
    fine_px = size_px * step
    way = cv2.INTER_LINEAR if step > 1 else cv2.INTER_CUBIC
    part, corner = _part(photo, matrix)
    fine = cv2.warpAffine(
        part,
        _on_pixels(matrix, fine_px, corner),
        (fine_px, fine_px),
        flags=way,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if step > 1:
        fine = cv2.resize(fine, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.uint8)


def _on_pixels(matrix: Matrix, size_px: int, corner: tuple[int, int]) -> Matrix:
    """The same for pixel numbers: the middle of pixel 0 lies at 0.5, in photo and crop alike."""
    linear = matrix[:, :2] * size_px
    shift = linear @ (np.array(corner) + 0.5) + matrix[:, 2] * size_px - 0.5
    return np.column_stack([linear, shift])


def _part(photo: Pixels, matrix: Matrix) -> tuple[Pixels, tuple[int, int]]:
    """The part of the photo that the square needs, and where its corner lies.

    OpenCV counts pixels in 16 bits while it warps, so a long panorama must be cut first; a square
    that leaves the photo keeps all of the photo near it, for the reflection.
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
