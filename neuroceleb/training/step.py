"""One training step: an update of D and one of G."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from neuroceleb.model import augment
from neuroceleb.model.losses import (
    BCE,
    LOSSES,
    Loss,
    image_gradient,
    lecam_penalty,
    mean_squared_norm,
)
from neuroceleb.settings import AUGMENTATIONS, Settings
from neuroceleb.training import distributed
from neuroceleb.training.gan import GAN

METRICS = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")


@dataclass(frozen=True)
class StepConfig:
    """Loss, augmentation and penalties of a step. The defaults are the original script's."""

    loss: Loss = BCE
    augmentations: tuple[str, ...] = ()
    probability: float = 1.0  # of each augmentation
    flip: bool = False
    r1: float = 0.0
    r1_every: int = 16
    dtype: torch.dtype | None = None  # of convolutions under autocast; None: no autocast
    r2: float = 0.0
    simultaneous: bool = False
    top_k: float = 1.0
    lecam: float = 0.0

    def has_penalty(self, step: int) -> bool:
        """Whether D's gradient is penalized in this step of an epoch."""
        return max(self.r1, self.r2) > 0 and step % self.r1_every == 0

    def penalty(self, gradient: torch.Tensor, weight: float) -> torch.Tensor:
        """R1 or R2, scaled up for the steps without it (lazy regularization)."""
        return mean_squared_norm(gradient) * (weight / 2 * self.r1_every)


CLASSIC = StepConfig()


def step_config(settings: Settings, dataset_size: int) -> StepConfig:
    """The step's configuration for these settings and this number of training images."""
    loss = LOSSES[settings.loss]
    can_share_pass = (
        loss.is_fake_gradient_nonzero and settings.d_norm != "batch" and not settings.lecam
    )
    return StepConfig(
        loss,
        AUGMENTATIONS[settings.augment],
        settings.augment_chance or augment.probability_for(dataset_size),
        settings.flip == "yes",
        settings.r1,
        settings.r1_every,
        torch.bfloat16 if settings.precision == "bfloat16" else None,
        settings.r2,
        settings.simultaneous == "yes" and can_share_pass,
        settings.top_k,
        settings.lecam,
    )


def train_step(
    gan: GAN,
    real: torch.Tensor,
    z: torch.Tensor,
    config: StepConfig = CLASSIC,
    rng: torch.Generator | None = None,
    with_penalty: bool = False,
    loss_weight: float = 1.0,
) -> torch.Tensor:
    """Update D and G on one batch; returns the METRICS, detached, shape (5,).

    `real` is (N, 3, 64, 64) in [-1, 1], `z` is (N, nz, 1, 1). Augmentations draw from `rng`; None
    means no augmentation. `loss_weight` is `DistributedContext.shard_weight` of this process. Does
    not synchronize with the device.
    """
    take_step = _simultaneous_step if config.simultaneous else _alternating_step
    return take_step(gan, real, z, config, rng, with_penalty, loss_weight)


def _alternating_step(
    gan: GAN,
    real: torch.Tensor,
    z: torch.Tensor,
    config: StepConfig,
    rng: torch.Generator | None,
    with_penalty: bool,
    loss_weight: float,
) -> torch.Tensor:
    """Update D, then update G with the output of the updated D for the same fakes."""
    scored = update_d(gan, real, z, config, rng, with_penalty, loss_weight)
    loss_g, new_scores = update_g(gan, scored.real, scored.fake, config, rng, loss_weight)
    return _metrics(config.loss, loss_g, scored.real_scores, scored.fake_scores, new_scores)


@dataclass(frozen=True)
class Scored:
    """What D was updated with: images (N, 3, 64, 64) and D's output for them before it, (N,).

    `real` are the augmented real images; `fake` has G's graph.
    """

    real: torch.Tensor
    fake: torch.Tensor
    real_scores: torch.Tensor
    fake_scores: torch.Tensor


def update_d(
    gan: GAN,
    real: torch.Tensor,
    z: torch.Tensor,
    config: StepConfig = CLASSIC,
    rng: torch.Generator | None = None,
    with_penalty: bool = False,
    loss_weight: float = 1.0,
) -> Scored:
    """Update D alone on one batch; the arguments are those of `train_step`."""
    real = _augment(real, config, rng, flip=config.flip).detach().requires_grad_(with_penalty)
    gan.adam_d.zero_grad()
    needs_both = config.loss.is_paired or config.r2 > 0 or config.lecam > 0
    backward = _backward_d_joint if needs_both else _backward_d_separate
    fake, real_scores, fake_scores = backward(gan, real, z, config, rng, with_penalty, loss_weight)
    gan.adam_d.step()
    return Scored(real.detach(), fake, real_scores, fake_scores)


