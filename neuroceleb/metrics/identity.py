"""Face embeddings by dlib's face recognition network: 128 numbers that describe a person.

A ResNet of 29 convolutions, trained on 3 million photos of 7,485 people so that two photos of one
person lie within 0.6 of each other (King, *High Quality Face Recognition with Deep Metric
Learning*, dlib, 2017), in PyTorch. No training here has seen this network, so its distances are an
independent measure. `data.faces.identity` has the weights and runs them without PyTorch.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neuroceleb.data.faces import identity as stored
from neuroceleb.data.faces.identity import (
    BLOCKS,
    FOLDER,
    INPUT_PX,
    INPUT_SCALE,
    LENGTH,
    MEAN_RGB,
)
from neuroceleb.images import Pixels
from neuroceleb.settings import IMAGE_SIZE

# Placement of a 64-px crop in the network's input, as in `data.faces.identity`.
ENLARGED_PX = stored.ENLARGED_PX
TOP_PX = stored.TOP_PX
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
    return {name: _to_tensor(values) for name, values in stored.read_weights(folder).items()}


def _to_tensor(values: NDArray[np.float32]) -> Tensor:
    if values.ndim != 4:
        return torch.from_numpy(values)
    filters = torch.from_numpy(values).permute(3, 2, 0, 1)
    return filters.contiguous(memory_format=torch.channels_last)


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
