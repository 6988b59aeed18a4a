"""States of a run that can be read but do not fit it: the one before is used, or none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from neuroceleb.runs.run import Run
from tests import helpers

State = dict[str, Any]


def set_position(**values: Any) -> Callable[[State], None]:
    return lambda state: state["position"].update(values)


def set_field(name: str, value: Any) -> Callable[[State], None]:
    return lambda state: state.update({name: value})


def first_moments(state: State) -> State:
    moments: State = next(iter(state["adam_g"]["state"].values()))
    return moments


CHANGES: dict[str, Callable[[State], Any]] = {
    **{f"no {name}": lambda state, name=name: state.pop(name) for name in ("noise", "device")},
    **{f"without {name}": lambda state, name=name: state.pop(name) for name in ("dataset", "G")},
    "noise of another length": set_field("noise", torch.zeros(7, dtype=torch.uint8)),
    "noise as text": set_field("noise", "noise"),
    "noise of zeros": set_field("noise", torch.zeros(5_056, dtype=torch.uint8)),
    "epoch below 0": set_position(epoch=-1),
    "half an epoch": set_position(epoch=1.5),
    "step below 0": set_position(step=-1),
    "a step that no epoch has": set_position(step=10**9),
    "half a step": set_position(step=1.5),
    "images as text": set_position(images_seen="x"),
    "not a number of images": set_position(images_seen=float("nan")),
    "images beyond counting": set_position(images_seen=10**30),
    "seconds as text": set_position(seconds="x"),
    "sums of another shape": set_position(sums=torch.zeros(2)),
    "no sums": set_position(sums=None),
    "an unknown field": set_position(unknown=1),
    "batch size below 0": set_field("batch_size", -5),
    "moments of another shape": lambda state: first_moments(state).update(exp_avg=torch.ones(3)),
    "moments of another name": lambda state: first_moments(state).update(exp=torch.ones(3)),
    "moments of no parameter": lambda state: state["adam_d"]["state"].update({999: {}}),
    "weights of another shape": lambda state: state["G"].update(
        {"main.0.weight": torch.ones(3, 3, 4, 4)}
    ),
}


def change(path: Path, how: Callable[[State], Any]) -> None:
    state = torch.load(path, weights_only=True)
    how(state)
    torch.save(state, path)


@pytest.mark.parametrize("what", CHANGES)
def test_a_state_that_does_not_fit_is_skipped(what: str, here: helpers.Here, stopped: Run) -> None:
    kept = {path.name: path.read_bytes() for path in stopped.kept().values()}
    for path in (stopped.state_file, stopped.older_state_file):
        change(path, CHANGES[what])
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 2, outcome.err
    assert "state.pt does not match the settings in config.json and was skipped" in outcome.err
    assert {path.name: path.read_bytes() for path in stopped.kept().values()} == kept
    assert stopped.state() == "failed"


def test_the_state_before_it_is_used(here: helpers.Here, stopped: Run) -> None:
    change(stopped.state_file, CHANGES["no noise"])
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 0, outcome.err
    assert "state.pt does not match" in outcome.err
    assert [row["epoch"] for row in stopped.stats()] == [0, 1, 2, 3, 4]


def test_options_of_the_optimizers_come_from_the_settings(here: helpers.Here, stopped: Run) -> None:
    def strange_options(state: State) -> None:
        state["adam_g"]["param_groups"] = [{"betas": "x", "params": []}]

    change(stopped.state_file, strange_options)
    assert here("train", "--run", "first", "--resume", "--epochs", "5").code == 0


def test_a_state_of_more_epochs_than_planned_is_refused(here: helpers.Here, stopped: Run) -> None:
    change(stopped.state_file, set_position(epoch=10**9, step=0))
    kept = list(stopped.kept())
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 2
    assert "--epochs 5 is less than the 1000000000 that the run 'first' has" in outcome.err
    assert list(stopped.kept()) == kept


def test_other_images_are_named_before_a_step_that_they_do_not_have(
    here: helpers.Here, stopped: Run
) -> None:
    for path in (stopped.state_file, stopped.older_state_file):
        change(path, set_position(step=10**9))
        change(path, set_field("dataset", "another"))
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 2
    assert "are not those the run 'first' was trained on" in outcome.err
