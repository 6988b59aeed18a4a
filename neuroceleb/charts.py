"""Plotly figures of a run's course: one row of `stats.jsonl` an epoch in, a figure out."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

Stats = Sequence[dict[str, Any]]

# Readable on a light and on a dark ground alike. D is grey, G wears the accent.
D_COLOUR = "#7b7b75"
G_COLOUR = "#e04f2f"
TEXT_COLOUR = "#80807a"
GRID_COLOUR = "rgba(128, 128, 120, 0.18)"
MAX_EPOCHS_ALL_NAMED = 10  # on the axis; an epoch is never cut in half
FONTS = "IBM Plex Sans, system-ui, sans-serif"


def loss_figure(stats: Stats) -> go.Figure:
    """Both losses over the epochs (means of each epoch)."""
    figure = _figure("loss", len(stats))
    figure.add_trace(_line(stats, "loss_d", "loss D", D_COLOUR))
    figure.add_trace(_line(stats, "loss_g", "loss G", G_COLOUR))
    figure.update_yaxes(rangemode="tozero")
    return figure


def score_figure(stats: Stats) -> go.Figure:
    """What D says of real images, and of G's before and after its own update, over the epochs."""
    figure = _figure("D says real", len(stats))
    figure.add_trace(_line(stats, "d_x", "D(x)", D_COLOUR))
    figure.add_trace(_line(stats, "d_g_z1", "D(G(z)) before", G_COLOUR))
    figure.add_trace(_line(stats, "d_g_z2", "D(G(z)) after", G_COLOUR, dash="dot"))
    figure.add_hline(y=0.5, line={"color": GRID_COLOUR, "width": 1.5})
    figure.update_yaxes(range=[0, 1], tickvals=[0, 0.25, 0.5, 0.75, 1])
    return figure


def _line(stats: Stats, key: str, name: str, colour: str, dash: str = "solid") -> go.Scatter:
    return go.Scatter(
        x=[row.get("epoch") for row in stats],
        y=[_finite(row.get(key)) for row in stats],
        name=name,
        mode="lines" if len(stats) > 2 else "lines+markers",
        line={"color": colour, "width": 2, "dash": dash},
        hovertemplate="%{y:.3f}",
    )


def _finite(value: Any) -> float | None:
    """The number to draw, or None for a gap in the line."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _figure(y_title: str, epochs: int) -> go.Figure:
    ticks = {"dtick": 1} if epochs <= MAX_EPOCHS_ALL_NAMED else {}
    axis = {"gridcolor": GRID_COLOUR, "zeroline": False, "title": {"standoff": 8}}
    return go.Figure(
        layout={
            "template": "none",
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "font": {"color": TEXT_COLOUR, "size": 12, "family": FONTS},
            "margin": {"l": 52, "r": 12, "t": 34, "b": 44},
            "hovermode": "x unified",
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "showlegend": True,
            "uirevision": "kept",  # a reader's zoom outlives new epochs
            "xaxis": axis | {"title": {"text": "epoch", "standoff": 8}, "showgrid": False} | ticks,
            "yaxis": axis | {"title": {"text": y_title, "standoff": 8}},
        }
    )
