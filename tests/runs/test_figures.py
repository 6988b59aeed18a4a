"""Which values of a JSON file are figures."""

import math

import pytest

from neuroceleb.runs.figures import finite


@pytest.mark.parametrize("value", [0, 3, -2.5, 10**300])
def test_finite_numbers_are_floats(value: float) -> None:
    assert finite(value) == float(value)
    assert isinstance(finite(value), float)


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, True, None, "1", [1]])
def test_everything_else_is_none(value: object) -> None:
    assert finite(value) is None
