"""Photos with a real face for the tests of cropping: NASA's portrait of an astronaut."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from neuroceleb.images import Pixels

FACE_BOX = (178, 63, 90, 113)  # left, top, width, height in `astronaut()`


@cache
def astronaut() -> Pixels:
    """(512, 512, 3) uint8, one face."""
    return np.asarray(data.astronaut())


def portrait(width: int = 300) -> Image.Image:
    """Her face and some of its surroundings, `width` pixels wide."""
    part = Image.fromarray(astronaut()).crop((120, 0, 330, 260))
    return part.resize((width, width * 260 // 210), Image.Resampling.LANCZOS)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path
