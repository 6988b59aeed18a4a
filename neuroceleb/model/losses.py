"""The GAN losses, all of one shape, so that a recipe can name one; penalties of D's gradient."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

Score = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss of D's outputs. Each function takes outputs of shape (N,) and returns a scalar.

    `real` and `fake` together are D's loss; `fooled` is G's, of D's outputs for its fakes. The
    outputs are probabilities or, where `on_logits`, logits. Where `is_paired`, the loss is a
    function of the difference between the i-th real and the i-th fake image's logits: `real` of
    D's, `fooled` of G's. Where `is_strict`, the derivative of D's loss by a fake's logit is never
    zero, so that one backward pass of D can serve both updates.
    """

    real: Score
    fake: Score
    fooled: Score
    on_logits: bool = True
    is_paired: bool = False
    is_strict: bool = False

    def of_d(self, says_real: torch.Tensor, says_fake: torch.Tensor) -> torch.Tensor:
        """D's loss: two times (N,) -> a scalar."""
        if self.is_paired:
            return self.real(says_real - says_fake)
        return self.real(says_real) + self.fake(says_fake)

    def of_g(
        self, says_real: torch.Tensor, says_fake: torch.Tensor, share: float = 1.0
    ) -> torch.Tensor:
        """G's loss: two times (N,) -> a scalar.

        With a `share` below 1, of the fakes with the largest outputs only (Sinha et al., *Top-k
        Training of GANs*, 2020).
        """
        if share < 1.0:
            best = says_fake.topk(math.ceil(share * len(says_fake))).indices
            says_real, says_fake = says_real[best], says_fake[best]
        return self.fooled(says_fake - says_real if self.is_paired else says_fake)


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
    is_strict=True,
)

# Jolicoeur-Martineau, *The Relativistic Discriminator*, 2018, in the pairing form of Huang et al.,
# *The GAN is dead; long live the GAN! A Modern GAN Baseline* (R3GAN), 2024.
RELATIVISTIC = replace(NON_SATURATING, is_paired=True)

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

LOSSES = {
    "ns": NON_SATURATING,
    "rp": RELATIVISTIC,
    "hinge": HINGE,
    "lsgan": LEAST_SQUARES,
    "bce": BCE,
}


def image_gradient(says: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """The gradient of each image's own output, (N,) and (N, 3, 64, 64) -> (N, 3, 64, 64).

    It can be differentiated again. Each output must depend on its own image only, so D has no
    BatchNorm; with BatchNorm it is the gradient of the sum.
    """
    (gradient,) = torch.autograd.grad(says.sum(), images, create_graph=True)
    return gradient


def mean_squared_norm(gradient: torch.Tensor) -> torch.Tensor:
    """The mean squared norm over images, (N, 3, 64, 64) -> a scalar.

    Of `image_gradient` at real images it is the R1 penalty, at fakes R2 (Mescheder, Geiger,
    Nowozin, *Which Training Methods for GANs do actually Converge?*, 2018).
    """
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def lecam_penalty(
    says_real: torch.Tensor, says_fake: torch.Tensor, anchors: torch.Tensor
) -> torch.Tensor:
    """How far D's outputs are from the running means of the other kind, a scalar.

    `anchors` (2,) are the means for real and fake images (Tseng et al., *Regularizing Generative
    Adversarial Networks under Limited Data*, 2021).
    """
    return (says_real - anchors[1]).square().mean() + (says_fake - anchors[0]).square().mean()
