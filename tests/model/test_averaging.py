"""Means of generators."""

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import averaging
from neuroceleb.model.generator import fold_batchnorm
from tests import helpers

Z = z_from_seeds(averaging.STATISTICS_SEEDS, 8)


def test_a_mean_has_the_mean_of_the_weights() -> None:
    networks = [helpers.random_generator(seed=seed) for seed in (1, 2, 3)]
    mean = averaging.mean_generator(networks, Z)
    for average, *weights in zip(
        mean.parameters(), *(one.parameters() for one in networks), strict=True
    ):
        assert torch.allclose(average, torch.stack(weights).mean(0), atol=1e-6)
    assert not mean.training


def test_its_statistics_are_those_of_its_own_images() -> None:
    mean = averaging.mean_generator([helpers.random_generator(seed=seed) for seed in (1, 2)], Z)
    with torch.no_grad():
        found = mean.main[0](torch.from_numpy(Z)[:, :, None, None])
    assert torch.allclose(mean.main[1].running_mean, found.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(mean.main[1].running_var, found.var((0, 2, 3)), rtol=1e-2)


def test_the_mean_of_one_network_draws_its_images() -> None:
    network = helpers.random_generator()
    averaging.compute_statistics(network, Z)
    mean = averaging.mean_generator([network], Z)
    z = torch.from_numpy(z_from_seeds(range(4), network.nz))[:, :, None, None]
    with torch.inference_mode():
        ours, expected = fold_batchnorm(mean)(z).numpy(), fold_batchnorm(network)(z).numpy()
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("widths", [(), (4, 8)])
def test_what_has_no_mean_is_refused(widths: tuple[int, ...]) -> None:
    networks = [helpers.random_generator(ngf=width) for width in widths]
    with pytest.raises(UserError, match="same width"):
        averaging.mean_generator(networks, Z)
