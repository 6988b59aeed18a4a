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
