"""GAN losses with one signature, by name in LOSSES, and penalties on D."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

Score = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss of D's outputs. Each function takes outputs of shape (N,) and returns a scalar.

    `real` and `fake` add up to D's loss; `generator` is G's loss of D's outputs for its fakes. The
    outputs are probabilities or, where `on_logits`, logits. Where `is_paired`, the loss is a
    function of the difference between the logits of the i-th real and the i-th fake image: `real`
    is D's loss, `generator` is G's. Where `is_fake_gradient_nonzero`, the derivative of D's loss by
    a fake's logit is never zero, so that one backward pass of D can serve both updates.
    """

    real: Score
    fake: Score
    generator: Score
    on_logits: bool = True
    is_paired: bool = False
    is_fake_gradient_nonzero: bool = False

    def d_loss(self, real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
        """D's loss: (N,) and (N,) -> a scalar."""
        if self.is_paired:
            return self.real(real_scores - fake_scores)
        return self.real(real_scores) + self.fake(fake_scores)

    def g_loss(
        self, real_scores: torch.Tensor, fake_scores: torch.Tensor, share: float = 1.0
    ) -> torch.Tensor:
        """G's loss: (N,) and (N,) -> a scalar.

        With `share` below 1, only of that share of the fakes, those with the largest outputs
        (Sinha et al., *Top-k Training of GANs*, 2020).
        """
        if share < 1.0:
            best = fake_scores.topk(math.ceil(share * len(fake_scores))).indices
            real_scores, fake_scores = real_scores[best], fake_scores[best]
        return self.generator(fake_scores - real_scores if self.is_paired else fake_scores)


def _bce_with_label(label: float) -> Score:
    def loss(probabilities: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy(probabilities, torch.full_like(probabilities, label))

    return loss


# Goodfellow et al., *Generative Adversarial Nets*, 2014, with the non-saturating loss of G. On
# probabilities, not on logits: the logarithm is then clamped at -100 where D is certain, as in the
# original, gradient included. The fused form on logits measured no faster.
BCE = Loss(
    real=_bce_with_label(1.0),
    fake=_bce_with_label(0.0),
    generator=_bce_with_label(1.0),
    on_logits=False,
)

# The same losses in their exact form on logits, never clamped (as StyleGAN writes them).
NON_SATURATING = Loss(
    real=lambda logits: F.softplus(-logits).mean(),
    fake=lambda logits: F.softplus(logits).mean(),
    generator=lambda logits: F.softplus(-logits).mean(),
    is_fake_gradient_nonzero=True,
)

# Jolicoeur-Martineau, *The Relativistic Discriminator*, 2018, in the pairing form of Huang et al.,
# *The GAN is dead; long live the GAN! A Modern GAN Baseline* (R3GAN), 2024.
RELATIVISTIC = replace(NON_SATURATING, is_paired=True)

# Lim and Ye, *Geometric GAN*, 2017.
HINGE = Loss(
    real=lambda logits: F.relu(1 - logits).mean(),
    fake=lambda logits: F.relu(1 + logits).mean(),
    generator=lambda logits: -logits.mean(),
)

# Mao et al., *Least Squares Generative Adversarial Networks*, 2017; targets 1 and 0, halved.
LEAST_SQUARES = Loss(
    real=lambda logits: (logits - 1).square().mean() / 2,
    fake=lambda logits: logits.square().mean() / 2,
    generator=lambda logits: (logits - 1).square().mean() / 2,
)

LOSSES = {
    "ns": NON_SATURATING,
    "rp": RELATIVISTIC,
    "hinge": HINGE,
    "lsgan": LEAST_SQUARES,
    "bce": BCE,
}


def image_gradient(scores: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """The gradient of each score by its image, (N,) and (N, 3, 64, 64) -> (N, 3, 64, 64).

    It can be differentiated again. With BatchNorm in D, where a score depends on all images, it is
    the gradient of the sum of the scores.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient


def mean_squared_norm(gradient: torch.Tensor) -> torch.Tensor:
    """The mean squared norm over images, (N, 3, 64, 64) -> a scalar.

    Of `image_gradient` at real images it is the R1 penalty, at fakes R2 (Mescheder, Geiger,
    Nowozin, *Which Training Methods for GANs do actually Converge?*, 2018).
    """
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def lecam_penalty(
    real_scores: torch.Tensor, fake_scores: torch.Tensor, means: torch.Tensor
) -> torch.Tensor:
    """The LeCam penalty: the squared distance of scores from the means of the other kind, a scalar.

    `means` (2,) are the running means for real and fake images (Tseng et al., *Regularizing
    Generative Adversarial Networks under Limited Data*, 2021).
    """
    return (real_scores - means[1]).square().mean() + (fake_scores - means[0]).square().mean()
