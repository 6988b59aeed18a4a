"""Images made of many faces: frames to scrub through, strips of directions, a map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neuroceleb.images import Pixels, grid
from neuroceleb.latent.layers import FaceLayers
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.model.generator import Model

FRAMES = 25
MAX_OFFSET = 3.0  # standard deviations to either side
STRIP_OFFSETS = (-3.0, -1.5, 0.0, 1.5, 3.0)
MAP_SIDE_PX = 1_536
MAP_FACE_PX = 48

Latents = NDArray[np.float32]


def offsets(frames: int = FRAMES) -> NDArray[np.float32]:
    """Evenly spaced offsets from -MAX_OFFSET to MAX_OFFSET, in standard deviations: (frames,)."""
    return np.linspace(-MAX_OFFSET, MAX_OFFSET, frames, dtype=np.float32)


def traversals(
    z: Latents, steps: Sequence[Latents], positions: Sequence[float], frames: int = FRAMES
) -> Latents:
    """Latent traversals through one z along several steps: (len(steps) * frames, nz).

    The frames of traversal k are z + (t - positions[k]) * steps[k], with t in `offsets(frames)`; z
    itself is at t = positions[k].
    """
    rows = [
        z + (offsets(frames) - np.float32(position))[:, None] * step
        for step, position in zip(steps, positions, strict=True)
    ]
    return np.concatenate(rows).astype(np.float32)


def strips(model: Model, directions: Sequence[Direction], faces: Latents) -> Pixels:
    """Each direction applied to (N, nz) faces: a row per direction, five frames per face."""
    rows = [
        z + np.float32(offset) * direction.step
        for direction in directions
        for z in faces
        for offset in STRIP_OFFSETS
    ]
    return model.images(np.stack(rows).astype(np.float32))


def layers_sheet(face: FaceLayers) -> Pixels:
    """A row of maps for each layer, in grey, 64 pixels wide each, after the picture."""
    side = len(face.picture)
    columns = 1 + max(len(maps.channels) for maps in face.layers)
    cells = np.zeros((len(face.layers), columns, *face.picture.shape), np.uint8)
    cells[0, 0] = face.picture
    for row, maps in zip(cells, face.layers, strict=True):
        scale = side // maps.maps.shape[1]
        tiles = maps.maps.repeat(scale, axis=1).repeat(scale, axis=2)
        row[1 : 1 + len(tiles)] = tiles[..., None]
    return grid(cells.reshape(-1, *face.picture.shape), columns)


def map_sheet(faces: Pixels, points: NDArray[np.float32]) -> Pixels:
    """Small faces at their points (N, 2), 0 to 1 with y upwards, on a white square."""
    sheet = Image.new("RGB", (MAP_SIDE_PX, MAP_SIDE_PX), "white")
    span = MAP_SIDE_PX - MAP_FACE_PX
    for face, (x, y) in zip(faces, points, strict=True):
        small = Image.fromarray(face).resize((MAP_FACE_PX, MAP_FACE_PX), Image.Resampling.LANCZOS)
        sheet.paste(small, (round(float(x) * span), round((1 - float(y)) * span)))
    return np.asarray(sheet)
