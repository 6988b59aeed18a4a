"""Face embeddings by dlib's face recognition network, in NumPy: 128 numbers that describe a person.

A ResNet of 29 convolutions, trained on 3 million photos of 7,485 people so that two photos of one
person lie within 0.6 of each other (King, *High Quality Face Recognition with Deep Metric
Learning*, dlib, 2017; dlib_face_recognition_resnet_model_v1, CC0). The weights are those of the
npm package @vladmandic/face-api 1.7.15 (MIT), most of them quantised to 8 bits.

`metrics.identity` runs the same weights in PyTorch, to measure generated faces.
"""

import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

NAME = "dlib face recognition ResNet v1, 8-bit weights of @vladmandic/face-api 1.7.15"
LENGTH = 128
FOLDER = Path(__file__).parent / "identity_weights"
WEIGHTS_FILE = "face_recognition_model.bin"
MANIFEST_FILE = "face_recognition_model-weights_manifest.json"
CROWDING_FILE = "crowding.npy"
SHA256 = {
    WEIGHTS_FILE: "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    MANIFEST_FILE: "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
    CROWDING_FILE: "23f375e6a0590a79d954acc54033f5f55fbfaeca97684df77e7b609fae40a46c",
}

INPUT_PX = 150
MEAN_RGB = (122.782, 117.001, 104.298)
INPUT_SCALE = 256.0  # as in dlib; face-api divides by 255
BLOCKS = (
    *("conv32_1", "conv32_2", "conv32_3"),
    *("conv64_down", "conv64_1", "conv64_2", "conv64_3"),
    *("conv128_down", "conv128_1", "conv128_2"),
    *("conv256_down", "conv256_1", "conv256_2", "conv256_down_out"),
)

# Placement of an aligned crop in the network's input: enlarged to ENLARGED_PX, then the square of
# INPUT_PX is cut TOP_PX below its upper edge, centred, and what lies below the crop is filled.
ENLARGED_PX = 190
TOP_PX = 48
BATCH = 4  # faces per pass: larger ones leave the cache of a core
BICUBIC = -0.75  # the parameter of the cubic kernel (Keys 1981), as in PyTorch and OpenCV

Floats = NDArray[np.float32]
Embeddings = Floats
Weights = Mapping[str, Floats]
Progress = Callable[[int, int], None]


# Weights -----------------------------------------------------------------------------------


def read_weights(folder: Path = FOLDER) -> dict[str, Floats]:
    """The network's tensors by name, float32, each convolution with its scale layer folded in.

    `<layer>/filters` are (height, width, in, out), `<layer>/bias` (out,), `fc` (256, 128). Raises
    UserError for a file that is missing or whose SHA-256 is not the expected one.
    """
    manifest = json.loads(_read_checked(folder / MANIFEST_FILE))
    raw = _dequantise(manifest[0]["weights"], _read_checked(folder / WEIGHTS_FILE))
    weights = {"fc": raw["fc"]}
    for name in raw:
        if name.endswith("/conv/filters"):
            layer = name.removesuffix("/conv/filters")
            scale = raw[f"{layer}/scale/weights"]
            weights[f"{layer}/filters"] = raw[name] * scale
            bias = raw[f"{layer}/conv/bias"] * scale + raw[f"{layer}/scale/biases"]
            weights[f"{layer}/bias"] = bias
    return weights


def _read_checked(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): install neuroceleb again.",
            path=path,
            reason=error.strerror,
        ) from error
    if hashlib.sha256(data).hexdigest() != SHA256[path.name]:
        raise UserError(
            "{path} is damaged (its SHA-256 differs): install neuroceleb again.", path=path
        )
    return data


def _dequantise(entries: list[dict[str, Any]], data: bytes) -> dict[str, Floats]:
    """The tensors of a TensorFlow.js manifest: value = scale * byte + min where quantised."""
    tensors, offset = {}, 0
    for entry in entries:
        count = math.prod(entry["shape"])
        quantisation = entry.get("quantization")
        stored = np.dtype(np.uint8 if quantisation else "<f4")
        values = np.frombuffer(data, stored, count, offset).astype(np.float64)
        offset += count * stored.itemsize
        if quantisation:
            values = values * quantisation["scale"] + quantisation["min"]
        tensors[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
    return tensors


@cache
def crowding_weights(folder: Path = FOLDER) -> Floats:
    """(129,): the weights, then the constant, of an embedding's mean distance to other people.

    Raises UserError as `read_weights` does.
    """
    data = _read_checked(folder / CROWDING_FILE)
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), np.float32)


@cache
def _shipped_weights() -> Weights:
    return read_weights()


# Network -----------------------------------------------------------------------------------


def forward(weights: Weights, images: Floats) -> Embeddings:
    """(N, 150, 150, 3) float32 RGB, 0..255 -> (N, 128)."""
    x = (images - np.asarray(MEAN_RGB, np.float32)) / np.float32(INPUT_SCALE)
    x = np.maximum(_convolve(weights, "conv32_down", x, stride=2), 0)
    x = sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max((4, 5))
    for block in BLOCKS:
        x = _residual(weights, block, x, is_down="_down" in block)
    return np.asarray(x.mean((1, 2)) @ weights["fc"], np.float32)


