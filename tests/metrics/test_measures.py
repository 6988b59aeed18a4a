"""The measures themselves: what must hold of them for any faces, and against plain references."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from skimage.metrics import structural_similarity

from neuroceleb.images import Pixels
from neuroceleb.metrics import diversity, intervals, memorization, swd
from neuroceleb.runs import evaluation

FEW = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32)


def faces(count: int, seed: int = 0) -> Pixels:
    """Smooth pictures that differ, as faces do, more in the large than in the small."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 160, (count, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    return (coarse + rng.integers(0, 40, (count, 64, 64, 3))).astype(np.uint8)


# How sure a figure is ----------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), seeds)
def test_an_interval_holds_the_mean(values: list[float], seed: int) -> None:
    low, high = intervals.of_mean(values, seed)
    assert low <= np.mean(values) <= high
    assert (low, high) == intervals.of_mean(values, seed)


@given(st.integers(1, 500), st.booleans())
def test_a_share_of_none_or_all_is_not_certain(count: int, all_of_them: bool) -> None:
    low, high = intervals.of_mean([all_of_them] * count, 0)
    assert low < high
    assert (low == 0.0, high == 1.0) >= (not all_of_them, all_of_them)
    assert high - low == pytest.approx(min(1.0, 3 / count))


def test_an_interval_is_as_wide_as_theory_says() -> None:
    observed = np.random.default_rng(0).random(1_000) < 0.3
    low, high = intervals.of_mean(observed, 0)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 1_000), rel=0.15)


def test_nothing_observed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="nothing"):
        intervals.of_mean([], 0)


# Sliced Wasserstein distance ---------------------------------------------------------------


def apart(one: Pixels, other: Pixels, seed: int = 0, sure: bool = False) -> swd.Distance:
    return swd.distance(swd.Patches(one, seed), swd.Patches(other, seed), sure)


@FEW
@given(seeds)
def test_a_set_is_no_way_from_itself(seed: int) -> None:
    found = apart(faces(6, seed), faces(6, seed), seed)
    assert found.mean == 0.0
    assert set(found.levels) == {64, 32, 16}


@FEW
@given(seeds)
def test_it_is_as_far_there_as_back(seed: int) -> None:
    one, other = faces(6, seed), faces(6, seed + 1)
    assert apart(one, other).levels == pytest.approx(apart(other, one).levels, rel=1e-5)
    assert apart(one, other).mean > 0


def test_light_alone_makes_no_distance() -> None:
    assert apart(faces(8), faces(8) + 40).mean == pytest.approx(0.0, abs=0.1)


def test_each_level_sees_its_own_size() -> None:
    real = faces(24)
    grain = (real + np.random.default_rng(1).integers(0, 60, real.shape)).astype(np.uint8)
    found = apart(real, grain).levels
    assert found[64] > 2 * found[16]


def test_the_distance_interval_holds_it_and_is_wider_for_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(swd, "BOOTSTRAP_DIRECTIONS", 8)
    few = apart(faces(12), faces(12, 1), sure=True)
    more = apart(faces(64), faces(64, 1), sure=True)
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


def test_along_a_direction_it_is_the_wasserstein_distance() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 1, (5, 40, 3)), rng.normal(1, 2, (5, 40, 3))
    ours = swd._along(one.astype(np.float32), other.astype(np.float32), np.eye(3, dtype=np.float32))
    pairs = zip(one.reshape(-1, 3).T, other.reshape(-1, 3).T, strict=True)
    assert ours == pytest.approx(np.mean([stats.wasserstein_distance(a, b) for a, b in pairs]))


# Diversity ---------------------------------------------------------------------------------


@FEW
@given(seeds)
def test_a_face_is_wholly_like_itself(seed: int) -> None:
    ones, others = faces(5, seed), faces(5, seed + 1)
    np.testing.assert_allclose(diversity.ms_ssim(ones, ones), 1.0, atol=1e-4)
    alike = diversity.ms_ssim(ones, others)
    np.testing.assert_allclose(alike, diversity.ms_ssim(others, ones), atol=1e-5)
    assert (alike < 0.9).all()
    assert (alike >= 0).all()


