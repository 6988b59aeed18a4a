"""Dense landmarks: 468 points of a face, 71 of each eye and 5 of each iris.

Two networks of MediaPipe, run by OpenCV: the face mesh (Kartynnik et al., Real-time Facial Surface
Geometry from Monocular Video on Mobile GPUs, 2019) and the iris network (Ablavatski et al.,
Real-time Pupil Tracking from Monocular Video for Digital Puppetry, 2020). The order of the mesh's
points is MediaPipe's. Both networks take RGB in 0..1. Neither handles batches here: the iris
network's results are wrong for more than one image.

Coordinates are pixels of the input image, x to the right, y down, the centre of the first pixel at
(0.5, 0.5); z is depth in the same unit, smaller towards the camera. "Right" and "left" are the
person's own sides.
"""

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import align
from neuroceleb.data.faces.detector import Point
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

Floats = NDArray[np.float32]

_READING = threading.Lock()
"""OpenCV fills its table of TFLite operators at the first reading, without a lock: another thread
that reads meanwhile finds half a table and reports an unsupported operator."""

MODELS = Path(__file__).parent / "landmark_models"
MESH_FILE = "face_landmark.tflite"
IRIS_FILE = "iris_landmark.tflite"
MEAN_FACE_FILE = "mean_face.npy"
COVERED_EYES_FILE = "covered_eyes.npz"
SHA256 = {
    MESH_FILE: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    IRIS_FILE: "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    MEAN_FACE_FILE: "62d9a319663ca6d8690c217d862b0b768e5893387fa03e631718675dcb215be6",
    COVERED_EYES_FILE: "3104a96f9fb11c53a0af68ac66f286eb9141c2d52f8b159366062390d959d941",
}

MESH_POINTS, EYE_POINTS, IRIS_POINTS = 468, 71, 5
MESH_INPUT_PX, EYE_INPUT_PX = 192, 64
MESH_OUTPUTS = ("conv2d_31", "conv2d_21")  # face score (a logit), points
IRIS_OUTPUTS = ("output_eyes_contours_and_brows", "output_iris")

# The mesh's input window in an aligned crop of side 1. MediaPipe takes 1.5 times the longer side of
# the mesh, around its middle; this is the median of that over 120 photos and 100 faces of CelebA.
MESH_WINDOW_CENTRE = (0.5, 0.645)
MESH_WINDOW_SIDE = 1.25

# Outer and inner corner of the right and the left eye in the mesh, and MediaPipe's window around
# them: 2.3 times the eye's width.
EYE_CORNERS = ((33, 133), (263, 362))
EYE_WINDOW_SIDE = 2.3


@dataclass(frozen=True)
class Landmarks:
    """The dense landmarks of N faces, float32, in pixels of their images.

    `scores` (N,) are the mesh network's logits for "there is a face"; `meshes` (N, 468, 3);
    `eyes` (N, 2, 71, 3) and `irises` (N, 2, 5, 3), the right eye first. Of an eye's 71 points
    point 0 is the outer corner, 8 the inner one, 1 to 7 are on the lower lid and 9 to 15 on the
    upper one, outer end first; the others are around the eye and on the brow. Of an iris, point 0
    is the centre; 1 and 3 are beside it, 2 and 4 above and below.
    """

    scores: Floats
    meshes: Floats
    eyes: Floats
    irises: Floats

    def __len__(self) -> int:
        return len(self.meshes)


class Mesh:
    """The face mesh network. Not safe to share between threads: one for each.

    Raises UserError where the weights are missing or damaged.
    """

    def __init__(self) -> None:
        self._network = _network(MESH_FILE)

    def find(self, photo: Pixels, placing: align.Matrix) -> tuple[float, Floats]:
        """The score (a logit) and the (468, 3) points of one face in a (H, W, 3) uint8 RGB photo.

        `placing` is the (2, 3) similarity that takes the photo's pixels into the aligned crop of
        side 1 (`align.placing`).
        """
        score, points, _ = self.find_with_layers(photo, placing, ())
        return score, points

    def find_with_layers(
        self, photo: Pixels, placing: align.Matrix, layers: Sequence[str]
    ) -> tuple[float, Floats, list[Floats]]:
        """As `find`, and the activations of the named layers, each flat, of the same pass."""
        window = _inner_window(placing, MESH_WINDOW_CENTRE, MESH_WINDOW_SIDE)
        image = cut(photo, window, MESH_INPUT_PX)
        score, points, *inner = _forward(self._network, image, (*MESH_OUTPUTS, *layers))
        return float(score[0]), _to_photo(points, window, MESH_INPUT_PX), inner

    def find_aligned(self, face: Pixels) -> tuple[float, Floats]:
        """The same for one aligned crop, (S, S, 3) uint8 RGB."""
        return self.find(face, whole(face))


