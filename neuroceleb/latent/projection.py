"""Projection: the z whose generated face is most similar to a given face.

A DCGAN has no encoder, so z is optimised: random candidates, the most similar of them as starts,
gradient descent on all of them at once, and the worst of them dropped as the search goes on.
Similarity is measured on pixels and on inner layers of the discriminator (Larsen et al.,
*Autoencoding beyond pixels using a learned similarity metric*, 2016), with a Gaussian prior on z.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from neuroceleb.images import Pixels
from neuroceleb.model.networks import Discriminator, Generator

CANDIDATES = 256
CANDIDATE_BATCH = 32
STEPS = 300
MIN_STEPS = 80
SECONDS = 15.0  # a machine that is slower than this takes fewer steps
STARTS = ((0.0, 8), (0.25, 4), (0.55, 2))  # (progress, starts that remain from there on)
LEARNING_RATE = 0.1
FEATURE_WEIGHT = 0.1
PRIOR_WEIGHT = 5e-4
GREY_LEVELS = 127.5  # per unit of [-1, 1]

# Limits of `grade`, in grey levels. Generated faces are found again at 0.3 to 2.6 (n = 12), real
# ones at about 24; two faces by chance differ by 37.3 to 115.3 (200 pairs). See docs/results.md.
CLOSE = 10.0
LOOSE = 37.0

Latent = NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """A step of the search: its progress `done`, 0..1, and the best z so far, (nz,) float32.

    `pixel_error` is the root mean square difference of that face's pixels, in grey levels (0..255).
    """

    done: float
    z: Latent
    pixel_error: float


def grade(pixel_error: float) -> str:
    """How good a match with that `pixel_error` is: "close", "loose", or "none".

    "none" is no nearer than two generated faces by chance.
    """
    if pixel_error < CLOSE:
        return "close"
    return "loose" if pixel_error < LOOSE else "none"


def search(
    network: Generator,
    discriminator: Discriminator | None,
    crop: Pixels,
    *,
    seconds: float = SECONDS,
    steps: int = STEPS,
    seed: int = 0,
) -> Iterator[Step]:
    """Search for the z of a (64, 64, 3) uint8 face; yields every step, the best z last.

    The caller may stop at any step. Both networks must be in eval mode and are not changed; without
    a discriminator only pixels count. The same seed gives the same z up to rounding, unless the
    machine is so slow that steps are left out to end in about `seconds` (at least MIN_STEPS are
    taken).
    """
    started = time.monotonic()
    objective = _Objective(discriminator, _to_tensor(crop, network))
    z = _starts(network, objective, np.random.default_rng(seed))
    order = torch.arange(len(z))
    best, optimizer = _Best(), None
    done, number = 0.0, 0
    while done < 1.0:
        remaining = [count for since, count in STARTS if done >= since][-1]
        if optimizer is None or remaining < len(z):
            z = z[order[:remaining]].detach().clone().requires_grad_()
            optimizer = torch.optim.Adam([z], LEARNING_RATE, betas=(0.9, 0.99))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1.02 - done)
        costs, pixels = _costs(network, objective, z)
        best.update(z, costs.detach(), pixels.detach())
        (z.grad,) = torch.autograd.grad(costs.sum(), z)
        optimizer.step()
        order = costs.argsort()
        number += 1
        elapsed = min((time.monotonic() - started) / seconds, number / min(steps, MIN_STEPS))
        done = min(1.0, max(number / steps, elapsed))
        yield Step(done, best.z, best.pixel_error)


class _Objective:
    """The difference between a target face, (1, 3, 64, 64) in [-1, 1], and other faces."""

    def __init__(self, discriminator: Discriminator | None, target: torch.Tensor) -> None:
        self._discriminator = discriminator
        self._target = target
        with torch.no_grad():
            self._features = self._inner_layers(target)
        self._scales = [float(f.square().mean()) + 1e-6 for f in self._features]

    def _inner_layers(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The activations of the discriminator's first three layers."""
        if self._discriminator is None:
            return []
        first = self._discriminator.main[:2](images)
        second = self._discriminator.main[2:5](first)
        return [first, second, self._discriminator.main[5:8](second)]

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 3, 64, 64) -> cost and mean squared difference of the pixels, (N,) each."""
        pixels = (images - self._target).square().mean((1, 2, 3))
        cost = pixels
        layers = zip(self._inner_layers(images), self._features, self._scales, strict=True)
        for features, target, scale in layers:
            cost = cost + FEATURE_WEIGHT * (features - target).square().mean((1, 2, 3)) / scale
        return cost, pixels


@dataclass
class _Best:
    """The best z so far."""

    cost: float = float("inf")
    z: Latent = field(default_factory=lambda: np.empty(0, np.float32))
    pixel_error: float = float("inf")

    def update(self, z: torch.Tensor, costs: torch.Tensor, pixels: torch.Tensor) -> None:
        """Keep the best of (N, nz) if it is better than the ones before."""
        first = int(costs.argmin())
        if float(costs[first]) < self.cost:
            self.cost = float(costs[first])
            self.z = z[first].detach().float().cpu().numpy().copy()
            self.pixel_error = GREY_LEVELS * float(pixels[first]) ** 0.5


def _costs(
    network: Generator, objective: _Objective, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cost with the prior, and mean squared difference of the pixels, of (N, nz): (N,) each."""
    costs, pixels = objective(network(z[:, :, None, None]))
    return costs + PRIOR_WEIGHT * z.square().mean(1), pixels


def _starts(network: Generator, objective: _Objective, rng: np.random.Generator) -> torch.Tensor:
    """The best of random z, best first: (8, nz)."""
    weight = next(network.parameters())
    z = torch.from_numpy(rng.standard_normal((CANDIDATES, network.nz)).astype(np.float32))
    z = z.to(weight.device)
    with torch.no_grad():
        costs = [_costs(network, objective, part)[0] for part in z.split(CANDIDATE_BATCH)]
    return z[torch.cat(costs).argsort()[: STARTS[0][1]]]


def _to_tensor(crop: Pixels, network: Generator) -> torch.Tensor:
    """(64, 64, 3) uint8 -> (1, 3, 64, 64) float32 in [-1, 1] on the network's device."""
    pixels = torch.from_numpy(np.array(crop)).to(next(network.parameters()).device)
    return pixels.permute(2, 0, 1)[None].float() / GREY_LEVELS - 1