def _convolve(weights: Weights, layer: str, x: Floats, stride: int) -> Floats:
    """A product of matrices. Padded where the stride is 1, and not where it is 2, as in dlib."""
    filters = weights[f"{layer}/filters"]
    size = filters.shape[0]
    if stride == 1:
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(x, (size, size), (1, 2))[:, ::stride, ::stride]
    count, height, width = windows.shape[:3]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(count * height * width, -1)
    out: Floats = rows @ filters.reshape(-1, filters.shape[3])
    out += weights[f"{layer}/bias"]
    return out.reshape(count, height, width, -1)


def _residual(weights: Weights, block: str, x: Floats, is_down: bool) -> Floats:
    """A residual block; a down block halves the sides and zero-pads the smaller of both sums."""
    out = np.maximum(_convolve(weights, f"{block}/conv1", x, 2 if is_down else 1), 0)
    out = _convolve(weights, f"{block}/conv2", out, 1)
    if is_down:
        height, width = x.shape[1] // 2, x.shape[2] // 2
        x = x[:, : 2 * height, : 2 * width]
        x = x.reshape(len(x), height, 2, width, 2, -1).mean((2, 4))
        shape = tuple(max(a, b) for a, b in zip(x.shape[1:], out.shape[1:], strict=True))
        x, out = _pad(x, shape), _pad(out, shape)
    summed: Floats = np.maximum(out + x, 0)
    return summed


def _pad(x: Floats, shape: tuple[int, ...]) -> Floats:
    """Zeros after the last row, column and channel, up to that shape."""
    missing = [(0, wanted - size) for wanted, size in zip(shape, x.shape[1:], strict=True)]
    return np.pad(x, [(0, 0), *missing])


# Embedding ---------------------------------------------------------------------------------


def embed(faces: Pixels, progress: Progress = lambda *_: None) -> Embeddings:
    """(N, S, S, 3) uint8 RGB aligned crops -> (N, 128) float32 embeddings.

    Two photos of one person are near each other (Euclidean). The same call gives the same numbers
    on one machine, and a face in another batch the same to about 1e-6. `progress(done, total)` is
    called after every batch. Raises UserError for damaged weights, ValueError for another shape.
    """
    if faces.ndim != 4 or faces.shape[1] != faces.shape[2] or faces.shape[3] != 3:
        raise ValueError(f"faces are (N, S, S, 3), not {faces.shape}")
    if faces.dtype != np.uint8:
        raise ValueError(f"faces are uint8, not {faces.dtype}")
    weights = _shipped_weights()
    rows = np.empty((len(faces), LENGTH), np.float32)
    for start in range(0, len(faces), BATCH):
        part = faces[start : start + BATCH]
        rows[start : start + BATCH] = forward(weights, place(part.astype(np.float32)))
        progress(min(start + BATCH, len(faces)), len(faces))
    return rows


def place(crops: Floats) -> Floats:
    """(N, S, S, 3) crops, 0..255 -> (N, 150, 150, 3): the eyes and mouth where dlib has them.

    The crops of this project show more forehead and less chin than dlib's, and smaller faces.
    They are enlarged (bicubic), cut above and at the sides, and the rows missing below are filled
    with the network's mean colour.
    """
    enlarge = _enlarging(crops.shape[1])
    left = (ENLARGED_PX - INPUT_PX) // 2
    rows, columns = enlarge[TOP_PX : TOP_PX + INPUT_PX], enlarge[left : left + INPUT_PX]
    placed = np.empty((len(crops), INPUT_PX, INPUT_PX, 3), np.float32)
    placed[:] = MEAN_RGB
    channels = crops.transpose(0, 3, 1, 2)
    cut = (rows @ channels @ columns.T).clip(0, 255)
    placed[:, : len(rows)] = cut.transpose(0, 2, 3, 1)
    return placed


@cache
def _enlarging(side: int) -> Floats:
    """(ENLARGED_PX, side): bicubic enlargement of a column of pixels, edges repeated."""
    positions = (np.arange(ENLARGED_PX) + 0.5) * side / ENLARGED_PX - 0.5
    matrix = np.zeros((ENLARGED_PX, side))
    for offset in range(-1, 3):
        pixels = np.floor(positions).astype(int) + offset
        weights = _cubic(np.abs(positions - pixels))
        np.add.at(matrix, (np.arange(ENLARGED_PX), pixels.clip(0, side - 1)), weights)
    return matrix.astype(np.float32)


def _cubic(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel at distances 0..2 pixels."""
    near = (BICUBIC + 2) * t**3 - (BICUBIC + 3) * t**2 + 1
    far = BICUBIC * (t**3 - 5 * t**2 + 8 * t - 4)
    return np.where(t <= 1, near, far)
