"""The figures of mode collapse: variety within a batch, and change between epochs."""

import numpy as np
import pytest

from neuroceleb import images
from neuroceleb.metrics import collapse
from tests import helpers


def photos(seeds: range) -> np.ndarray:
    return np.stack([np.asarray(helpers.photo(seed, (64, 64))) for seed in seeds])


def test_photos_have_the_variety_of_other_photos() -> None:
    figures = collapse.measure(photos(range(64)), photos(range(100, 164)), None)
    assert figures["sample_spread"] == pytest.approx(1, abs=0.1)
    assert figures["sample_nearest"] == pytest.approx(1, abs=0.1)
    assert "sample_change" not in figures


def test_a_few_faces_repeated_have_spread_but_near_neighbours() -> None:
    same = photos(range(8))[np.arange(64) % 8]
    grain = np.random.default_rng(0).integers(0, 8, same.shape, dtype=np.uint8)
    figures = collapse.measure(same // 2 * 2 + grain, photos(range(100, 164)), None)
    assert figures["sample_spread"] > 0.7
    assert figures["sample_nearest"] < 0.1


def test_change_compares_each_seed_with_itself() -> None:
    faces = photos(range(64))
    assert collapse.measure(faces, faces, faces)["sample_change"] == 0
    moved = collapse.measure(faces, faces, np.roll(faces, 1, axis=0))
    assert moved["sample_change"] == pytest.approx(1, abs=0.1)


def test_figures_without_a_reference_are_left_out() -> None:
    faces = photos(range(64))
    assert collapse.measure(faces, faces[:2], None) == {}
    assert collapse.measure(faces, np.repeat(faces[:1], 64, axis=0), None) == {}


def test_thumbnails_are_means_of_blocks() -> None:
    faces = np.zeros((1, 64, 64, 3), np.uint8)
    faces[0, :4, 4:6] = 255
    small = images.thumbnails(faces).reshape(16, 16, 3)
    assert small[0, 1].tolist() == [0.5, 0.5, 0.5]
    assert small.sum() == 1.5
