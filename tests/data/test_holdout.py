"""The selection of held-out faces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.data import holdout
from neuroceleb.images import Pixels


def noise(count: int, seed: int = 0, size: int = 64) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_about_the_share_is_held_out() -> None:
    mask = holdout.held_out(noise(4_000, size=8))
    assert mask.shape == (4_000,)
    assert mask.dtype == np.bool_
    assert 0.08 < mask.mean() < 0.12  # four standard deviations


def test_the_selection_never_changes() -> None:
    # Written down once: a run trained with a split must find the same one in a year.
    assert np.flatnonzero(holdout.held_out(noise(40))).tolist() == [3, 9, 23, 24, 39]


@given(st.randoms(use_true_random=False))
def test_order_and_other_images_do_not_matter(random: object) -> None:
    faces = noise(60, size=8)
    order = list(range(60))
    random.shuffle(order)  # type: ignore[attr-defined]
    whole = holdout.held_out(faces)
    assert (holdout.held_out(faces[order]) == whole[order]).all()
    assert (holdout.held_out(faces[order[:7]]) == whole[order[:7]]).all()


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_out_what_a_smaller_does(one: float, other: float) -> None:
    less, more = (holdout.held_out(noise(60, size=8), share) for share in sorted((one, other)))
    assert (less <= more).all()


def test_copies_are_selected_like_the_original() -> None:
    faces = noise(30)
    assert (holdout.held_out(faces) == holdout.held_out(faces.copy(order="F"))).all()


def test_none_and_all() -> None:
    faces = noise(20)
    assert not holdout.held_out(faces, 0.0).any()
    assert holdout.held_out(faces, 1.0).all()
    assert holdout.held_out(faces[:0]).shape == (0,)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="outside"):
            holdout.held_out(faces, share)
