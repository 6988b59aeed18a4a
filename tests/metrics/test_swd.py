"""The sliced Wasserstein distance: its properties, and plain references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from neuroceleb.images import Pixels
from neuroceleb.metrics import swd
from tests.metrics.synthetic_faces import faces

FEW = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32)


def apart(one: Pixels, other: Pixels, seed: int = 0, has_interval: bool = False) -> swd.Distance:
    return swd.distance(swd.Patches(one, seed), swd.Patches(other, seed), has_interval)


@FEW
@given(seeds)
def test_the_distance_of_a_set_to_itself_is_0(seed: int) -> None:
    found = apart(faces(6, seed), faces(6, seed), seed)
    assert found.mean == 0.0
    assert set(found.levels) == {64, 32, 16}


@FEW
@given(seeds)
def test_it_is_symmetric(seed: int) -> None:
    one, other = faces(6, seed), faces(6, seed + 1)
    assert apart(one, other).levels == pytest.approx(apart(other, one).levels, rel=1e-5)
    assert apart(one, other).mean > 0


def test_it_ignores_brightness() -> None:
    assert apart(faces(8), faces(8) + 40).mean == pytest.approx(0.0, abs=0.1)


def test_noise_is_seen_on_the_finest_level() -> None:
    real = faces(24)
    grain = (real + np.random.default_rng(1).integers(0, 60, real.shape)).astype(np.uint8)
    found = apart(real, grain).levels
    assert found[64] > 2 * found[16]


def test_the_interval_contains_the_distance_and_is_wider_for_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(swd, "BOOTSTRAP_DIRECTIONS", 8)
    few = apart(faces(12), faces(12, 1), has_interval=True)
    more = apart(faces(64), faces(64, 1), has_interval=True)
    for found in (few, more):
        assert 0 <= found.interval[0] <= found.mean <= found.interval[1]
        assert found.mean == pytest.approx(np.mean(list(found.levels.values())))
    assert np.ptp(more.interval) < np.ptp(few.interval)


def test_only_sets_of_one_size_and_seed_are_compared() -> None:
    for other in (swd.Patches(faces(5), 0), swd.Patches(faces(4), 1)):
        with pytest.raises(ValueError, match="one size and seed"):
            swd.distance(swd.Patches(faces(4), 0), other)


def test_the_pyramid_is_a_laplacian_one() -> None:
    images = faces(2)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None, :, :, None] / 256
    whole = images.astype(np.float64)
    for level in swd.pyramid(images)[:-1]:
        smaller = ndimage.convolve(whole, kernel, mode="mirror")[:, ::2, ::2]
        sparse = np.zeros_like(whole)
        sparse[:, ::2, ::2] = smaller
        doubled = ndimage.convolve(sparse, 4 * kernel, mode="mirror")
        np.testing.assert_allclose(level, whole - doubled, atol=1e-3)
        whole = smaller
    np.testing.assert_allclose(swd.pyramid(images)[-1], whole, atol=1e-3)


def test_along_one_direction_it_is_the_wasserstein_distance() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 1, (5, 40, 3)), rng.normal(1, 2, (5, 40, 3))
    sets = one.astype(np.float32), other.astype(np.float32)
    ours = swd._sliced(*sets, np.eye(3, dtype=np.float32))
    pairs = zip(one.reshape(-1, 3).T, other.reshape(-1, 3).T, strict=True)
    assert ours == pytest.approx(np.mean([stats.wasserstein_distance(a, b) for a, b in pairs]))
