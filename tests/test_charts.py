"""The two charts of a run: what is drawn of its stats, and what is left out."""

import math
from typing import Any

import pytest

from neuroceleb import charts


def rows(count: int) -> list[dict[str, Any]]:
    names = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")
    return [
        {"epoch": epoch, **{name: (epoch + 1) / (10 + at) for at, name in enumerate(names)}}
        for epoch in range(count)
    ]


def lines(figure: Any) -> dict[str, tuple[list[Any], list[Any]]]:
    return {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}


def test_both_losses_by_epoch() -> None:
    stats = rows(4)
    assert lines(charts.loss_figure(stats)) == {
        "loss D": ([0, 1, 2, 3], [row["loss_d"] for row in stats]),
        "loss G": ([0, 1, 2, 3], [row["loss_g"] for row in stats]),
    }


def test_what_d_says_by_epoch_from_0_to_1() -> None:
    stats = rows(4)
    figure = charts.score_figure(stats)
    drawn = lines(figure)
    assert list(drawn) == ["D(x)", "D(G(z)) before", "D(G(z)) after"]
    assert [y for _, y in drawn.values()] == [
        [row[name] for row in stats] for name in ("d_x", "d_g_z1", "d_g_z2")
    ]
    assert tuple(figure.layout.yaxis.range) == (0, 1)
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "0.5", True])
def test_what_is_no_number_is_a_gap(value: object) -> None:
    stats = rows(3)
    stats[1]["loss_d"] = value
    assert lines(charts.loss_figure(stats))["loss D"][1] == [0.1, None, 0.3]
    del stats[1]["loss_d"]
    assert lines(charts.loss_figure(stats))["loss D"][1] == [0.1, None, 0.3]


def test_one_epoch_is_a_point_and_none_an_empty_chart() -> None:
    assert charts.loss_figure(rows(1)).data[0].mode == "lines+markers"
    assert charts.loss_figure(rows(9)).data[0].mode == "lines"
    assert lines(charts.score_figure([]))["D(x)"] == ([], [])


def test_an_epoch_is_never_cut_in_half_and_a_zoom_outlives_new_ones() -> None:
    assert charts.loss_figure(rows(3)).layout.xaxis.dtick == 1
    assert charts.loss_figure(rows(200)).layout.xaxis.dtick is None
    kept = {charts.loss_figure(rows(count)).layout.uirevision for count in (3, 4)}
    assert len(kept) == 1
