"""One real face in many variants, for the measures that need a detector."""

import numpy as np
from PIL import Image
from skimage import data

from neuroceleb.images import Pixels

FACES = 360
FACE = (123, 118, 75.0)  # the middle of the astronaut's face, and half the side of a crop


def portraits(count: int, seed: int = 0) -> Pixels:
    """Crops of one face, each a little turned, moved, sized and lit: (N, 64, 64, 3)."""
    rng = np.random.default_rng(seed)
    photo = Image.fromarray(data.astronaut()).crop((100, 0, 350, 250))
    rows = []
    for _ in range(count):
        x, y = FACE[0] + rng.normal(0, 1.5), FACE[1] + rng.normal(0, 1.5)
        half = FACE[2] * rng.normal(1, 0.02)
        turned = photo.rotate(rng.normal(0, 2), Image.Resampling.BICUBIC, center=FACE[:2])
        crop = turned.resize(
            (64, 64), Image.Resampling.LANCZOS, (x - half, y - half, x + half, y + half)
        )
        rows.append(np.asarray(crop) * rng.uniform(0.8, 1.0))
    return np.stack(rows).astype(np.uint8)
