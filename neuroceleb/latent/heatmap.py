"""What a discriminator answers to a face, which pixels speak for *fake*, and how G would respond.

A pixel's relevance is its gradient times its value (Shrikumar et al., *Not Just a Black Box:
Learning Important Features Through Propagating Activation Differences*, 2016), with the gradient
averaged over noisy copies of the image (Smilkov et al., *SmoothGrad: removing noise by adding
noise*, 2017). Values are -1 to 1, so mid-grey pixels have no relevance, whatever D makes of them.
Pixels remain noisy nevertheless; for the eye they are averaged over regions. Even these agree only
weakly with covering parts of the face (docs/inside.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from neuroceleb.data.batches import to_float
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.projection import GREY_LEVELS
from neuroceleb.model import generator
from neuroceleb.model.generator import Model
from neuroceleb.model.networks import Discriminator
from neuroceleb.settings import IMAGE_SIZE

SAMPLES = 32
MAX_SAMPLES = 256
NOISE = 0.3  # standard deviation: 15 % of the range of pixels, within the paper's 10 to 20 %
BATCH = 16
REGION_PX = 3.0  # standard deviation of the Gaussian that averages over regions
BRIGHTEST = 99.0  # percentile of relevance that is drawn in full colour
STEPS = 10
MAX_STEPS = 100
STEP_SIZE = 0.05  # of Adam, per component of z

Latent = NDArray[np.float32]
Relevance = NDArray[np.float32]


@dataclass(frozen=True)
class HeatMap:
    """D's `answer` to a face, the probability that it is real, 0..1, and its `logit`.

    `relevance` (64, 64) float32 is positive where a pixel speaks for fake, negative where it speaks
    for real. With no noisy copies it sums to the derivative of -logit along the image. `regions`
    is the same averaged over regions.
    """

    answer: float
    logit: float
    relevance: Relevance
    regions: Relevance

    def picture(self, face: Pixels) -> Pixels:
        """The regions over a face darkened to grey: red for fake, blue for real, uint8."""
        scale = max(float(np.percentile(np.abs(self.regions), BRIGHTEST)), 1e-12)
        strength = np.clip(self.regions / scale, -1.0, 1.0)[:, :, None]
        grey = face.mean(axis=2, keepdims=True) * 0.5
        colour = np.where(strength > 0, [255.0, 60.0, 30.0], [40.0, 110.0, 255.0])
        mixed: Pixels = (grey + (colour - grey) * np.abs(strength)).round().astype(np.uint8)
        return mixed


@dataclass(frozen=True)
class Improvement:
    """A face after some steps of G's gradient on its z: (nz,), (64, 64, 3) uint8, D's answer.

    `moved` is the mean absolute difference of its pixels from those of step 0, in grey levels.
    """

    step: int
    z: Latent
    face: Pixels
    answer: float
    moved: float


def explain(
    discriminator: Discriminator, face: Pixels, samples: int = SAMPLES, seed: int = 0
) -> HeatMap:
    """The heat map of a (64, 64, 3) uint8 face, generated or real.

    The discriminator must be in eval mode. With `samples` 0 the gradient is that at the face itself
    and is not smoothed. The same seed gives the same map. Raises UserError for a face of another
    size, and outside 0 to MAX_SAMPLES samples.
    """
    if face.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise UserError(
            "D looks at faces of {side}x{side} pixels in colour: crop the face first.",
            side=IMAGE_SIZE,
        )
    if not 0 <= samples <= MAX_SAMPLES:
        raise UserError(
            "{count} noisy copies are too many or too few: use 0 to {most}.",
            count=samples,
            most=MAX_SAMPLES,
        )
    return generator.compute(lambda: _explain(discriminator, face, samples, seed))


def answers(discriminator: Discriminator, faces: Pixels) -> NDArray[np.float32]:
    """D's answers to (N, 64, 64, 3) uint8 faces, the probability of real: (N,).

    In eval mode. During training, D normalizes each batch by itself: those answers differ.
    """

    def compute() -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = _to_tensor(faces, discriminator).split(BATCH)
            found = torch.cat([discriminator(part) for part in parts])
        result: NDArray[np.float32] = found.float().cpu().numpy()
        return result

    return generator.compute(compute) if len(faces) else np.empty(0, np.float32)


def improve(
    model: Model, discriminator: Discriminator, z: Latent, steps: int = STEPS
) -> Iterator[Improvement]:
    """Follow G's gradient on one z, (nz,): steps of Adam that raise D's answer, the weights fixed.

    Yields the face as it is, as step 0, and after each step. Both networks must be in eval mode.
    A higher answer of this one D is no proof of a better face. Raises UserError for a z that does
    not fit the model and outside 1 to MAX_STEPS steps.
    """
    generator.check_latents(z[None], model.nz)
    if not 1 <= steps <= MAX_STEPS:
        raise UserError(
            "{count} steps are too many or too few: use 1 to {most}.", count=steps, most=MAX_STEPS
        )
    device = next(model.network.parameters()).device
    moving = torch.from_numpy(np.array(z, np.float32))[None].to(device).requires_grad_()
    adam = torch.optim.Adam([moving], STEP_SIZE)
    first: torch.Tensor | None = None
    for step in range(steps + 1):
        image, logit, gradient = generator.compute(
            lambda: _z_gradient(model, discriminator, moving)
        )
        first = image if first is None else first
        yield Improvement(
            step,
            moving.detach()[0].cpu().numpy().copy(),
            generator.to_pixels(image)[0],
            float(logit.sigmoid()),
            GREY_LEVELS * float((image - first).abs().mean()),
        )
        moving.grad = gradient
        adam.step()


# In the thread that renders ---------------------------------------------------------------------


def _to_tensor(faces: Pixels, discriminator: Discriminator) -> torch.Tensor:
    """(N, 64, 64, 3) uint8 -> (N, 3, 64, 64) float32 in [-1, 1] on the network's device."""
    values = torch.from_numpy(np.array(faces))  # a copy: photos may be mapped read-only
    return to_float(values.to(next(discriminator.parameters()).device))