def test_one_scale_is_what_scikit_image_gives() -> None:
    ones, others = faces(3), faces(3, 1) // 2 + faces(3) // 2
    ours, _ = diversity._ssim(ones.astype(np.float32), others.astype(np.float32))
    for index, value in enumerate(ours):
        theirs = structural_similarity(
            ones[index],
            others[index],
            channel_axis=2,
            gaussian_weights=True,
            use_sample_covariance=False,
            data_range=255,
        )
        assert value == pytest.approx(theirs, abs=1e-3)


@given(st.integers(0, 40), seeds)
def test_no_face_is_in_two_pairs(count: int, seed: int) -> None:
    ones, others = diversity.pairs(np.arange(count), seed)
    both = np.concatenate([ones, others])
    assert len(ones) == len(others) == count // 2
    assert len(set(both.tolist())) == len(both)


def points(count: int, seed: int) -> diversity.Floats:
    return np.random.default_rng(seed).normal(0, 1, (count, 12)).astype(np.float32)


@given(st.integers(5, 60), st.integers(1, 4), seeds)
def test_a_set_covers_itself(count: int, k: int, seed: int) -> None:
    ground = points(count, seed)
    assert diversity.covered(ground, ground, k).all()


@given(seeds)
def test_a_wider_reach_covers_more_and_what_is_far_is_not_covered(seed: int) -> None:
    ground, others = points(30, seed), points(20, seed + 1)
    near, wide = (diversity.covered(ground, others, k) for k in (2, 5))
    assert (near <= wide).all()
    assert not diversity.covered(ground, others + 100).any()


def test_modes_that_are_missing_are_not_recalled() -> None:
    both = np.concatenate([points(40, 0), points(40, 1) + 50])
    one = points(60, 2)
    assert diversity.covered(both, one).mean() > 0.6  # precision: what is there is fine
    assert diversity.covered(one, both)[40:].mean() == 0.0  # recall: the other half is missing


def test_too_small_a_ground_is_refused() -> None:
    with pytest.raises(ValueError, match="nearest"):
        diversity.covered(points(3, 0), points(3, 0))


# Copies ------------------------------------------------------------------------------------


@FEW
@given(seeds)
def test_a_copy_is_nearest_to_what_it_was_copied_from(seed: int) -> None:
    trained_on = faces(40, seed)
    pool = memorization.Pool(trained_on)
    darker = (trained_on[:6] * 0.8).astype(np.uint8)
    for copied in (trained_on[:6], trained_on[:6, :, ::-1], darker):
        nearest = pool.nearest(copied)
        assert nearest.shape == (6, memorization.NEAREST)
        assert (np.diff(nearest, axis=1) >= 0).all()
        assert (nearest[:, 0] < 0.1).all()
        assert (nearest[:, 1] > 0.3).all()
    itself_left_out = pool.nearest(trained_on[:6], np.arange(6))
    assert (itself_left_out[:, 0] > 0.3).all()


def test_copies_are_suspect_and_other_faces_are_not() -> None:
    trained_on, held_out, new = faces(300), faces(100, 1), faces(100, 2)
    pool = memorization.Pool(trained_on)
    below = memorization.limits(pool.nearest(held_out))
    copied = np.clip(trained_on[:50].astype(int) + 10, 0, 255).astype(np.uint8)
    assert memorization.suspects(pool.nearest(copied), below).all()
    assert memorization.suspects(pool.nearest(new), below).mean() <= 0.05
    assert memorization.suspects(pool.nearest(held_out), below).mean() <= 0.02


