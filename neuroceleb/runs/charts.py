"""The charts of a run: which figures they show, and the values.

Rows are those of `stats.jsonl`, one dictionary per epoch. The app draws the charts with plotly, a
timelapse draws the same lines with Pillow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroceleb.errors import gettext_noop
from neuroceleb.runs import evaluation
from neuroceleb.runs.figures import finite

Stats = Sequence[dict[str, Any]]
Values = list[float | None]

# Readable on a light and on a dark background. D is grey, G has the accent colour.
D_COLOUR = "#7b7b75"
G_COLOUR = "#e04f2f"


@dataclass(frozen=True)
class Line:
    """One figure over the epochs: its key in the rows, its label and its style."""

    key: str
    name: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Chart:
    """Lines on one y axis, from `low` to `high` (None: from the values)."""

    id: str
    y_title: str
    lines: tuple[Line, ...]
    low: float | None = None
    high: float | None = None


LOSSES = Chart(
    "losses",
    gettext_noop("loss"),
    (
        Line("loss_d", gettext_noop("loss D"), D_COLOUR),
        Line("loss_g", gettext_noop("loss G"), G_COLOUR),
    ),
    low=0.0,
)
SCORES = Chart(
    "scores",
    gettext_noop("D says real"),
    (
        Line("d_x", gettext_noop("D(x)"), D_COLOUR),
        Line("d_g_z1", gettext_noop("D(G(z)) before"), G_COLOUR),
        Line("d_g_z2", gettext_noop("D(G(z)) after"), G_COLOUR, "dot"),
    ),
    low=0.0,
    high=1.0,
)
VARIETY = Chart(
    "variety",
    gettext_noop("photos = 1"),
    (
        Line("sample_nearest", gettext_noop("nearest other"), G_COLOUR),
        Line("sample_spread", gettext_noop("spread"), D_COLOUR),
        Line("sample_change", gettext_noop("change"), D_COLOUR, "dot"),
    ),
    low=0.0,
)
SPEED = Chart(
    "speed",
    gettext_noop("images/s"),
    (Line("images_per_second", gettext_noop("images/s"), D_COLOUR),),
    low=0.0,
)

NOT_QUALITY = frozenset({"n", "seconds", "seed"})  # how it was measured
MAX_QUALITY_CHARTS = 12


def charts_of(stats: Stats) -> list[Chart]:
    """The charts that have at least one value."""
    return [
        chart
        for chart in (LOSSES, SCORES, *_quality_charts(stats), VARIETY, SPEED)
        if any(value is not None for line in chart.lines for value in values(stats, line.key))
    ]


def values(stats: Stats, key: str) -> Values:
    """A figure of every row; None if it was not measured or is not finite."""
    if key.startswith("quality."):
        name = key.removeprefix("quality.")
        return [quality_of(row).get(name) for row in stats]
    return [finite(row.get(key)) for row in stats]


def quality_of(row: dict[str, Any]) -> dict[str, float]:
    """The quality figures of a row: its object `quality`, and its keys with prefix `quality_`."""
    inside = row.get("quality")
    found = dict(inside) if isinstance(inside, dict) else {}
    prefix = "quality_"
    found |= {key.removeprefix(prefix): row[key] for key in row if key.startswith(prefix)}
    numbers = {str(key): finite(value) for key, value in found.items()}
    return {k: v for k, v in numbers.items() if v is not None and k not in NOT_QUALITY}


def _quality_charts(stats: Stats) -> list[Chart]:
    """One chart per figure, as each has its own scale."""
    names = list(dict.fromkeys(name for row in stats for name in quality_of(row)))
    return [
        Chart(
            f"quality-{index}",
            _label(name),
            (Line(f"quality.{name}", _label(name), G_COLOUR),),
        )
        for index, name in enumerate(names[:MAX_QUALITY_CHARTS])
    ]


def _label(name: str) -> str:
    return "SWD" if name == "swd" else name.replace("_", " ")


def with_evaluations(stats: Stats, entries: Mapping[int, evaluation.Entry]) -> list[dict[str, Any]]:
    """The rows with the figures of full evaluations, if there are any, instead of the quick ones.

    The two are measured on different numbers of faces, so they are never mixed.
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
    """The best epoch by `evaluation.RULE`, and its value of the deciding figure."""

    epoch: int
    figure: str
    value: float


def best_epoch(stats: Stats) -> Best | None:
    """The best of the epochs whose quality was measured; None if none was."""
    measured = {row["epoch"]: quality_of(row) for row in stats}
    epoch = evaluation.best(measured)
    if epoch is None:
        return None
    figure = evaluation.deciding_figure(measured[epoch])
    return Best(epoch, figure, measured[epoch][figure])


def resumed(stats: Stats) -> list[int]:
    """The epochs in which the run was resumed."""
    return [row["epoch"] for row in stats if row.get("resumed") is True]
