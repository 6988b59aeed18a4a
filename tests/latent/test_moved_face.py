"""Faces as texts: seeds, latent vectors, positions along directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.latent import moved_face
from neuroceleb.latent.seeds import MAX_SEED, z_from_seeds


@given(st.integers(0, MAX_SEED), st.sampled_from([1.0, 0.7, 0.0, 2.0]))
def test_the_text_of_a_seed_is_read_back(seed: int, truncation: float) -> None:
    text = moved_face.text_of_seed(seed, truncation)
    face = moved_face.read(text)
    assert (face.text, face.seed, face.truncation) == (text, seed, truncation)
    expected = z_from_seeds([seed], 8, truncation)[0]
    np.testing.assert_array_equal(face.start_z(8), expected)


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=200))
def test_the_text_of_z_is_read_back_to_three_digits(numbers: list[float]) -> None:
    z = np.array(numbers, np.float32)
    text = moved_face.text_of_z(z)
    found = moved_face.read(text).start_z(len(z))
    np.testing.assert_allclose(found, z, atol=0.0006)
    assert moved_face.text_of_z(found) == text
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_positions_move_along_the_directions_and_z_stays_bounded() -> None:
    steps = [np.eye(4, dtype=np.float32)[axis] for axis in range(3)]
    face = moved_face.read("7*0,-2.5,0.25,0")
    assert face.text == "7*0,-2.5,0.25"
    assert face.all_positions(4) == [0, -2.5, 0.25, 0]
    np.testing.assert_allclose(face.z(4, steps) - face.start_z(4), [0, -2.5, 0.25, 0], atol=1e-6)
    far = moved_face.read("zECcQJxAnECc*6,6")  # 10 in every component
    assert far.z(4, steps).max() == moved_face.MAX_Z
    assert moved_face.read("7*0,0").text == "7"


@given(st.text(max_size=40))
def test_any_other_text_is_refused_in_a_sentence(text: str) -> None:
    try:
        face = moved_face.read(text)
        face.start_z(8)
    except UserError:
        return
    assert moved_face.read(face.text) is not None


@pytest.mark.parametrize("text", ["1,2,x", "nan", "inf, 1", "11", "[]", ""])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        moved_face.read_numbers(text)


def test_numbers_are_read_with_or_without_brackets() -> None:
    for text in ("[0.5, -1]", " 0.5,-1 "):
        np.testing.assert_array_equal(moved_face.read_numbers(text), [0.5, -1])
