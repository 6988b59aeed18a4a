"""Directions by which a generator varies its faces most.

Härkönen, Hertzmann, Lehtinen, Paris, *GANSpace: Discovering Interpretable GAN Controls*, 2020: the
principal components of what the first layer answers to thousands of z, regressed back to z. Here
the layer is the transposed convolution with its BatchNorm and ReLU, which makes (ngf*8, 4, 4) of z:
without the ReLU it would be linear, and its directions those of one matrix.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model.networks import Generator

COUNT = 10
SAMPLES = 4_096
MOST_NUMBERS = 2**25  # activations held at once: fewer samples where the layer is wide
FEWEST_SAMPLES = 256
AT_ONCE = 256
SPARE = 30  # more components than asked for, so that those asked for come out right
ROUNDS = 8


def find_directions(
    network: Generator, count: int = COUNT, samples: int = SAMPLES
) -> list[Direction]:
    """The `count` directions that explain most, the strongest first; the same ones each time.

    `network` must be in eval mode. A step along one is a standard deviation of its component.
    """
    width = 16 * next(network.parameters()).shape[1]
    samples = max(FEWEST_SAMPLES, min(samples, MOST_NUMBERS // width))
    z = z_from_seeds(range(samples), network.nz)
    answers = _first_layer(network, z)  # (samples, width)
    answers -= answers.mean(0)
    total = float(answers.square().sum())
    components, strengths = _principal(answers, min(count, network.nz))
    coordinates = (answers @ components).numpy()
    coordinates /= coordinates.std(axis=0) + 1e-12
    steps = _regressed(coordinates, z)
    shares = (strengths.square() / max(total, 1e-12)).clamp(0, 1).tolist()
    return [Direction(_signed(step), share) for step, share in zip(steps, shares, strict=True)]


def _first_layer(network: Generator, z: NDArray[np.float32]) -> torch.Tensor:
    """(N, nz) -> (N, ngf*8*4*4) float32 on the CPU, after BatchNorm and ReLU."""
    layer, device = network.main[:3], next(network.parameters()).device
    with torch.inference_mode():
        parts = [
            layer(part[:, :, None, None].to(device)).flatten(1).float().cpu()
            for part in torch.from_numpy(z).split(AT_ONCE)
        ]
    return torch.cat(parts)


def _principal(centred: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first principal components, (width, count), and their singular values.

    By subspace iteration from a fixed beginning: Halko, Martinsson, Tropp, *Finding structure with
    randomness*, 2011, algorithm 4.4.
    """
    rank = min(count + SPARE, *centred.shape)
    rng = torch.Generator().manual_seed(0)
    basis = torch.randn(centred.shape[1], rank, generator=rng)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    _, strengths, right = torch.linalg.svd(centred @ basis, full_matrices=False)
    return basis @ right[:count].T, strengths[:count]


def _regressed(coordinates: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """The steps in z, (count, nz), that by least squares give z from (N, count) coordinates."""
    steps: NDArray[np.float32] = np.linalg.lstsq(coordinates, z - z.mean(axis=0), rcond=None)[0]
    return steps.astype(np.float32)


def _signed(step: NDArray[np.float32]) -> NDArray[np.float32]:
    """The step or its opposite, by a rule: a component's own sign means nothing."""
    return step if step[np.abs(step).argmax()] >= 0 else -step
