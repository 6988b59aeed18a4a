"""From a face back to z: the z whose face looks most like it.

A DCGAN has no encoder, so z is searched for: hundreds of z by chance, the most alike of them as
starts, gradient descent on all of them at once, and the worse half given up again and again. Alike
means pixels and what the discriminator's inner layers answer (Larsen et al., *Autoencoding beyond
pixels using a learned similarity metric*, 2016), and z not too far from where z lie.
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
CANDIDATES_AT_ONCE = 32
STEPS = 300
FEWEST_STEPS = 80
SECONDS = 15.0  # where the machine is slower than this, the search takes fewer steps
STARTS = ((0.0, 8), (0.25, 4), (0.55, 2))  # from which part of the search on, how many
LEARNING_RATE = 0.1
FEATURE_WEIGHT = 0.1
PRIOR_WEIGHT = 5e-4
GREY_LEVELS = 127.5  # of a unit of [-1, 1]

Latent = NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """How far the search has come: `done` 0..1; the best z so far, (nz,) float32.

    `levels` is the root mean square difference of its face's pixels, in grey levels of 255.
    """

    done: float
    z: Latent
    levels: float


def search(
    network: Generator,
    critic: Discriminator | None,
    crop: Pixels,
    *,
    seconds: float = SECONDS,
    steps: int = STEPS,
    seed: int = 0,
) -> Iterator[Step]:
    """Look for the z of a (64, 64, 3) uint8 face, telling of every step, the best last.

    Whoever has seen enough just stops asking. `network` and `critic` must be in eval mode and are
    not changed; without a critic pixels alone count. The same seed gives the same z but for
    rounding, unless the machine is so slow that fewer steps are taken, but no fewer than 80, to
    end in about `seconds`.
    """
    begun = time.monotonic()
    likeness = _Likeness(critic, _to_tensor(crop, network))
    z = _starts(network, likeness, np.random.default_rng(seed))
    order = torch.arange(len(z))
    best, optimizer = _Best(), None
    done, number = 0.0, 0
    while done < 1.0:
        keep = [count for since, count in STARTS if done >= since][-1]
        if optimizer is None or keep < len(z):
            z = z[order[:keep]].detach().clone().requires_grad_()
            optimizer = torch.optim.Adam([z], LEARNING_RATE, betas=(0.9, 0.99))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1.02 - done)
        costs, pixels = _costs(network, likeness, z)
        best.note(z, costs.detach(), pixels.detach())
        (z.grad,) = torch.autograd.grad(costs.sum(), z)
        optimizer.step()
        order = costs.argsort()
        number += 1
        hurried = min((time.monotonic() - begun) / seconds, number / min(steps, FEWEST_STEPS))
        done = min(1.0, max(number / steps, hurried))
        yield Step(done, best.z, best.levels)


class _Likeness:
    """How unlike one face other faces are."""

    def __init__(self, critic: Discriminator | None, target: torch.Tensor) -> None:
        self._critic = critic
        self._target = target
        with torch.no_grad():
            self._features = self._look(target)
        self._scales = [float(f.square().mean()) + 1e-6 for f in self._features]

    def _look(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What three inner layers of the critic answer."""
        if self._critic is None:
            return []
        first = self._critic.main[:2](images)
        second = self._critic.main[2:5](first)
        return [first, second, self._critic.main[5:8](second)]

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 3, 64, 64) -> cost and mean squared difference of the pixels, (N,) each."""
        pixels = (images - self._target).square().mean((1, 2, 3))
        cost = pixels
        parts = zip(self._look(images), self._features, self._scales, strict=True)
        for found, wanted, scale in parts:
            cost = cost + FEATURE_WEIGHT * (found - wanted).square().mean((1, 2, 3)) / scale
        return cost, pixels


@dataclass
class _Best:
    """The best z met so far."""

    cost: float = float("inf")
    z: Latent = field(default_factory=lambda: np.empty(0, np.float32))
    levels: float = float("inf")

    def note(self, z: torch.Tensor, costs: torch.Tensor, pixels: torch.Tensor) -> None:
        """Remember the best of (N, nz), if it is better than those before."""
        first = int(costs.argmin())
        if float(costs[first]) < self.cost:
            self.cost = float(costs[first])
            self.z = z[first].detach().float().cpu().numpy().copy()
            self.levels = GREY_LEVELS * float(pixels[first]) ** 0.5


def _costs(
    network: Generator, likeness: _Likeness, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What each of (N, nz) costs, and how far its pixels are, (N,) each."""
    costs, pixels = likeness(network(z[:, :, None, None]))
    return costs + PRIOR_WEIGHT * z.square().mean(1), pixels


def _starts(network: Generator, likeness: _Likeness, rng: np.random.Generator) -> torch.Tensor:
    """The most alike of z by chance, the best first: (8, nz)."""
    weight = next(network.parameters())
    z = torch.from_numpy(rng.standard_normal((CANDIDATES, network.nz)).astype(np.float32))
    z = z.to(weight.device)
    with torch.no_grad():
        costs = [_costs(network, likeness, part)[0] for part in z.split(CANDIDATES_AT_ONCE)]
    return z[torch.cat(costs).argsort()[: STARTS[0][1]]]


def _to_tensor(crop: Pixels, network: Generator) -> torch.Tensor:
    """(64, 64, 3) uint8 -> (1, 3, 64, 64) float32 in [-1, 1] on the network's device."""
    pixels = torch.from_numpy(np.array(crop)).to(next(network.parameters()).device)
    return pixels.permute(2, 0, 1)[None].float() / GREY_LEVELS - 1
