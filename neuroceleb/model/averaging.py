"""Averages of generators, and BatchNorm's statistics for them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neuroceleb.errors import UserError
from neuroceleb.model.networks import Generator

STATISTICS_SEEDS = range(1_000_000, 1_001_024)  # of z for `compute_statistics`
STATISTICS_BATCH_SIZE = 64
BATCHNORM_MOMENTUM = 0.1  # PyTorch's default


def mean_generator(networks: Sequence[Generator], z: NDArray[np.float32]) -> Generator:
    """The generator, in eval mode, whose weights are the mean of those of `networks`.

    Of several epochs of one run it is an average over far more images than the run's own, computed
    afterwards (Izmailov et al., *Averaging Weights Leads to Wider Optima and Better
    Generalization*, 2018; for averages of averages Karras et al., *Analyzing and Improving the
    Training Dynamics of Diffusion Models*, 2024). BatchNorm's statistics are computed anew from
    `z`, as `compute_statistics` does. Raises UserError where there is no network, or they differ in
    width.
    """
    shapes = [[weight.shape for weight in network.parameters()] for network in networks]
    if not shapes or any(shape != shapes[0] for shape in shapes):
        raise UserError("Only generators of the same width and length of z can be averaged.")
    first = networks[0]
    mean = Generator(first.nz, first.ngf, first.nc)
    with torch.no_grad():
        for average, *weights in zip(
            mean.parameters(), *(network.parameters() for network in networks), strict=True
        ):
            average.copy_(torch.stack([weight.double() for weight in weights]).mean(0))
    compute_statistics(mean, z)
    return mean


def compute_statistics(network: Generator, z: NDArray[np.float32]) -> None:
    """Compute BatchNorm's running statistics from images of `z`, (N, nz); sets eval mode.

    Those of the networks that were averaged do not match averaged weights (Brock, Donahue,
    Simonyan, *Large Scale GAN Training*, 2018, "standing statistics").
    """
    layers = list(network.main)
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    through_last_norm = network.main[: layers.index(norms[-1]) + 1]
    device = next(network.parameters()).device
    network.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average over all batches
    with torch.no_grad():
        for batch in torch.from_numpy(z).to(device).split(STATISTICS_BATCH_SIZE):
            through_last_norm(batch[:, :, None, None])
    for norm in norms:
        norm.momentum = BATCHNORM_MOMENTUM
    network.eval()
