"""The trash: what is deleted can be restored for 30 days."""

import json
import os
import time
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, trash
from neuroceleb.runs.trash import DAY_S, KEPT_DAYS
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def aged(deleted: trash.Deleted, days: float) -> None:
    """As if it had been deleted so many days earlier."""
    was = int(time.time() - days * DAY_S)
    deleted.entry.rename(deleted.entry.with_name(f"{was}-{deleted.key[-8:]}"))


def test_a_deleted_run_comes_back_whole(workspace: Workspace) -> None:
    run = create_run(workspace, "하나", {"settings": {}})
    jobs.delete(workspace, "하나")
    (found,) = trash.entries(workspace)
    assert (found.kind, found.name, found.days_left) == ("checkpoints", "하나", KEPT_DAYS)
    assert workspace.runs() == []
    assert trash.restore(workspace, found.key) == run.path
    assert run.config() == {"settings": {}}
    assert trash.entries(workspace) == []
    assert list((workspace.root / trash.FOLDER).iterdir()) == []


def test_a_dataset_of_a_folder_or_a_zip(workspace: Workspace) -> None:
    helpers.write_photos(workspace.datasets / "photos", 2)
    (workspace.datasets / "photos.zip").write_bytes(b"zip")
    for name in ("photos", "photos.zip"):
        trash.put(workspace, workspace.datasets / name)
    assert workspace.dataset_names() == []
    for one in trash.entries(workspace):
        trash.restore(workspace, one.key)
    assert workspace.dataset_names() == ["photos", "photos.zip"]
    assert len(list((workspace.datasets / "photos").iterdir())) == 2


def test_a_name_that_is_in_use_is_not_overwritten(workspace: Workspace) -> None:
    create_run(workspace, "one", {"number": 1})
    jobs.delete(workspace, "one")
    run = create_run(workspace, "one", {"number": 2})
    (found,) = trash.entries(workspace)
    with pytest.raises(UserError, match="another 'one' now"):
        trash.restore(workspace, found.key)
    assert run.config() == {"number": 2}
    jobs.delete(workspace, "one")
    assert [one.name for one in trash.entries(workspace)] == ["one", "one"]


def test_after_thirty_days_it_is_gone(workspace: Workspace) -> None:
    for name, days in (("old", KEPT_DAYS + 1), ("new", KEPT_DAYS - 1)):
        create_run(workspace, name, {})
        aged(trash.put(workspace, workspace.checkpoints / name), days)
    (left,) = trash.entries(workspace)
    assert (left.name, left.days_left) == ("new", 1)
    assert len(os.listdir(workspace.root / trash.FOLDER)) == 1


def test_emptied_it_leaves_what_links_point_to(workspace: Workspace, tmp_path: Path) -> None:
    elsewhere = create_run(Workspace(tmp_path / "elsewhere"), "one", {})
    workspace.checkpoints.mkdir()
    (workspace.checkpoints / "link").symlink_to(elsewhere.path)
    jobs.delete(workspace, "link")
    assert trash.empty(workspace) == 1
    assert elsewhere.exists()
    assert trash.entries(workspace) == []


def test_what_is_no_entry_is_left_alone(workspace: Workspace) -> None:
    folder = workspace.root / trash.FOLDER
    for name in ("notes", "1-00000000", "2-0000000g/checkpoints/one", "../1-00000000"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    assert trash.entries(workspace) == []
    assert trash.empty(workspace) == 0
    assert (folder / "notes").exists()
    for key in ("", "notes", "../1-00000000"):
        with pytest.raises(UserError, match="not in the trash"):
            trash.restore(workspace, key)


@pytest.mark.parametrize("path", ["elsewhere", "checkpoints", "checkpoints/one/two"])
def test_only_runs_and_datasets(workspace: Workspace, path: str) -> None:
    (workspace.root / path).mkdir(parents=True)
    with pytest.raises(UserError, match="no run and no dataset"):
        trash.put(workspace, workspace.root / path)
    assert (workspace.root / path).exists()


def test_the_verb(here: helpers.Here) -> None:
    workspace = Workspace(here.workspace)
    assert here("trash").out == "The trash is empty.\n"
    create_run(workspace, "one", {})
    assert here("delete", "one", "--yes").code == 0
    assert "checkpoints/one" in here("trash").out
    assert "30 days left" in here("trash").out
    assert json.loads(here("trash", "--json").out)["trash"][0]["name"] == "one"
    here("trash", "--restore", "two").assert_refused("no 'two' in the trash")
    here("trash", "--restore", "one", "--empty").assert_refused("contradict")
    assert here("trash", "--restore", "one").err == f"{workspace.checkpoints / 'one'}\n"
    assert [run.name for run in workspace.runs()] == ["one"]
    here("delete", "one", "--yes")
    assert here("trash", "--empty").err == "1 deleted for good\n"
    assert workspace.runs() == []
