"""The best of many faces, by the run's own discriminator and by their landmarks.

Selecting a generator's samples by its discriminator: Azadi et al., *Discriminator Rejection
Sampling*, ICLR 2019; here only by rank.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from neuroceleb.images import Pixels
from neuroceleb.metrics import landmarks
from neuroceleb.metrics.landmarks import MINI_SET_RULE, Rule
from neuroceleb.metrics.reference import KEPT_BACK, SEEN
from neuroceleb.model import checkpoint
from neuroceleb.runs import evaluation
from neuroceleb.runs.run import Run

BATCH = 64


@dataclass(frozen=True)
class Ranked:
    """One face of a ranking.

    `index` is its place among the given faces, `score` YuNet's, 0..1 (0 for no face), and `logit`
    the discriminator's output before the sigmoid, None without a discriminator.
    """

    index: int
    is_well_formed: bool
    score: float
    logit: float | None


def rank(faces: Pixels, discriminator: Path | None, rule: Rule = MINI_SET_RULE) -> list[Ranked]:
    """All of (N, 64, 64, 3) uint8 faces, the best first.

    Faces that are not well formed by `rule` come last. Within both groups the order is by the sum
    of two ranks: the discriminator's, and that by landmarks, which itself is by the sum of the
    ranks of YuNet's score and of the displacement. Raises UserError for a damaged discriminator
    file and where YuNet is not installed.
    """
    found = landmarks.detect(faces)
    is_well_formed = rule.accepts(found)
    landmark_ranks = _ranks(found.scores) + _ranks(-rule.displacements(found))
    ranks: NDArray[np.int64] = _ranks(-landmark_ranks)
    logits = None if discriminator is None else discriminate(faces, discriminator)
    if logits is not None:
        ranks = ranks + _ranks(logits)
    order = sorted(range(len(faces)), key=lambda i: (not is_well_formed[i], ranks[i], i))
    return [
        Ranked(
            i,
            bool(is_well_formed[i]),
            float(found.scores[i]),
            None if logits is None else float(logits[i]),
        )
        for i in order
    ]


def rule_of(run: Run) -> Rule:
    """The rule fitted to the run's own dataset, by its newest evaluation; else MINI_SET_RULE.

    Evaluations by version 0.1, and against other datasets, have none.
    """
    entries = evaluation.read(run.path).values()
    for entry in sorted(entries, key=lambda one: str(one.get("evaluated")), reverse=True):
        split = entry.get("split")
        is_own = isinstance(split, dict) and split.get("held_out") in {SEEN, KEPT_BACK}
        rule = landmarks.read_rule(entry.get("well_formed")) if is_own else None
        if rule is not None:
            return rule
    return MINI_SET_RULE


def discriminate(faces: Pixels, discriminator: Path) -> NDArray[np.float32]:
    """The discriminator's output for (N, 64, 64, 3) uint8 before its sigmoid: (N,)."""
    network = checkpoint.load_discriminator(discriminator)
    logits = []
    with torch.inference_mode():
        for start in range(0, len(faces), BATCH):
            pixels = torch.from_numpy(faces[start : start + BATCH]).permute(0, 3, 1, 2).float()
            logits.append(network(pixels / 127.5 - 1, as_logits=True).numpy())
    return np.concatenate(logits) if logits else np.empty(0, np.float32)


def _ranks(values: ArrayLike) -> NDArray[np.int64]:
    """The rank of each of (N,) values: 0 for the highest; equal values share one."""
    return np.unique(-np.asarray(values, np.float64), return_inverse=True)[1].astype(np.int64)
