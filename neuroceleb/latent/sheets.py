"""Pictures of many faces: frames to scrub through, strips of directions, a map."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neuroceleb import images
from neuroceleb.images import Pixels
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.model.generator import Model

FRAMES = 25
REACH = 3.0  # standard deviations to either side
STRIP_AT = (-3.0, -1.5, 0.0, 1.5, 3.0)
MAP_SIDE_PX = 1_536
MAP_FACE_PX = 48

Latents = NDArray[np.float32]


def reach(frames: int = FRAMES) -> NDArray[np.float32]:
    """How far each frame of a scrubbed line lies from its middle."""
    return np.linspace(-REACH, REACH, frames, dtype=np.float32)


def lines(z: Latents, steps: Sequence[Latents], places: Sequence[float]) -> Latents:
    """(len(steps) * FRAMES, nz): along each step through z, which lies at its place on each line.

    The frames of line k are z + (t - places[k]) * steps[k], with t from -REACH to REACH.
    """
    rows = [
        z + (reach() - np.float32(place))[:, None] * step
        for step, place in zip(steps, places, strict=True)
    ]
    return np.concatenate(rows).astype(np.float32)


def sprite(faces: Pixels, columns: int) -> bytes:
    """Faces row by row without a gap, as a JPEG that keeps colours sharp (4:4:4)."""
    buffer = io.BytesIO()
    sheet = Image.fromarray(images.grid(faces, columns, 0))
    sheet.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


def strips(model: Model, directions: Sequence[Direction], faces: Latents) -> Pixels:
    """What each direction does to some faces: a row a direction, five frames a face."""
    rows = [
        z + np.float32(far) * direction.step
        for direction in directions
        for z in faces
        for far in STRIP_AT
    ]
    return model.images(np.stack(rows).astype(np.float32))


def map_sheet(faces: Pixels, points: NDArray[np.float32]) -> Pixels:
    """Every face, small, where its point (0 to 1, y upwards) lies: a white square sheet."""
    sheet = Image.new("RGB", (MAP_SIDE_PX, MAP_SIDE_PX), "white")
    for face, (x, y) in zip(faces, points, strict=True):
        small = Image.fromarray(face).resize((MAP_FACE_PX, MAP_FACE_PX), Image.Resampling.LANCZOS)
        room = MAP_SIDE_PX - MAP_FACE_PX
        sheet.paste(small, (round(float(x) * room), round((1 - float(y)) * room)))
    return np.asarray(sheet)
