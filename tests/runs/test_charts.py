"""The charts of a run, its quality figures in both layouts, and the best epoch."""

import math

import pytest

from neuroceleb.runs import charts


def row(epoch: int, **more: object) -> dict[str, object]:
    return {"epoch": epoch, **more}


def test_charts_are_of_what_was_measured() -> None:
    stats = [row(0, loss_d=1.0, loss_g=2.0, images_per_second=9.5), row(1, loss_d=math.nan)]
    assert [chart.id for chart in charts.charts_of(stats)] == ["losses", "speed"]
    assert charts.values(stats, "loss_d") == [1.0, None]
    assert charts.values(stats, "loss_g") == [2.0, None]
    assert charts.charts_of([]) == []


@pytest.mark.parametrize(
    "measured",
    [
        {"quality": {"well_formed": 0.9, "swd": 41, "n": 64, "seconds": 1.5}},
        {"quality_well_formed": 0.9, "quality_swd": 41.0},
        {"quality": {"well_formed": 0.9}, "quality_swd": 41},
    ],
)
def test_quality_is_read_in_both_layouts(measured: dict[str, object]) -> None:
    stats = [row(0), row(1, **measured)]
    assert charts.quality_of(stats[0]) == {}
    assert charts.quality_of(stats[1]) == {"well_formed": 0.9, "swd": 41.0}
    drawn = {chart.y_title: chart.lines[0].key for chart in charts.charts_of(stats)}
    assert drawn == {"well formed": "quality.well_formed", "SWD": "quality.swd"}
    assert charts.values(stats, "quality.swd") == [None, 41.0]


@pytest.mark.parametrize("odd", [None, "good", [1], True, {"swd": "41", "fid": math.inf}])
def test_invalid_quality_is_ignored(odd: object) -> None:
    assert charts.quality_of(row(0, quality=odd, quality_x=odd)) == {}


def test_the_best_epoch_is_that_of_the_rule() -> None:
    measured = [
        row(3, quality={"well_formed": 0.8, "swd": 30.0}),
        row(5, quality={"well_formed": 0.9, "swd": 40.0}),
        row(7, quality_well_formed=0.89, quality_swd=35.0),
    ]
    assert charts.best_epoch(measured) == charts.Best(7, "swd", 35.0)
    scored = [row(2, quality={"swd": 30.0, "well_formed": 0.9, "flaw_score": 0.4}), *measured]
    assert charts.best_epoch(scored) == charts.Best(2, "flaw_score", 0.4)
    assert charts.best_epoch([row(0, loss_d=1.0)]) is None


def test_full_evaluations_take_the_place_of_quick_ones() -> None:
    stats = [row(0, quality={"swd": 9.0}), row(1, quality_swd=8.0), row(2)]
    entry = {"swd": {"mean": 21.0}, "well_formed": {"share": 0.75}, "evaluated": "2026"}
    rows = charts.with_evaluations(stats, {1: entry, 9: entry})
    assert [charts.quality_of(one) for one in rows] == [{}, {"swd": 21.0, "well_formed": 0.75}, {}]
    assert charts.best_epoch(rows) == charts.Best(1, "swd", 21.0)
    assert charts.with_evaluations(stats, {}) == stats


def test_epochs_in_which_a_run_was_resumed() -> None:
    assert charts.resumed([row(0), row(1, resumed=True), row(2, resumed="yes")]) == [1]
