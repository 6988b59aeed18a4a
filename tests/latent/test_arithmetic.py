"""Vector arithmetic on faces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import arithmetic
from neuroceleb.latent.seeds import z_from_seeds

some_faces = arrays(np.float32, (3, 5), elements=st.floats(-4, 4, width=32))


@given(some_faces, some_faces)
@settings(max_examples=30, deadline=None)
def test_subtracting_and_adding_the_same_changes_nothing(a: Pixels, b: Pixels) -> None:
    assert arithmetic.combine(a, b, b) == pytest.approx(a.mean(axis=0), abs=1e-5)
    assert arithmetic.combine(a, None, None) == pytest.approx(a.mean(axis=0), abs=1e-6)


def test_arithmetic_is_of_means() -> None:
    a, b, c = (z_from_seeds(seeds, 4) for seeds in ((1, 2, 3), (4, 5), (6,)))
    wanted = a.mean(axis=0) - b.mean(axis=0) + c[0]
    result = arithmetic.combine(a, b, c)
    assert result == pytest.approx(wanted, abs=1e-6)
    near = arithmetic.neighbourhood(result)
    assert near.shape == (9, 4)
    assert near[0].tolist() == result.tolist()
    assert 0 < np.abs(near - result).max() <= arithmetic.NOISE + 1e-6
    with pytest.raises(UserError):
        arithmetic.mean(np.zeros((0, 4), np.float32))
    with pytest.raises(UserError):
        arithmetic.mean(np.zeros((9, 4), np.float32))


def test_terms_are_read_back_from_their_text() -> None:
    for text in ("", "1", "1,2|3", "|3", "1||4", "3,14|7|9"):
        assert arithmetic.Terms.read(text).text == text
    terms = arithmetic.Terms.read("1|2").with_term("plus", ("5", "6"))
    assert terms.text == "1|2|5,6"
    for bad in ("1|2|3|4", "x", ",".join("123456789"), "1,,2"):
        with pytest.raises(UserError):
            arithmetic.Terms.read(bad)
    with pytest.raises(UserError):
        terms.with_term("all", ())


def test_the_example_moves_up_along_the_direction() -> None:
    step = np.eye(8, dtype=np.float32)[2]
    z = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    base, minus, plus = (
        z[[int(seed) for seed in term]] for term in arithmetic.example(z, step).all
    )
    result = arithmetic.combine(base, minus, plus)
    moved = (result - plus.mean(axis=0)) @ step
    assert 1.5 < moved < 4
