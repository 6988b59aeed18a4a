"""The heat map of the nearest training photo."""

import numpy as np
import torch

from neuroceleb.images import Pixels
from neuroceleb.latent import heatmap
from neuroceleb.metrics.memorization import CopyCheck
from neuroceleb.metrics.nearest_heatmap import explain_nearest
from neuroceleb.model.networks import Discriminator, weights_init
from tests import helpers


def photos() -> Pixels:
    return np.stack([np.asarray(helpers.photo(seed, (64, 64))) for seed in range(30)])


def test_it_is_the_heat_map_of_the_photo_that_is_nearest() -> None:
    discriminator = Discriminator(4)
    weights_init(discriminator, torch.Generator().manual_seed(0))
    discriminator.eval()
    pool = photos()
    darker = (pool[7] * 0.9).astype(np.uint8)
    found = explain_nearest(discriminator, darker, CopyCheck(pool), 2)
    assert found.comparison.indices[0] == 7
    assert np.array_equal(found.photo, pool[7])
    expected = heatmap.explain(discriminator, pool[7], 2)
    assert np.array_equal(found.heat.relevance, expected.relevance)
    assert found.heat.answer == expected.answer
