"""Which images a training keeps back, and that a run keeps them for good."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neuroceleb.data import dataset, holdout, persons
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.settings import Settings
from neuroceleb.training import training_data
from tests import helpers
from tests.data.faces.faces_helpers import painted

SETTINGS = Settings.checked(holdout=0.25)


def sorted_faces(root: Path) -> Path:
    """40 faces of eight persons, in a dataset named `people`."""
    for number in range(40):
        path = root / "people" / "faces" / f"person_{number // 5:03d}" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(painted(number // 5, number)).save(path)
    persons.write(root / "people", [f"person_{number:03d}" for number in range(8)])
    return root / "people" / "faces"


@pytest.fixture
def people(tmp_path: Path) -> Dataset:
    return dataset.load(sorted_faces(tmp_path), tmp_path)


def on_both_sides(data: Dataset) -> float:
    assert data.held_out is not None and data.people is not None
    return holdout.share_on_both_sides(data.held_out, data.people)


def test_a_new_run_keeps_back_whole_persons(people: Dataset) -> None:
    data = training_data.with_holdout(people, SETTINGS, {"path": "people"})
    assert data.held_out is not None
    assert data.held_out.sum() == 10
    assert on_both_sides(data) == 0.0
    assert len(training_data.without_holdout(data, SETTINGS)) == 30


def test_a_run_that_began_before_keeps_its_images(people: Dataset) -> None:
    recorded = {"path": "people", "fingerprint": people.fingerprint}
    data = training_data.with_holdout(people, SETTINGS, recorded)
    assert data.held_out is not None
    assert (data.held_out == holdout.held_out(people.pixels, 0.25)).all()
    assert on_both_sides(data) > 0.0


def test_what_a_run_recorded_is_kept_whoever_is_shown(people: Dataset) -> None:
    first = training_data.with_holdout(people, SETTINGS, {"path": "people"})
    recorded = {"fingerprint": people.fingerprint, **training_data.to_record(first)}
    for data in (people, Dataset(people.source, people.pixels, (), people.fingerprint)):
        again = training_data.with_holdout(data, SETTINGS, json.loads(json.dumps(recorded)))
        assert again.held_out is not None and first.held_out is not None
        assert (again.held_out == first.held_out).all()


@pytest.mark.parametrize("text", ["", "AAAA", holdout.to_text(np.ones(99, np.bool_))])
def test_a_record_that_does_not_fit_is_refused(people: Dataset, text: str) -> None:
    with pytest.raises(UserError, match="not those that the run was trained on"):
        training_data.with_holdout(people, SETTINGS, {"held_out": text})


def test_without_persons_nothing_is_recorded(people: Dataset) -> None:
    plain = Dataset(people.source, people.pixels, (), people.fingerprint)
    data = training_data.with_holdout(plain, SETTINGS, {})
    assert data.held_out is not None
    assert (data.held_out == holdout.held_out(people.pixels, 0.25)).all()
    assert training_data.to_record(data) == {}
    off = Settings.checked(holdout=0.0)
    assert training_data.with_holdout(people, off, {}).held_out is None


def test_a_run_is_trained_and_resumed_without_the_persons_kept_back(here: helpers.Here) -> None:
    sorted_faces(here.workspace / "datasets")
    flags = (*helpers.TINY, "--holdout", "0.25")
    assert here("train", "people", "--run", "whole", "--epochs", "2", *flags).code == 0
    assert here("train", "people", "--run", "broken", "--epochs", "1", *flags).code == 0
    recorded: dict[str, Any] = helpers.run_of(here.workspace, "whole").config()["dataset"]
    assert recorded["held_out_by"] == holdout.NAME_BY_PERSON
    assert holdout.from_text(recorded["held_out"], 40).sum() == 10
    # Other persons, the same images in the same order: the run keeps its own.
    persons.write(here.workspace / "datasets" / "people", ["person_000"])
    resumed = here("train", "--run", "broken", "--resume", "--epochs", "2")
    assert resumed.code == 0, resumed.err
    helpers.assert_same_training(
        helpers.run_of(here.workspace, "broken"), helpers.run_of(here.workspace, "whole")
    )
