"""The best of many faces: those with the lowest flaw scores first.

The discriminator is not asked. Within a model its output does not agree with labels by eye
(`docs/results.md`, "The flaw score"), and it depends on more than flaws.
"""

from dataclasses import dataclass

import numpy as np

from neuroceleb.images import Pixels
from neuroceleb.metrics import flaws


@dataclass(frozen=True)
class Ranked:
    """One face of a ranking.

    `index` is its place among the given faces, `flaw_score` the probability, 0..1, that it is
    flawed.
    """

    index: int
    flaw_score: float
    is_flawed: bool


def rank(faces: Pixels) -> list[Ranked]:
    """All of (N, 64, 64, 3) uint8 faces, the best first; equal scores stay in their order.

    Raises UserError for damaged model files.
    """
    scores = flaws.flaw_scores(faces)
    is_flawed = flaws.is_flawed(scores)
    order = np.argsort(scores, kind="stable")
    return [Ranked(int(i), float(scores[i]), bool(is_flawed[i])) for i in order]
