"""The GAN losses, all of one shape, so that a recipe can name one."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

Score = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """What D's answers cost. Each takes D's answers, shape (N,), and gives a scalar.

    `real` and `fake` together are D's loss; `fooled` is G's, of D's answers to its fakes. The
    answers are chances or, where `on_logits`, logits.
    """

    real: Score
    fake: Score
    fooled: Score
    on_logits: bool = True


def _towards(label: float) -> Score:
    def loss(chances: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy(chances, torch.full_like(chances, label))

    return loss


# Goodfellow et al., *Generative Adversarial Nets*, 2014, with the non-saturating loss of G. On
# chances, not on logits: the logarithm clamped at -100 and its gradient are then the original's
# where D is sure, too, and the fused form on logits measured no faster.
BCE = Loss(real=_towards(1.0), fake=_towards(0.0), fooled=_towards(1.0), on_logits=False)

# The same losses in their exact form on logits, never clamped (as StyleGAN writes them).
NON_SATURATING = Loss(
    real=lambda logits: F.softplus(-logits).mean(),
    fake=lambda logits: F.softplus(logits).mean(),
    fooled=lambda logits: F.softplus(-logits).mean(),
)

# Lim and Ye, *Geometric GAN*, 2017.
HINGE = Loss(
    real=lambda logits: F.relu(1 - logits).mean(),
    fake=lambda logits: F.relu(1 + logits).mean(),
    fooled=lambda logits: -logits.mean(),
)

# Mao et al., *Least Squares Generative Adversarial Networks*, 2017; targets 1 and 0, halved.
LEAST_SQUARES = Loss(
    real=lambda logits: (logits - 1).square().mean() / 2,
    fake=lambda logits: logits.square().mean() / 2,
    fooled=lambda logits: (logits - 1).square().mean() / 2,
)

LOSSES = {"bce": BCE, "ns": NON_SATURATING, "hinge": HINGE, "lsgan": LEAST_SQUARES}


def gradient_penalty(says: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """R1: the mean squared norm of D's gradient at real images, (N, 3, 64, 64) -> a scalar.

    Mescheder, Geiger, Nowozin, *Which Training Methods for GANs do actually Converge?*, 2018.
    """
    (gradient,) = torch.autograd.grad(says.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
