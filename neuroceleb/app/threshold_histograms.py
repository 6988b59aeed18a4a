"""Histograms of a dataset's faces for each threshold, drawn behind its slider."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.manifest import KEPT, Row
from neuroceleb.data.faces.rules import RULE_TARGETS, Rules

BARS = 40


def compute(rows: Sequence[Row], rules: Rules) -> dict[str, dict[str, Any]]:
    """For each numeric threshold: bounds of a slider, and histograms of the faces within them.

    `kept` and `rejected` count faces in BARS bins between `low` and `high`; values outside count in
    the outermost bins.
    """
    faces = [row for row in rows if row.crop]
    kept = np.array([row.verdict == KEPT for row in faces], bool)
    specs = {spec.name: spec for spec in dataclasses.fields(Rules) if "low" in spec.metadata}
    found = {}
    for name, spec in specs.items():
        measure = RULE_TARGETS[name][0] if name in RULE_TARGETS else None
        values = np.array([_measured(row, measure) for row in faces], np.float64)
        low, high = _span(values, spec.metadata, getattr(Rules, name), getattr(rules, name))
        bars = {}
        if measure is not None:
            inside = np.clip(values, low, high)
            for side, chosen in (("kept", kept), ("rejected", ~kept)):
                bars[side] = np.histogram(inside[chosen], BARS, (low, high))[0].tolist()
        found[name] = {"low": low, "high": high, **bars}
    return found


def _measured(row: Row, measure: str | None) -> float:
    return abs(float(row.measures.get(measure, 0.0))) if measure else 0.0


def _span(
    values: NDArray[np.float64], bounds: Mapping[str, Any], default: float, limit: float
) -> tuple[float, float]:
    """From the lowest allowed limit to the 98th percentile or so; always with `limit` inside."""
    low, high = float(bounds["low"]), float(bounds["high"])
    if high <= 1:
        return low, high
    most = float(np.percentile(values, 98)) if len(values) else 0.0
    wanted = max(1.6 * default, min(most, 20 * default), limit)
    step = 10 ** np.floor(np.log10(max(wanted, 1.0)))
    return low, float(min(high, np.ceil(wanted / step * 2) * step / 2))
