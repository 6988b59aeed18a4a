"""The best of many faces: what the run's own discriminator and a look at the landmarks say.

Choosing among a generator's samples by its discriminator: Azadi et al., *Discriminator Rejection
Sampling*, ICLR 2019; here in its plainest form, by rank.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from neuroceleb.data.faces.detector import Detector
from neuroceleb.data.faces.formed import Form, forms
from neuroceleb.images import Pixels
from neuroceleb.model import checkpoint

BATCH = 64


@dataclass(frozen=True)
class Judged:
    """One face's place in the order: `place` 0 is the best.

    `realness` is D's answer before its sigmoid, None where the run has no discriminator.
    """

    index: int
    place: int
    realness: float | None
    form: Form


def rank(faces: Pixels, discriminator: Path | None, detector: Detector) -> list[Judged]:
    """Every face of (N, 64, 64, 3), the best first.

    Faces with something out of place come last. The others are ordered by the mean of two ranks:
    D's, and the detector's score less the misfit. Raises UserError where D's file is damaged.
    """
    found = forms(list(faces), detector)
    real = realness(faces, discriminator) if discriminator is not None else None
    places = _places([form.score - min(form.misfit, 1.0) for form in found])
    if real is not None:
        places = places + _places(real.tolist())
    order = sorted(range(len(faces)), key=lambda i: (not found[i].is_whole, places[i], i))
    return [
        Judged(index, place, None if real is None else float(real[index]), found[index])
        for place, index in enumerate(order)
    ]


def realness(faces: Pixels, discriminator: Path) -> NDArray[np.float32]:
    """What D says of each face of (N, 64, 64, 3) before its sigmoid: (N,), higher is realer."""
    network = checkpoint.load_discriminator(discriminator)
    answers = []
    with torch.inference_mode():
        for start in range(0, len(faces), BATCH):
            levels = torch.from_numpy(faces[start : start + BATCH]).permute(0, 3, 1, 2).float()
            answers.append(network(levels / 127.5 - 1, as_logits=True).numpy())
    return np.concatenate(answers) if answers else np.empty(0, np.float32)


def _places(values: Sequence[float]) -> NDArray[np.int64]:
    """The rank of each value: 0 for the highest; equals share one."""
    return np.unique(-np.asarray(values, np.float64), return_inverse=True)[1].astype(np.int64)