class Iris:
    """The iris network. Not safe to share between threads: one for each.

    Raises UserError where the weights are missing or damaged.
    """

    def __init__(self) -> None:
        self._network = _network(IRIS_FILE)

    def find(self, photo: Pixels, mesh: Floats) -> tuple[Floats, Floats]:
        """Contours (2, 71, 3) and irises (2, 5, 3) of the eyes of a (468, 3) mesh in a photo.

        The network knows right eyes; the left one is mirrored for it.
        """
        contours, irises, _ = self.find_with_layers(photo, mesh, ())
        return contours, irises

    def find_with_layers(
        self, photo: Pixels, mesh: Floats, layers: Sequence[str]
    ) -> tuple[Floats, Floats, list[Floats]]:
        """As `find`, and the activations of the named layers of the same passes.

        Those of a layer are (2, n), the right eye's first.
        """
        right, left = (
            self._eye(photo, mesh[outer, :2], mesh[inner, :2], layers)
            for outer, inner in EYE_CORNERS
        )
        contours, irises, *inner_layers = (np.stack(pair) for pair in zip(right, left, strict=True))
        return contours, irises, inner_layers

    def _eye(
        self, photo: Pixels, outer: Floats, inner: Floats, layers: Sequence[str]
    ) -> list[Floats]:
        window = eye_window(outer, inner)
        image = cut(photo, window, EYE_INPUT_PX)
        contour, iris, *activations = _forward(self._network, image, (*IRIS_OUTPUTS, *layers))
        points = [_to_photo(flat, window, EYE_INPUT_PX) for flat in (contour, iris)]
        return [*points, *activations]


class LandmarkDetector:
    """Mesh and iris networks together. Not safe to share between threads: one for each.

    Raises UserError where weights are missing or damaged.
    """

    def __init__(self) -> None:
        self.mesh = Mesh()
        self.iris = Iris()

    def find(self, photo: Pixels, landmarks: Sequence[Point]) -> Landmarks:
        """The dense landmarks of one face (N = 1) from the five that a face detector found.

        `photo` is (H, W, 3) uint8 RGB. Raises ValueError where the five points are the same.
        """
        return self._find(photo, align.landmark_transform(landmarks))

    def find_aligned(self, faces: Pixels) -> Landmarks:
        """The dense landmarks of N aligned crops, (N, S, S, 3) uint8 RGB, in the crops' pixels."""
        found = [self._find(face, whole(face)) for face in faces]
        return concatenate(found)

    def _find(self, photo: Pixels, placing: align.Matrix) -> Landmarks:
        score, mesh = self.mesh.find(photo, placing)
        eyes, irises = self.iris.find(photo, mesh)
        return Landmarks(np.array([score], np.float32), mesh[None], eyes[None], irises[None])


def verify() -> None:
    """Check all model files. Raises UserError where one is missing or damaged."""
    for name in SHA256:
        checked(name)


def concatenate(parts: Sequence[Landmarks]) -> Landmarks:
    """The landmarks of all parts in one object; of no parts, those of no faces."""
    return Landmarks(
        np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]),
        np.concatenate([np.zeros((0, MESH_POINTS, 3), np.float32), *(p.meshes for p in parts)]),
        np.concatenate([np.zeros((0, 2, EYE_POINTS, 3), np.float32), *(p.eyes for p in parts)]),
        np.concatenate([np.zeros((0, 2, IRIS_POINTS, 3), np.float32), *(p.irises for p in parts)]),
    )


def eye_window(outer: Floats, inner: Floats) -> align.Matrix:
    """The (2, 3) matrix from photo pixels into an eye's window of side 1.

    The window's x runs from the outer to the inner corner and its y down the face, so the left
    eye is mirrored.
    """
    across = np.asarray(inner - outer, np.float64)
    width = max(float(np.hypot(*across)), 1e-3)
    across = across / width if width > 1e-3 else np.array([1.0, 0.0])
    down = np.array([-across[1], across[0]])
    if across[0] < 0:  # the left eye
        down = -down
    linear = np.stack([across, down]) / (EYE_WINDOW_SIDE * width)
    centre = np.asarray(outer + inner, np.float64) / 2
    return np.column_stack([linear, 0.5 - linear @ centre])


