"""The verb persons, and crop --group-by-person."""

import json
from pathlib import Path

import pytest

from neuroceleb.data.faces import identity
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.data.faces.faces_helpers import (
    painted_crowding,
    painted_embeddings,
    painted_set,
    photo_folder,
    row_of,
)


@pytest.fixture
def crowd(here: helpers.Here, monkeypatch: pytest.MonkeyPatch) -> FaceSet:
    monkeypatch.setattr(identity, "embed", painted_embeddings)
    monkeypatch.setattr(identity, "crowding_weights", painted_crowding)
    photos = {f"a{n}.jpg": (1, n) for n in range(4)} | {f"b{n}.jpg": (2, n) for n in range(2)}
    return painted_set(here.workspace / "datasets" / "crowd", photos)


def test_persons_from_sorting_to_removal(here: helpers.Here, crowd: FaceSet) -> None:
    listed = here("persons", "list", "crowd")
    assert "6 kept" in listed.out and "not sorted by person" in listed.out
    sorted_again = here("crop", "--out", "crowd", "--group-by-person", "--keep-all", "--json")
    assert sorted_again.code == 0, sorted_again.err
    assert json.loads(sorted_again.out)["persons"]["count"] == 2
    assert "2 persons, 4 faces of one at most" in sorted_again.err

    create_run(Workspace(here.workspace), "learned", {"dataset": {"path": "crowd"}})
    renamed = here("persons", "rename", "crowd", "person_001", "Ann")
    assert renamed.code == 0, renamed.err
    assert "cannot be resumed: learned" in renamed.err
    found = json.loads(here("persons", "list", "crowd", "--json").out)["persons"]
    assert [(one["name"], one["kept"]) for one in found] == [("Ann", 4), ("person_002", 2)]

    face = row_of(crowd, "a0.jpg").id
    like = json.loads(here("persons", "find", "crowd", face, "--top", "3", "--json").out)["like"]
    assert [one["person"] for one in like] == ["Ann"] * 3
    assert here("persons", "find", "crowd", face).out.startswith(f"0.000  {face}  Ann\n")

    assert here("persons", "split", "crowd", "Ann", "--face", face).out == "person_003\n"
    merged = here("persons", "merge", "crowd", "person_003", "Ann", "--into", "Ann")
    assert merged.out == "Ann\n"
    assert here("persons", "thin", "crowd", "Ann", "--keep", "2").out == "2 faces are rejected.\n"

    here("persons", "remove", "crowd", "Nobody", "--yes").assert_refused("no such faces")
    removed = here("persons", "remove", "crowd", "Ann", "--yes")
    assert removed.code == 0, removed.err
    assert "Removed: 4 faces" in removed.out
    assert "Not reached: the weights of learned" in removed.out
    assert [row.source for row in crowd.iter_rows()] == ["b0.jpg", "b1.jpg"]
    again = here("persons", "remove", "crowd", "person_002", "--yes", "--json")
    assert json.loads(again.out)["faces"] == 2


def test_without_consent_nothing_is_removed(
    here: helpers.Here, crowd: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    here("persons", "remove", "crowd", "photos").assert_refused("not removed")
    assert len(crowd.rows()) == 6


def test_what_is_not_there_is_refused(here: helpers.Here) -> None:
    here("persons", "list", "nothing").assert_refused("no dataset 'nothing'")
    here("persons", "find", "nothing", "face").assert_refused("no dataset 'nothing'")


def test_real_photos_are_sorted_while_they_are_cropped(here: helpers.Here, tmp_path: Path) -> None:
    """One face, again and mirrored and in other sizes: one person, but for folders."""
    photos = photo_folder(tmp_path / "photos")
    for name in ("ann/sharp.png", "ann/again.jpg", "bob/other.png"):
        (photos / name).rename(photos / name.replace("/", "-"))
    outcome = here("crop", photos, "--out", "one", "--group-by-person", "--json")
    assert outcome.code == 0, outcome.err
    face_set = FaceSet(here.workspace / "datasets" / "one")
    groups = {row.source: row.group for row in face_set.iter_rows() if row.crop}
    assert groups.pop("bob/dark.png") == "bob"
    assert len(set(groups.values())) == 1
