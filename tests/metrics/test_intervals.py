"""Confidence intervals: they contain the estimate, and are as wide as theory says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroceleb.metrics import intervals

FEW = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32)


@FEW
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), seeds)
def test_an_interval_contains_the_mean(values: list[float], seed: int) -> None:
    low, high = intervals.of_mean(values, seed)
    assert low <= np.mean(values) <= high
    assert (low, high) == intervals.of_mean(values, seed)


@FEW
@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_the_interval_of_a_share_is_wilsons(flags: list[bool]) -> None:
    n, share, z = len(flags), np.mean(flags), 1.959964
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = intervals.of_share(flags)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert 0 <= low <= share <= high <= 1
    assert low < high  # also for a share of none or all


def test_an_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    observed = np.random.default_rng(0).normal(3, 2, 1_000)
    low, high = intervals.of_mean(observed, 0)
    assert high - low == pytest.approx(2 * 1.96 * 2 / np.sqrt(1_000), rel=0.15)


def test_the_bootstrap_is_that_of_resampled_means() -> None:
    observed = np.random.default_rng(0).exponential(1, 300)
    means = intervals.resampling_counts(300, 1_000, 1) @ observed / 300
    expected = np.quantile(means, intervals.QUANTILES)
    assert intervals.of_mean(observed, 0) == pytest.approx(tuple(expected), abs=0.02)


def test_no_observations_have_no_interval() -> None:
    for interval in (lambda: intervals.of_mean([], 0), lambda: intervals.of_share([])):
        with pytest.raises(ValueError, match="no observations"):
            interval()


def test_every_resample_has_as_many_observations() -> None:
    counts = intervals.resampling_counts(7, 50, 3)
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()
