"""Directions in latent space along which a generator varies most.

Härkönen, Hertzmann, Lehtinen, Paris, *GANSpace: Discovering Interpretable GAN Controls*, 2020: the
principal components of the first layer's activations for thousands of z, regressed back to z. The
layer here is the first transposed convolution with its BatchNorm and ReLU, (ngf*8, 4, 4): without
the ReLU it would be linear, and its directions those of one matrix.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model.networks import Generator

COUNT = 10
SAMPLES = 4_096
MAX_ACTIVATIONS = 2**25  # numbers in memory at once: a wide layer gets fewer samples
MIN_SAMPLES = 256
BATCH = 256
OVERSAMPLING = 30  # extra components, so that the requested ones are accurate
ITERATIONS = 8


def find_directions(
    network: Generator, count: int = COUNT, samples: int = SAMPLES
) -> list[Direction]:
    """The `count` directions that explain most variance, strongest first; deterministic.

    `network` must be in eval mode. A step along one is a standard deviation of its component.
    """
    width = 16 * next(network.parameters()).shape[1]
    samples = max(MIN_SAMPLES, min(samples, MAX_ACTIVATIONS // width))
    z = z_from_seeds(range(samples), network.nz)
    activations = _first_layer(network, z)  # (samples, width)
    activations -= activations.mean(0)
    total = float(activations.square().sum())
    components, strengths = _principal_components(activations, min(count, network.nz))
    coordinates = (activations @ components).numpy()
    coordinates /= coordinates.std(axis=0) + 1e-12
    steps = _regress(coordinates, z)
    shares = (strengths.square() / max(total, 1e-12)).clamp(0, 1).tolist()
    return [Direction(_fix_sign(step), share) for step, share in zip(steps, shares, strict=True)]


def _first_layer(network: Generator, z: NDArray[np.float32]) -> torch.Tensor:
    """(N, nz) -> (N, ngf*8*4*4) float32 on the CPU, after BatchNorm and ReLU."""
    layer, device = network.main[:3], next(network.parameters()).device
    with torch.inference_mode():
        parts = [
            layer(part[:, :, None, None].to(device)).flatten(1).float().cpu()
            for part in torch.from_numpy(z).split(BATCH)
        ]
    return torch.cat(parts)


def _principal_components(centred: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first principal components, (width, count), and their singular values, (count,).

    Subspace iteration from a fixed start: Halko, Martinsson, Tropp, *Finding structure with
    randomness*, 2011, algorithm 4.4.
    """
    rank = min(count + OVERSAMPLING, *centred.shape)
    rng = torch.Generator().manual_seed(0)
    basis = torch.randn(centred.shape[1], rank, generator=rng)
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    _, strengths, right = torch.linalg.svd(centred @ basis, full_matrices=False)
    return basis @ right[:count].T, strengths[:count]


def _regress(coordinates: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """The steps in z, (count, nz), that predict z from (N, count) coordinates (least squares)."""
    steps: NDArray[np.float32] = np.linalg.lstsq(coordinates, z - z.mean(axis=0), rcond=None)[0]
    return steps.astype(np.float32)


def _fix_sign(step: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sign of a component is arbitrary: make its largest number positive."""
    return step if step[np.abs(step).argmax()] >= 0 else -step
