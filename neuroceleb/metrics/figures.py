"""Figures as evaluation.json holds them: a value and its 95 % interval side by side."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuroceleb.metrics import intervals

DIGITS = 5

Figures = dict[str, Any]


def share(name: str, observed: ArrayLike) -> Figures:
    """The share of true values among (N,) booleans as `name`, and `<name>_interval`."""
    flags = np.asarray(observed, np.bool_)
    return {name: float(flags.mean()), f"{name}_interval": list(intervals.of_share(flags))}


def mean(name: str, observed: ArrayLike, seed: int) -> Figures:
    """The mean of (N,) values as `name`, and `<name>_interval`."""
    values = np.asarray(observed, np.float64)
    return {name: float(values.mean()), f"{name}_interval": list(intervals.of_mean(values, seed))}


def rounded(value: Any) -> Any:
    """The same with every float rounded to DIGITS places."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value
