"""The best epoch of a run by its figures, and the file that keeps them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.runs import evaluation


def test_the_best_epoch_is_the_nearest_of_the_well_formed() -> None:
    figures = {
        0: {"swd": 5.0, "well_formed": 0.50},  # near, but no faces
        1: {"swd": 30.0, "well_formed": 0.96},
        2: {"swd": 20.0, "well_formed": 0.95},
        3: {"swd": 40.0, "well_formed": 0.97},
        4: {"swd": 20.0, "well_formed": 0.96},
        5: {"swd": float("nan"), "well_formed": 1.0},
        6: {"well_formed": 1.0},
        7: {"swd": 1.0},
    }
    assert evaluation.best(figures) == 2
    assert evaluation.best({1: {"swd": 30.0}, 2: {"swd": 20.0, "said": "no detector"}}) == 2
    assert evaluation.best({}) is None
    assert evaluation.best({1: {"swd": None}, 2: {"swd": "20"}, 3: {"swd": True}}) is None


def test_the_flaw_score_decides_among_those_near_the_photos() -> None:
    figures = {
        0: {"swd": 31.0, "well_formed": 0.97, "flaw_score": 0.1},  # faces of others
        1: {"swd": 20.0, "well_formed": 0.96, "flaw_score": 0.5},
        2: {"swd": 29.0, "well_formed": 0.96, "flaw_score": 0.3},
        3: {"swd": 5.0, "well_formed": 0.50, "flaw_score": 0.2},  # no faces
        4: {"swd": 20.0, "well_formed": 0.96},
    }
    assert evaluation.best(figures) == 2
    assert evaluation.best({epoch: figures[epoch] for epoch in (1, 4)}) == 1
    assert evaluation.best({4: figures[4]}) == 4


SHARES = st.sampled_from([0.9, 0.95, 0.96, 1.0, None])
SCORES = st.sampled_from([0.2, 0.3, 0.5, None])
ROWS = st.lists(st.tuples(st.integers(1, 9), SHARES, SCORES))


def figures_of(found: list[tuple[int, float | None, float | None]]) -> dict[int, dict[str, float]]:
    names = evaluation.FIGURES
    return {
        epoch: {n: v for n, v in zip(names, values, strict=True) if v is not None}
        for epoch, values in enumerate(found)
    }


@given(ROWS)
def test_no_epoch_is_better_than_the_best(
    found: list[tuple[int, float | None, float | None]],
) -> None:
    figures = figures_of(found)
    best = evaluation.best(figures)
    assert (best is None) == (not found)
    for row in figures.values():
        assert best is not None
        if row.keys() == figures[best].keys():
            is_better = [row[n] < figures[best][n] for n in row if n != "well_formed"]
            share, most = row.get("well_formed", 1.0), figures[best].get("well_formed", 1.0)
            assert not (all(is_better) and share >= most)


@given(ROWS)
def test_weights_of_the_best_epoch_were_kept_whatever_came_later(
    found: list[tuple[int, float | None, float | None]],
) -> None:
    figures = figures_of(found)
    best = evaluation.best(figures)
    if best is not None:
        so_far = {epoch: row for epoch, row in figures.items() if epoch <= best}
        assert evaluation.may_become_best(so_far, best)
        assert evaluation.count_since(figures, best) == len(found) - 1 - best


def test_an_epoch_that_is_worse_than_an_earlier_one_cannot_become_the_best() -> None:
    figures = {
        0: {"swd": 20.0, "well_formed": 0.96},
        1: {"swd": 21.0, "well_formed": 0.95},
        2: {"swd": 21.0, "well_formed": 0.97},  # the best once 0.99 is reached
        3: {"swd": 20.0, "well_formed": 0.96},
        4: {"well_formed": 1.0},
    }
    assert [e for e in figures if evaluation.may_become_best(figures, e)] == [0, 2]


def entry(n: int, share: float, far: float, evaluated: str = "2026") -> evaluation.Entry:
    figures = {"well_formed": {"share": share}, "swd": {"mean": far}}
    return {"n_fake": n, "evaluated": evaluated, **figures}


def test_entries_are_kept_and_compared_with_their_like(tmp_path: Path) -> None:
    assert evaluation.read(tmp_path) == {}
    evaluation.write(tmp_path, 3, entry(100, 0.9, 10.0, "2025"))
    evaluation.write(tmp_path, 7, entry(2_048, 0.9, 30.0))
    assert evaluation.write(tmp_path, 5, entry(2_048, 0.9, 40.0))
    assert evaluation.write(tmp_path, 5, entry(2_048, 0.9, 20.0))
    assert not evaluation.write(tmp_path, 5, entry(64, 0.9, 1.0, "2027"))  # less certain
    evaluation.write(tmp_path, 8, entry(64, 0.9, 1.0, "2027"))
    assert list(evaluation.read(tmp_path)) == [3, 5, 7, 8]
    value = json.loads((tmp_path / evaluation.FILE).read_text("utf-8"))
    assert value["best"] == 5  # 3 and 8 were measured on fewer faces
    assert value["rule"] == evaluation.RULE
    assert [path.name for path in tmp_path.iterdir()] == [evaluation.FILE]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epochs": []}', '{"epochs": {"x": {}, "1": 2}}'])
def test_a_damaged_record_is_reported_and_never_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / evaluation.FILE).write_text(text)
    with pytest.raises(UserError, match=r"evaluation\.json is damaged"):
        evaluation.read(tmp_path)
    assert evaluation.readable(tmp_path) == {}
    evaluation.write(tmp_path, 3, entry(2_048, 0.9, 20.0))
    assert list(evaluation.read(tmp_path)) == [3]
    assert (tmp_path / "evaluation.json.damaged").read_text() == text


def test_quick_figures_are_read_from_stats() -> None:
    rows = [{"epoch": 0}, {"epoch": 1, "quality": {"swd": 9.0}}, {"epoch": 2, "quality": 3}]
    assert evaluation.of_stats(rows) == {1: {"swd": 9.0}}


def test_only_numbers_of_epochs_are_read(tmp_path: Path) -> None:
    epochs = {key: {"swd": {"mean": 1.0}} for key in ("3", "9" * 5000, "-1", "", "\u0663", "x")}
    (tmp_path / evaluation.FILE).write_text(json.dumps({"epochs": epochs}))
    assert list(evaluation.read(tmp_path)) == [3]