def cut(photo: Pixels, window: align.Matrix, size_px: int) -> Pixels:
    """Cut a window out of a (H, W, 3) uint8 photo: (size_px, size_px, 3) uint8.

    `window` takes the photo's pixels into the window of side 1. The photo is reduced by area
    averages first where the window shrinks by 2 or more; it is enlarged by bicubic interpolation.
    Outside the photo it has the photo's mean colour.
    """
    colour = cv2.mean(np.ascontiguousarray(photo[:: _stride(photo), :: _stride(photo)]))[:3]
    part, left, top = _part(photo, window)
    if not part.size:
        return np.full((size_px, size_px, 3), np.rint(colour), np.uint8)
    shrinks_by = math.sqrt(1.0 / max(abs(float(np.linalg.det(window[:, :2]))), 1e-18)) / size_px
    across = down = 1.0
    if shrinks_by >= 2.0:
        height, width = part.shape[:2]
        size = (max(1, int(width // shrinks_by)), max(1, int(height // shrinks_by)))
        across, down = width / size[0], height / size[1]
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    linear = window[:, :2] * size_px
    shift = linear @ np.array([left, top]) + window[:, 2] * size_px
    linear = linear * np.array([across, down])
    matrix = np.column_stack([linear, linear @ np.array([0.5, 0.5]) + shift - 0.5])
    way = cv2.INTER_CUBIC if shrinks_by < 1.0 else cv2.INTER_LINEAR
    image = cv2.warpAffine(
        part,
        matrix,
        (size_px, size_px),
        flags=way,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=colour,
    )
    return np.asarray(image, np.uint8)


def _stride(photo: Pixels) -> int:
    """Every which pixel is enough for a mean colour."""
    height, width = photo.shape[:2]
    return max(1, min(int(height), int(width)) // 128)


def _part(photo: Pixels, window: align.Matrix) -> tuple[Pixels, int, int]:
    """The part of the photo around the window, its left and its top.

    OpenCV counts pixels in 16 bits while it warps; and a part is faster to reduce than a photo.
    """
    inverse = cv2.invertAffineTransform(window)
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ inverse.T
    margin = 4 + 0.05 * (corners.max(axis=0) - corners.min(axis=0))
    low = np.floor(corners.min(axis=0) - margin)
    high = np.ceil(corners.max(axis=0) + margin)
    height, width = photo.shape[:2]
    left, top = (int(value) for value in np.clip(low, 0, (width, height)))
    right, bottom = (int(value) for value in np.clip(high, 0, (width, height)))
    return photo[top:bottom, left:right], left, top


def _inner_window(placing: align.Matrix, centre: tuple[float, float], side: float) -> align.Matrix:
    """A window of this centre and side in the crop of side 1, as a matrix from photo pixels."""
    window = placing.copy()
    window[:, 2] -= np.array(centre) - side / 2
    return window / side


def whole(face: Pixels) -> align.Matrix:
    """The (2, 3) matrix from an aligned crop's pixels into the crop of side 1."""
    return np.array([[1 / face.shape[1], 0.0, 0.0], [0.0, 1 / face.shape[0], 0.0]])


def _forward(network: cv2.dnn.Net, image: Pixels, outputs: Sequence[str]) -> list[Floats]:
    """The named outputs, each flat, for one square RGB image."""
    network.setInput(cv2.dnn.blobFromImage(image, 1 / 255))
    return [np.asarray(values, np.float32).ravel() for values in network.forward(outputs)]


def _to_photo(points: Floats, window: align.Matrix, size_px: int) -> Floats:
    """Flat x, y, z in pixels of a window's image -> (n, 3) in pixels of the photo."""
    inner = points.reshape(-1, 3).astype(np.float64) / size_px
    inverse = np.linalg.inv(window[:, :2])
    placed = (inner[:, :2] - window[:, 2]) @ inverse.T
    depth = inner[:, 2] * math.sqrt(abs(float(np.linalg.det(inverse))))
    return np.column_stack([placed, depth]).astype(np.float32)


def _network(name: str) -> cv2.dnn.Net:
    path = checked(name)
    read: Callable[..., cv2.dnn.Net] = cv2.dnn.readNetFromTFLite
    classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    with _READING:
        if classic is None:
            return read(np.fromfile(path, np.uint8))
        # OpenCV 5's new engine refuses two named outputs, and 5.0 ignores the engine for a buffer.
        return read(str(path), classic)


def checked(name: str) -> Path:
    """The path of a model file of the right hash. Raises UserError."""
    path = MODELS / name
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(
            "The landmark model {path} cannot be read ({reason}): install neuroceleb again.",
            path=path,
            reason=error.strerror,
        ) from error
    if digest != SHA256[name]:
        raise UserError(
            "The landmark model {path} is damaged: install neuroceleb again.", path=path
        )
    return path
