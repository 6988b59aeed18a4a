"""Features of faces: an inner layer of YuNet, which locates eyes, nose and mouth.

A feature space that needs no download: learned on faces, and more sensitive to displaced parts
than to light and colour. Pixels and networks with random weights, in contrast, rate a grey average
face as good (see `docs/results.md`).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.yunet import weights_file
from neuroceleb.images import Pixels

NAME = "YuNet 2023mar, third stage (64 channels of 10x10) of faces enlarged to 160 px"
LAYER = "onnx_node!Relu_31"
SIDE_PX = 160
LENGTH = 64 * 10 * 10
BATCH = 64


def extract(faces: Pixels) -> NDArray[np.float32]:
    """(N, H, W, 3) uint8 RGB square faces -> (N, 6400) float32. Raises UserError without YuNet."""
    network = cv2.dnn.readNetFromONNX(str(weights_file()))
    rows = []
    for start in range(0, len(faces), BATCH):
        part = [_enlarge(face) for face in faces[start : start + BATCH]]
        network.setInput(cv2.dnn.blobFromImages(part))
        rows.append(network.forward(LAYER).reshape(len(part), LENGTH).astype(np.float32))
    return np.concatenate(rows) if rows else np.empty((0, LENGTH), np.float32)


def _enlarge(face: Pixels) -> Pixels:
    bgr = np.ascontiguousarray(face[:, :, ::-1])
    return np.asarray(cv2.resize(bgr, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