def update_g(
    gan: GAN,
    real: torch.Tensor,
    fake: torch.Tensor,
    config: StepConfig = CLASSIC,
    rng: torch.Generator | None = None,
    loss_weight: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Update G alone, given its images `fake` with their graph; D's gradient is not computed.

    Returns G's loss and D's scores of `fake`, (N,). `real` are real images as D sees them, which
    only a paired loss uses.
    """
    gan.adam_g.zero_grad()
    with _all_frozen(gan.D):
        new_scores = _discriminate(gan.D, _augment(fake, config, rng), config)
        is_paired = config.loss.is_paired
        paired = _discriminate(gan.D, real, config) if is_paired else new_scores.detach()
        loss_g = config.loss.g_loss(paired, new_scores, config.top_k)
        _backward(loss_g, loss_weight)
    gan.adam_g.step()
    return loss_g.detach(), new_scores.detach()


def generate(gan: GAN, z: torch.Tensor, config: StepConfig = CLASSIC) -> torch.Tensor:
    """G's images of z for `update_g`, (N, nz, 1, 1) -> (N, 3, 64, 64), with their graph."""
    return _generate(gan.G, z, config)


def mean_probability(scores: torch.Tensor, loss: Loss) -> float:
    """The mean over D's outputs of the probability that an image is real."""
    return float(_probabilities(scores, loss).mean())


@contextmanager
def _all_frozen(network: nn.Module) -> Iterator[None]:
    """Compute no gradient of the network's weights in the block; frozen ones stay frozen."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


DOutputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # fakes, scores of real and fake images


def _backward_d_separate(
    gan: GAN,
    real: torch.Tensor,
    z: torch.Tensor,
    config: StepConfig,
    rng: torch.Generator | None,
    with_penalty: bool,
    loss_weight: float,
) -> DOutputs:
    """Accumulate D's gradient over a pass of the real images and one of the fakes."""
    G, D = gan.ddp or (gan.G, gan.D)
    with distributed.no_sync(D):
        real_scores = _discriminate(D, real, config)
        loss_real = config.loss.real(real_scores)
        if with_penalty:
            loss_real = loss_real + config.penalty(image_gradient(real_scores, real), config.r1)
        _backward(loss_real, loss_weight)
    fake = _generate(G, z, config)
    fake_scores = _discriminate(D, _augment(fake.detach(), config, rng), config)
    _backward(config.loss.fake(fake_scores), loss_weight)
    return fake, real_scores.detach(), fake_scores.detach()


def _backward_d_joint(
    gan: GAN,
    real: torch.Tensor,
    z: torch.Tensor,
    config: StepConfig,
    rng: torch.Generator | None,
    with_penalty: bool,
    loss_weight: float,
) -> DOutputs:
    """As `_backward_d_separate`, for a loss of the scores of real and fake images together."""
    G, D = gan.ddp or (gan.G, gan.D)
    fake = _generate(G, z, config)
    augmented = _augment(fake.detach(), config, rng).requires_grad_(with_penalty)
    real_scores = _discriminate(D, real, config)
    fake_scores = _discriminate(D, augmented, config)
    loss = config.loss.d_loss(real_scores, fake_scores)
    if with_penalty:
        loss = loss + config.penalty(image_gradient(real_scores, real), config.r1)
        loss = loss + config.penalty(image_gradient(fake_scores, augmented), config.r2)
    if gan.lecam_means is not None:
        means = gan.lecam_means.means
        loss = loss + config.lecam * lecam_penalty(real_scores, fake_scores, means)
        gan.lecam_means.update(real_scores, fake_scores)
    _backward(loss, loss_weight)
    return fake, real_scores.detach(), fake_scores.detach()


def _simultaneous_step(
    gan: GAN,
    real: torch.Tensor,
    z: torch.Tensor,
    config: StepConfig,
    rng: torch.Generator | None,
    with_penalty: bool,
    loss_weight: float,
) -> torch.Tensor:
    """Update D and G from one pass of D over the fakes, both by the D before the step.

    D has no BatchNorm, so the gradient at an image is the gradient of its own score times the
    derivative of the loss by that score. G's gradient is therefore D's, rescaled for each image.
    """
    G, D = gan.ddp or (gan.G, gan.D)
    loss = config.loss
    real = _augment(real, config, rng, flip=config.flip).detach()
    augmented = _augment(_generate(G, z, config), config, rng)
    fake = augmented.detach().requires_grad_()

    # Gradients of D.
    gan.adam_d.zero_grad()
    real_scores = _discriminate(D, real.requires_grad_(with_penalty and config.r1 > 0), config)
    fake_scores = _discriminate(D, fake, config)
    loss_d = loss.d_loss(real_scores, fake_scores)
    loss_g, slope_d, slope_g = _loss_derivatives(config, real_scores.detach(), fake_scores.detach())
    penalty: torch.Tensor | float = 0.0
    gradient = None
    if with_penalty and config.r1 > 0:
        penalty = config.penalty(image_gradient(real_scores, real), config.r1)
    if with_penalty and config.r2 > 0:
        gradient = image_gradient(fake_scores, fake)
        penalty = penalty + config.penalty(gradient, config.r2)
    _backward(loss_d + penalty, loss_weight)

    # Gradients of G, from those at the fakes. `fake.grad` would include the R2 penalty's.
    gan.adam_g.zero_grad()
    if gradient is None:
        assert fake.grad is not None
        augmented.backward(fake.grad * _per_image(_safe_ratio(slope_g, slope_d)))
    else:
        augmented.backward(gradient.detach() * _per_image(slope_g * loss_weight))

    gan.adam_d.step()
    gan.adam_g.step()
    scores = fake_scores.detach()
    return _metrics(loss, loss_g, real_scores.detach(), scores, scores)


def _loss_derivatives(
    config: StepConfig, real_scores: torch.Tensor, fake_scores: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """G's loss, and the derivatives (N,) of D's and of G's loss by the scores of the fakes."""
    with torch.enable_grad():
        fake_scores = fake_scores.requires_grad_()
        (slope_d,) = torch.autograd.grad(config.loss.d_loss(real_scores, fake_scores), fake_scores)
        loss_g = config.loss.g_loss(real_scores, fake_scores, config.top_k)
        (slope_g,) = torch.autograd.grad(loss_g, fake_scores)
    return loss_g.detach(), slope_d, slope_g


def _safe_ratio(slope_g: torch.Tensor, slope_d: torch.Tensor) -> torch.Tensor:
    """slope_g / slope_d; 0 where slope_d underflows in float32."""
    underflows = slope_d.abs() < torch.finfo(torch.float32).tiny
    return torch.where(underflows, 0.0, slope_g / slope_d.masked_fill(underflows, 1.0))


def _per_image(factors: torch.Tensor) -> torch.Tensor:
    return factors.view(-1, 1, 1, 1)


def _metrics(
    loss: Loss,
    loss_g: torch.Tensor,
    real_scores: torch.Tensor,
    fake_scores: torch.Tensor,
    new_scores: torch.Tensor,
) -> torch.Tensor:
    """The METRICS; for a paired loss, d_x and so on are probabilities that one is more real."""
    losses = [loss.d_loss(real_scores, fake_scores), loss_g.detach()]
    if loss.is_paired:
        scores = [real_scores - fake_scores, fake_scores - real_scores, new_scores - real_scores]
    else:
        scores = [real_scores, fake_scores, new_scores]
    return torch.stack([*losses, *(_probabilities(s, loss).mean() for s in scores)]).detach()


def _probabilities(scores: torch.Tensor, loss: Loss) -> torch.Tensor:
    return scores.detach().sigmoid() if loss.on_logits else scores


def _generate(G: nn.Module, z: torch.Tensor, config: StepConfig) -> torch.Tensor:
    """G's images in float32, whatever the dtype of its convolutions."""
    with _autocast(z.device, config):
        images: torch.Tensor = G(z)
    return images


def _discriminate(D: nn.Module, images: torch.Tensor, config: StepConfig) -> torch.Tensor:
    """D's scores in float32, (N,): logits or probabilities, as the loss needs."""
    with _autocast(images.device, config):
        scores: torch.Tensor = D(images, config.loss.on_logits)
    return scores


def _autocast(device: torch.device, config: StepConfig) -> AbstractContextManager[Any]:
    if config.dtype is None:
        return nullcontext()
    # No cache of cast weights: it would outlive a captured step.
    return torch.autocast(device.type, config.dtype, cache_enabled=False)


def _augment(
    images: torch.Tensor, config: StepConfig, rng: torch.Generator | None, *, flip: bool = False
) -> torch.Tensor:
    """Images as D sees them."""
    if rng is None:
        return images
    if flip:
        images = augment.random_flip(images, rng)
    return augment.apply(images, config.augmentations, config.probability, rng)


def _backward(loss: torch.Tensor, weight: float) -> None:
    (loss if weight == 1.0 else loss * weight).backward()
