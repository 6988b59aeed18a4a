"""Verdicts on recorded curves, healthy and failed, and on synthetic ones at the thresholds.

The curves are real trainings of the recipe's networks: `celeba_mini` at full width, the others at
a small one on 1,000 faces: `d_strong` with a D far wider than G, `g_strong` the other way round,
`collapse` at a learning rate of 0.005 with beta1 0.9, `diverged` at 0.2, `stalled` at 1e-7.
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from neuroceleb.runs import verdict

CURVES = Path(__file__).parent / "curves"


def curve(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CURVES / f"{name}.jsonl").read_text().splitlines()]


def kinds(rows: list[dict[str, Any]]) -> list[str]:
    """The verdict after every epoch."""
    judged = [verdict.judge(rows[: count + 1]) for count in range(len(rows))]
    return [item.kind for item in judged if item is not None]


@pytest.mark.parametrize("name", ["healthy", "celeba_mini"])
def test_a_healthy_run_is_learning_as_soon_as_its_faces_differ(name: str) -> None:
    found = kinds(curve(name))
    early = found.count("early")
    assert found == ["early"] * early + ["learning"] * (len(found) - early)
    assert curve(name)[early]["images_seen"] < verdict.LONG_IMAGES or early == 2


@pytest.mark.parametrize("name", ["d_strong", "g_strong", "diverged", "stalled"])
def test_a_failed_run_is_recognized_and_stays_so(name: str) -> None:
    found = kinds(curve(name))
    assert found[-1] == name
    assert found[found.index(name) :].count(name) > 0.8 * (len(found) - found.index(name))


def test_a_collapse_is_reported_while_it_lasts() -> None:
    found = kinds(curve("collapse"))
    assert set(found[2:18]) == {"collapse"}
    assert "learning" not in found[2:]


@pytest.mark.parametrize("name", ["d_strong", "g_strong", "collapse", "diverged", "stalled"])
def test_the_verdict_on_a_failed_run_has_evidence_and_advice(name: str) -> None:
    rows = curve(name)
    judged = verdict.judge(rows[:15] if name == "collapse" else rows)
    assert judged is not None
    assert judged.kind == name
    assert judged.advice
    assert judged.figures
    for value in judged.figures.values():
        assert f"{value:g}" in str(judged.sentence)
    assert str(judged.epochs[1]) in str(judged.sentence)


def test_small_epochs_that_change_little_are_not_stalled() -> None:
    """Of 50 photos, an epoch changes the faces by 0.006 while they move on from epoch to epoch."""
    rows = curve("healthy")
    for place, row in enumerate(rows):
        row["images_seen"] = 50 * (place + 1)
        row["sample_change"] = 0.006
    assert "stalled" not in kinds(rows)


def test_faces_that_grow_alike_late_are_a_collapse() -> None:
    rows = curve("healthy")
    for row in rows[-5:]:
        row["sample_nearest"] = 0.05
    judged = verdict.judge(rows)
    assert judged is not None
    assert judged.kind == "collapse"
    assert judged.figures["sample_nearest"] == 0.05
    assert judged.figures["best"] > 0.7


def test_grey_faces_at_the_beginning_are_no_collapse() -> None:
    rows = curve("healthy")[:8]
    assert max(row["sample_nearest"] for row in rows) < verdict.SIMILAR
    assert set(kinds(rows)) == {"early"}


def test_faces_that_never_came_to_differ_are_a_collapse_in_the_end() -> None:
    rows = curve("healthy")
    for row in rows:
        row |= {"sample_nearest": 0.05, "d_x": 0.8, "images_seen": 4 * row["images_seen"]}
    found = kinds(rows)
    assert rows[-1]["images_seen"] > verdict.LATE_IMAGES
    assert found[-1] == "collapse"
    first = found.index("collapse")
    assert set(found[:first]) == {"early"}
    assert rows[first]["images_seen"] >= verdict.LATE_IMAGES > rows[first - 1]["images_seen"]


def test_a_strong_d_counts_only_if_it_lasts() -> None:
    rows = curve("healthy")[1:10]
    assert all(row["d_x"] > 0.9 and row["d_g_z1"] < 0.1 for row in rows)
    assert "d_strong" not in kinds(rows)


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "1", True])
def test_a_figure_that_is_none_is_divergence(value: object) -> None:
    rows = curve("healthy")[:2]
    rows[-1]["loss_g"] = value
    judged = verdict.judge(rows)
    assert judged is not None
    assert judged.kind == "diverged"


def test_little_or_nothing_is_too_early() -> None:
    assert verdict.judge([]) is None
    assert kinds(curve("healthy")[:2]) == ["early", "early"]


def test_runs_without_figures_of_variety_have_a_verdict() -> None:
    for name in ("healthy", "d_strong", "diverged"):
        rows = [{k: v for k, v in row.items() if "sample" not in k} for row in curve(name)]
        assert kinds(rows)[-1] == ("learning" if name == "healthy" else name)


def evaluated(count: int, train: float, held_out: float) -> list[dict[str, Any]]:
    """The healthy curve with D's outputs in its last `count` epochs that were evaluated."""
    rows = [dict(row) for row in curve("healthy")]
    for row in rows[-2 * count :: 2]:
        row["quality"] = {"swd": 20.0, "d_train": train, "d_held_out": held_out}
    return rows


def test_a_d_that_is_surer_of_its_training_faces_is_overfitting() -> None:
    rows = evaluated(3, 0.95, 0.2)
    found = verdict.judge(rows)
    assert found is not None
    assert found.kind == "overfitting"
    assert found.figures == {"d_train": 0.95, "d_held_out": 0.2}
    assert found.epochs == (rows[-6]["epoch"], rows[-2]["epoch"])
    assert "D(held-out faces) 0.2" in str(found.sentence)
    assert "--augment-chance" in str(found.advice)


@pytest.mark.parametrize(("count", "held_out"), [(2, 0.1), (3, 0.3)])
def test_a_small_gap_or_few_evaluations_are_no_overfitting(count: int, held_out: float) -> None:
    found = verdict.judge(evaluated(count, 0.9, held_out))
    assert found is not None
    assert found.kind != "overfitting"