def test_copies_are_found_where_a_dataset_holds_pictures_twice() -> None:
    once, held_out = faces(300), faces(100, 1)
    pool = memorization.Pool(np.concatenate([once, held_out[:20]]))  # a fifth of the real ones
    below = memorization.limits(pool.nearest(held_out))
    assert below.distance >= memorization.TWIN
    copied = np.clip(once[:50].astype(int) + 10, 0, 255).astype(np.uint8)
    assert memorization.suspects(pool.nearest(copied), below).all()
    assert memorization.suspects(pool.nearest(faces(100, 2)), below).mean() <= 0.05
    all_twice = memorization.limits(pool.nearest(once))
    assert np.isfinite([all_twice.distance, all_twice.outstanding]).all()


def test_pictures_without_anything_in_them_are_described() -> None:
    flat = np.full((15, 64, 64, 3), 90, np.uint8)
    assert np.isfinite(memorization.Pool(flat).nearest(flat)).all()


# The best epoch ----------------------------------------------------------------------------


def test_the_best_epoch_is_the_nearest_of_the_well_formed() -> None:
    figures = {
        0: {"swd": 5.0, "well_formed": 0.50},  # near, but no faces
        1: {"swd": 30.0, "well_formed": 0.96},
        2: {"swd": 20.0, "well_formed": 0.95},
        3: {"swd": 40.0, "well_formed": 0.97},
        4: {"swd": 20.0, "well_formed": 0.96},
        5: {"swd": float("nan"), "well_formed": 1.0},
        6: {"well_formed": 1.0},
        7: {"swd": 1.0},
    }
    assert evaluation.best(figures) == 2
    assert evaluation.best({1: {"swd": 30.0}, 2: {"swd": 20.0, "said": "no detector"}}) == 2
    assert evaluation.best({}) is None
    assert evaluation.best({1: {"swd": None}, 2: {"swd": "20"}, 3: {"swd": True}}) is None


@given(st.dictionaries(st.integers(0, 50), st.tuples(st.floats(0, 1), st.floats(0, 500))))
def test_no_epoch_is_better_than_the_best(found: dict[int, tuple[float, float]]) -> None:
    figures = {e: {"well_formed": share, "swd": far} for e, (share, far) in found.items()}
    best = evaluation.best(figures)
    assert (best is None) == (not found)
    for share, far in found.values():
        assert best is not None
        assert not (far < found[best][1] and share >= max(s for s, _ in found.values()))


def entry(n: int, share: float, far: float, evaluated: str = "2026") -> evaluation.Entry:
    figures = {"well_formed": {"share": share}, "swd": {"mean": far}}
    return {"n_fake": n, "evaluated": evaluated, **figures}


def test_entries_are_kept_and_compared_with_their_like(tmp_path: Path) -> None:
    assert evaluation.read(tmp_path) == {}
    evaluation.write(tmp_path, 3, entry(100, 0.9, 10.0, "2025"))
    evaluation.write(tmp_path, 7, entry(2_048, 0.9, 30.0))
    evaluation.write(tmp_path, 5, entry(2_048, 0.9, 40.0))
    evaluation.write(tmp_path, 5, entry(2_048, 0.9, 20.0))
    assert list(evaluation.read(tmp_path)) == [3, 5, 7]
    value = json.loads((tmp_path / evaluation.FILE).read_text("utf-8"))
    assert value["best"] == 5  # epoch 3 was measured on fewer
    assert value["rule"] == evaluation.RULE
    assert [path.name for path in tmp_path.iterdir()] == [evaluation.FILE]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epochs": []}', '{"epochs": {"x": {}, "1": 2}}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / evaluation.FILE).write_text(text)
    assert evaluation.read(tmp_path) == {}


def test_quick_figures_are_read_from_stats() -> None:
    rows = [{"epoch": 0}, {"epoch": 1, "quality": {"swd": 9.0}}, {"epoch": 2, "quality": 3}]
    assert evaluation.of_stats(rows) == {1: {"swd": 9.0}}
