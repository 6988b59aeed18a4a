"""The GAN losses, all of one shape, so that a recipe can name one."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

Score = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """What D's answers cost. Each takes D's answers, shape (N,), and gives a scalar.

    `real` and `fake` together are D's loss; `fooled` is G's, of D's answers to its fakes.
    """

    real: Score
    fake: Score
    fooled: Score


def _towards(label: float) -> Score:
    def loss(chances: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy(chances, torch.full_like(chances, label))

    return loss


# Goodfellow et al., *Generative Adversarial Nets*, 2014, with the non-saturating loss of G. On
# chances, not on logits: the logarithm clamped at -100 and its gradient are then the original's
# where D is sure, too, and the fused form on logits measured no faster.
BCE = Loss(real=_towards(1.0), fake=_towards(0.0), fooled=_towards(1.0))

LOSSES = {"bce": BCE}
