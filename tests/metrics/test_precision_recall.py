"""Precision and recall: what a set of points covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.metrics import precision_recall

seeds = st.integers(0, 2**32)


def points(count: int, seed: int) -> precision_recall.Floats:
    return np.random.default_rng(seed).normal(0, 1, (count, 12)).astype(np.float32)


@given(st.integers(5, 60), st.integers(1, 4), seeds)
def test_a_set_covers_itself(count: int, k: int, seed: int) -> None:
    support = points(count, seed)
    assert precision_recall.covered(support, support, k).all()


@given(seeds)
def test_a_wider_reach_covers_more_and_what_is_far_is_not_covered(seed: int) -> None:
    support, others = points(30, seed), points(20, seed + 1)
    near, wide = (precision_recall.covered(support, others, k) for k in (2, 5))
    assert (near <= wide).all()
    assert not precision_recall.covered(support, others + 100).any()


def test_modes_that_are_missing_are_not_recalled() -> None:
    both = np.concatenate([points(40, 0), points(40, 1) + 50])
    one = points(60, 2)
    assert precision_recall.covered(both, one).mean() > 0.6  # precision: what is there is fine
    assert precision_recall.covered(one, both)[40:].mean() == 0.0  # recall: half is missing


def test_too_few_support_points_are_refused() -> None:
    with pytest.raises(ValueError, match="nearest"):
        precision_recall.covered(points(3, 0), points(3, 0))
