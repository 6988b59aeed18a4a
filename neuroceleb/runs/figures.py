"""Figures as they come out of JSON and pickles, where any value can stand."""

import math


def finite(value: object) -> float | None:
    """The value as a float if it is a finite number, else None (NaN, a bool, a string)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