def _explain(discriminator: Discriminator, face: Pixels, samples: int, seed: int) -> HeatMap:
    image = _to_tensor(face[None], discriminator)
    with torch.inference_mode():
        logit = float(discriminator(image, as_logits=True))
    relevance = -(image * _gradient(discriminator, image, samples, seed)).sum(1)[0]
    answer = float(torch.tensor(logit).sigmoid())
    regions = _blur(relevance)
    return HeatMap(answer, logit, relevance.float().cpu().numpy(), regions.float().cpu().numpy())


def _blur(values: torch.Tensor) -> torch.Tensor:
    """(H, W) convolved with a Gaussian of REGION_PX, mirrored at the edges."""
    radius = round(3 * REGION_PX)
    offsets = torch.arange(-radius, radius + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (offsets / REGION_PX).square())
    kernel = kernel / kernel.sum()
    padded = functional.pad(values[None, None], [radius] * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1))[0, 0]


def _gradient(
    discriminator: Discriminator, image: torch.Tensor, samples: int, seed: int
) -> torch.Tensor:
    """The gradient of the logit by (1, 3, 64, 64), or its mean over noisy copies."""
    if samples == 0:
        return _logit_gradients(discriminator, image)
    rng = torch.Generator().manual_seed(seed)
    noise = torch.randn((samples, *image.shape[1:]), generator=rng).to(image) * NOISE
    total = torch.zeros_like(image)
    for part in noise.split(BATCH):
        total += _logit_gradients(discriminator, image + part).sum(0, keepdim=True)
    return total / samples


def _logit_gradients(discriminator: Discriminator, images: torch.Tensor) -> torch.Tensor:
    images = images.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = discriminator(images, as_logits=True)
        (gradient,) = torch.autograd.grad(logits.sum(), images)
    return gradient


def _z_gradient(
    model: Model, discriminator: Discriminator, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The image of z, (1, nz), D's logit, and the gradient of G's loss by z."""
    with torch.enable_grad():
        image = model.layers(z[:, :, None, None])
        logit = discriminator(image, as_logits=True)[0]
        (gradient,) = torch.autograd.grad(functional.softplus(-logit), z)
    return image.detach(), logit.detach(), gradient
