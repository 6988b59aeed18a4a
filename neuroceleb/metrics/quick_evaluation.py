"""The quick evaluation of an epoch during a training: rough figures to choose epochs by."""

import copy
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from neuroceleb.data.batches import to_float
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import swd
from neuroceleb.metrics.reference import MIN_FACES, fit_rule, value_or_reason
from neuroceleb.model import generator
from neuroceleb.model.networks import Discriminator, Generator

if TYPE_CHECKING:  # it needs OpenCV, which a machine that only trains may lack
    from neuroceleb.metrics import landmarks

FACES = 256
D_BATCH_SIZE = 64
RULE_FACES = 4  # times as many real faces fit the well-formed rule


class QuickReference:
    """The real side of quick evaluations, prepared once for a training.

    `faces` (N, 64, 64, 3) uint8 are those to compare with: the held-out ones, or those trained on
    where none are held out. `seconds` is the time it took; `rule` the well-formed rule, None where
    `reason` says why it cannot be fitted here. Raises UserError for fewer than MIN_FACES faces.
    """

    def __init__(self, faces: Pixels, n: int = FACES, seed: int = 0) -> None:
        started = time.perf_counter()
        self.seed = seed
        order = np.random.default_rng([seed, 5]).permutation(len(faces))
        self.n = min(n, len(faces))
        if self.n < MIN_FACES:
            raise UserError(
                "A quick evaluation needs {least} real faces, not {count}.",
                least=MIN_FACES,
                count=self.n,
            )
        self.patches = swd.Patches(faces[order[: self.n]], seed)
        some = faces[np.sort(order[: RULE_FACES * self.n])]
        rule = value_or_reason(lambda: _fit_rule(some))
        self.reason = rule if isinstance(rule, str) else ""
        self.rule = None if isinstance(rule, str) else rule
        self.seconds = time.perf_counter() - started


def _fit_rule(faces: Pixels) -> "landmarks.Rule":
    from neuroceleb.metrics import landmarks

    return fit_rule(landmarks.detect(faces))


def _mean_flaw_score(faces: Pixels) -> float:
    from neuroceleb.metrics import flaws

    return round(float(flaws.flaw_scores(faces).mean()), 4)


def evaluate(network: Generator, reference: QuickReference) -> dict[str, float | str]:
    """The figures under `quality` in a row of stats.jsonl, of the faces of seeds 0..n-1.

    `swd` (x 1,000, mean of the levels), `well_formed` (a share), `flaw_score` (the mean, 0..1;
    `said` why not, where YuNet or OpenCV is missing), `n`, and the `seconds` it took. Neither the
    network's state nor the random state of the training changes.
    """
    started = time.perf_counter()
    fakes = generator.render(network, z_from_seeds(range(reference.n), network.nz))
    figures: dict[str, float | str] = {}
    if reference.rule is None:
        figures["said"] = reference.reason
    else:
        from neuroceleb.metrics import landmarks

        figures["well_formed"] = float(reference.rule.accepts(landmarks.detect(fakes)).mean())
    score = value_or_reason(lambda: _mean_flaw_score(fakes))
    figures["said" if isinstance(score, str) else "flaw_score"] = score
    patches = swd.Patches(fakes, reference.seed)
    figures["swd"] = round(swd.distance(patches, reference.patches, has_interval=False).mean, 2)
    figures["n"] = reference.n
    figures["seconds"] = round(time.perf_counter() - started, 2)
    return figures


def mean_d_output(D: Discriminator, faces: Pixels) -> float:
    """D's mean output, 0..1, for (N, 64, 64, 3) uint8 faces without augmentation.

    BatchNorm normalizes by batches of D_BATCH_SIZE, as in training: neither its running statistics
    nor anything else in D changes.
    """
    copied = copy.deepcopy(D).train()
    device = next(D.parameters()).device
    total = 0.0
    with torch.no_grad():
        for batch in np.array_split(faces, max(1, round(len(faces) / D_BATCH_SIZE))):
            images = to_float(torch.from_numpy(np.ascontiguousarray(batch)).to(device))
            total += float(copied(images).sum())
    return total / len(faces)
