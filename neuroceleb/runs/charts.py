"""What is drawn of a run's figures: the charts, their lines, the plain numbers behind them.

Rows are those of `stats.jsonl`, one dictionary an epoch. The page draws the charts with plotly,
a film draws the same lines beneath its picture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroceleb.runs import evaluation

Stats = Sequence[dict[str, Any]]
Values = list[float | None]

# Readable on a light and on a dark ground alike. D is grey, G wears the accent.
D_COLOUR = "#7b7b75"
G_COLOUR = "#e04f2f"


@dataclass(frozen=True)
class Line:
    """One figure over the epochs: its key in the rows, its name, how it is drawn."""

    key: str
    name: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Chart:
    """Some lines on one scale, from `low` to `high` where those are known beforehand."""

    id: str
    y_title: str
    lines: tuple[Line, ...]
    low: float | None = None
    high: float | None = None


LOSSES = Chart(
    "losses",
    "loss",
    (Line("loss_d", "loss D", D_COLOUR), Line("loss_g", "loss G", G_COLOUR)),
    low=0.0,
)
SCORES = Chart(
    "scores",
    "D says real",
    (
        Line("d_x", "D(x)", D_COLOUR),
        Line("d_g_z1", "D(G(z)) before", G_COLOUR),
        Line("d_g_z2", "D(G(z)) after", G_COLOUR, "dot"),
    ),
    low=0.0,
    high=1.0,
)
VARIETY = Chart(
    "variety",
    "photos = 1",
    (
        Line("sample_nearest", "nearest other", G_COLOUR),
        Line("sample_spread", "spread", D_COLOUR),
        Line("sample_change", "change", D_COLOUR, "dot"),
    ),
    low=0.0,
)
SPEED = Chart("speed", "images/s", (Line("images_per_second", "images/s", D_COLOUR),), low=0.0)

NO_QUALITY = frozenset({"n", "seconds", "seed"})  # how it was measured, not what was found
MAX_QUALITY_CHARTS = 12


def charts_of(stats: Stats) -> list[Chart]:
    """The charts there is something to draw in."""
    return [
        chart
        for chart in (LOSSES, SCORES, *_quality_charts(stats), VARIETY, SPEED)
        if any(value is not None for line in chart.lines for value in values(stats, line.key))
    ]


def values(stats: Stats, key: str) -> Values:
    """A figure of every row, None where it was not measured or is no finite number."""
    if key.startswith("quality."):
        name = key.removeprefix("quality.")
        return [quality_of(row).get(name) for row in stats]
    return [_finite(row.get(key)) for row in stats]


def quality_of(row: dict[str, Any]) -> dict[str, float]:
    """The quality figures of a row: its object `quality`, and its keys that begin `quality_`."""
    inside = row.get("quality")
    found = dict(inside) if isinstance(inside, dict) else {}
    prefix = "quality_"
    found |= {key.removeprefix(prefix): row[key] for key in row if key.startswith(prefix)}
    numbers = {str(key): _finite(value) for key, value in found.items()}
    return {k: v for k, v in numbers.items() if v is not None and k not in NO_QUALITY}


def _quality_charts(stats: Stats) -> list[Chart]:
    """One chart a figure: each has a scale of its own."""
    names = list(dict.fromkeys(name for row in stats for name in quality_of(row)))
    return [
        Chart(
            f"quality-{index}",
            _in_words(name),
            (Line(f"quality.{name}", _in_words(name), G_COLOUR),),
        )
        for index, name in enumerate(names[:MAX_QUALITY_CHARTS])
    ]


def _in_words(name: str) -> str:
    return "SWD" if name == "swd" else name.replace("_", " ")


def with_evaluations(stats: Stats, entries: Mapping[int, evaluation.Entry]) -> list[dict[str, Any]]:
    """The rows, with what full evaluations found in place of the quick figures, if there are any.

    The two are of different numbers of faces, so they are never mixed.
    """
    found = evaluation.of_entries(entries)
    if not found:
        return list(stats)
    quick = {"quality", *(key for row in stats for key in row if key.startswith("quality_"))}
    bare = [{key: row[key] for key in row if key not in quick} for row in stats]
    return [
        row | ({"quality": found[row["epoch"]]} if row["epoch"] in found else {}) for row in bare
    ]


@dataclass(frozen=True)
class Best:
    """The epoch that is best by the rule of `quality`, and the figure that decided."""

    epoch: int
    figure: str
    value: float


def best_epoch(stats: Stats) -> Best | None:
    """The best of the epochs whose quality was measured; None where none was."""
    measured = {row["epoch"]: quality_of(row) for row in stats}
    epoch = evaluation.best(measured)
    return None if epoch is None else Best(epoch, "swd", measured[epoch]["swd"])


def resumed(stats: Stats) -> list[int]:
    """The epochs within (or at the beginning of) which a stopped run went on."""
    return [row["epoch"] for row in stats if row.get("resumed") is True]


def _finite(value: Any) -> float | None:
    """The number to draw, or None for a gap in the line."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
