"""The trash: what is deleted can be restored for 30 days."""

import errno
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, trash
from neuroceleb.runs.run import Run
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


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renaming from one folder to another fails, as between file systems."""
    rename = Path.rename

    def rename_here(path: Path, target: Path) -> Path:
        if path.parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_here)


@pytest.mark.usefixtures("other_disk")
def test_to_another_disk_and_back(workspace: Workspace) -> None:
    run = create_run(workspace, "one", {"number": 1})
    (run.path / "link").symlink_to("nowhere")
    jobs.delete(workspace, "one")
    assert not run.path.exists()
    (found,) = trash.entries(workspace)
    trash.restore(workspace, found.key)
    assert run.config() == {"number": 1}
    assert (run.path / "link").is_symlink()
    assert trash.entries(workspace) == []


@pytest.mark.usefixtures("other_disk")
def test_a_copy_that_fails_moves_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_source: Path, target: Path, **_options: object) -> None:
        target.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    run = create_run(workspace, "one", {"number": 1})
    monkeypatch.setattr(shutil, "copytree", fail)
    with pytest.raises(UserError, match="No space left"):
        jobs.delete(workspace, "one")
    assert run.config() == {"number": 1}
    assert list((workspace.root / trash.FOLDER).iterdir()) == []


@pytest.mark.usefixtures("other_disk")
def test_what_could_not_be_deleted_after_the_copy_is_in_the_trash(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_half(folder: Path, **_options: object) -> None:
        (folder / "config.json").unlink()
        raise PermissionError(errno.EACCES, "Permission denied")

    create_run(workspace, "one", {"number": 1})
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", delete_half)
        jobs.delete(workspace, "one")
    (found,) = trash.entries(workspace)
    assert Run(found.path).config() == {"number": 1}


def test_a_folder_that_may_not_be_moved_stays_whole(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    run = create_run(workspace, "one", {"number": 1})
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UserError, match="Permission denied"):
        jobs.delete(workspace, "one")
    assert run.config() == {"number": 1}


def test_what_cannot_be_deleted_is_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        create_run(workspace, name, {})
        jobs.delete(workspace, name)
    monkeypatch.setattr(trash.shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(UserError, match=r"Of 2 entries 2 could not be deleted, '(one|two)' among"):
        trash.empty(workspace)
