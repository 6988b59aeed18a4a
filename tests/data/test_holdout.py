"""The selection of held-out faces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.data import holdout
from neuroceleb.data.persons import People
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


# By person ---------------------------------------------------------------------------------


def persons_of(sizes: list[int]) -> People:
    return np.repeat(np.arange(len(sizes)), sizes)


def test_nobody_is_on_both_sides() -> None:
    people = persons_of([40, 30, 30, 20, 10, 5, 5, 5, 3, 2])
    faces = noise(len(people), size=8)
    mask = holdout.held_out_by_person(faces, people, 0.2)
    assert holdout.share_on_both_sides(mask, people) == 0.0
    assert 0.1 <= mask.mean() <= 0.2
    assert holdout.share_on_both_sides(holdout.held_out(faces, 0.2), people) > 0.5


def test_the_selection_of_persons_never_changes() -> None:
    people = persons_of([1, 2, 3, 4] * 4)
    mask = holdout.held_out_by_person(noise(len(people)), people, 0.25)
    assert sorted(set(people[mask].tolist())) == [0, 1, 2, 8, 9, 12]


@given(st.randoms(use_true_random=False))
def test_order_and_numbers_of_persons_do_not_matter(random: object) -> None:
    people = persons_of([7, 5, 4, 3, 2, 2, 1, 1])
    faces = noise(len(people), size=8)
    order, numbers = list(range(len(people))), list(range(8))
    random.shuffle(order)  # type: ignore[attr-defined]
    random.shuffle(numbers)  # type: ignore[attr-defined]
    whole = holdout.held_out_by_person(faces, people, 0.3)
    renumbered = np.array(numbers)[people] * 100
    found = holdout.held_out_by_person(faces[order], renumbered[order], 0.3)
    assert (found == whole[order]).all()


def test_the_smallest_is_taken_where_all_have_more_than_the_share() -> None:
    people = persons_of([20, 10, 15])
    mask = holdout.held_out_by_person(noise(45, size=8), people, 0.1)
    assert set(people[mask].tolist()) == {1}


def test_one_person_alone_is_not_held_out() -> None:
    faces, people = noise(9, size=8), persons_of([9])
    assert not holdout.held_out_by_person(faces, people, 0.5).any()
    assert holdout.held_out_by_person(faces, people, 1.0).all()
    assert not holdout.held_out_by_person(faces, persons_of([4, 5]), 0.0).any()
    assert holdout.held_out_by_person(faces[:0], people[:0]).shape == (0,)
    assert holdout.share_on_both_sides(np.zeros(0, np.bool_), people[:0]) == 0.0
    with pytest.raises(ValueError, match="outside"):
        holdout.held_out_by_person(faces, people, 2.0)


@given(st.lists(st.booleans(), max_size=50))
def test_a_selection_is_read_as_it_was_written(flags: list[bool]) -> None:
    mask = np.array(flags, np.bool_)
    assert holdout.from_text(holdout.to_text(mask), len(mask)).tolist() == flags


def test_other_text_is_no_selection() -> None:
    text = holdout.to_text(np.ones(20, np.bool_))
    for wrong in ("", "no base 64!", "AAAA", text[:-4], holdout.to_text(np.ones(99_999, np.bool_))):
        with pytest.raises(ValueError):
            holdout.from_text(wrong, 20)
    with pytest.raises(ValueError):
        holdout.from_text(text, 25)
