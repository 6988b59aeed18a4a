"""Histories of the original script and its copies become rows of stats.jsonl."""

import math

import pytest

from neuroceleb.runs import history_2017


def test_histories_of_every_layout() -> None:
    wanted = [{"epoch": 0, "loss_d": 1.0, "d_x": 0.5}, {"epoch": 1, "loss_d": 2.0, "d_x": 0.25}]
    for history in (
        {"Loss_D": [1.0, 2.0], "D(x)": [0.5, 0.25], "time": "3 h"},
        {"errD": [1, 2], "D_x": [0.5, 0.25]},
        [{"Loss_D": 1.0, "D_x": 0.5}, {"Loss_D": 2.0, "D_x": 0.25}],
        {1: {"loss_d": 2.0, "d_x": 0.25}, 0: {"loss_d": 1.0, "d_x": 0.5}},
    ):
        assert history_2017.stats_rows(history) == wanted


def test_steps_become_epochs() -> None:
    rows = history_2017.stats_rows({"Loss_G": [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]}, epochs=3)
    assert rows == [
        {"epoch": 0, "loss_g": 2.0, "last_loss_g": 3.0},
        {"epoch": 1, "loss_g": 6.0, "last_loss_g": 7.0},
        {"epoch": 2, "loss_g": 10.0, "last_loss_g": 11.0},
    ]
    assert history_2017.stats_rows({"Loss_G": [math.nan]}) == [{"epoch": 0, "loss_g": None}]


@pytest.mark.parametrize("history", [{}, [], 3.0, "x", {"speed": [1.0]}, {"Loss_D": "x"}])
def test_what_is_no_history_is_refused(history: object) -> None:
    with pytest.raises(ValueError, match="no losses"):
        history_2017.stats_rows(history)
