"""The workspace: names, its runs, and what MODEL means."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.data import dataset
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name, create_run, default_workspace
from tests import helpers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return create_run(workspace, "first", {"settings": {}})


@pytest.mark.parametrize(
    "name", ["a", "faces-2", "My run 3", "얼굴_1", "v1.2+b", "0", "_x", "é", "a" * 80, "가" * 66]
)
def test_valid_names(name: str, workspace: Workspace) -> None:
    assert create_run(workspace, name, {}).name == name
    assert workspace.run(name).path == workspace.checkpoints / name


BAD_NAMES = [
    "",
    ".",
    "..",
    "../a",
    "a/b",
    "/a",
    "a\\b",
    ".hidden",
    "-rf",
    " a",
    "a ",
    "a.",
    "a\n",
]


@pytest.mark.parametrize(
    "name", [*BAD_NAMES, "a\0", "a" * 81, "가" * 67, "𝕏" * 80, "con:", "a*", "😀", "~", "$HOME"]
)
def test_invalid_names(name: str, workspace: Workspace) -> None:
    for use in (lambda: create_run(workspace, name, {}), lambda: workspace.run(name)):
        with pytest.raises(UserError, match="is not a name") as refusal:
            use()
        assert len(str(refusal.value)) < 250
    assert not workspace.checkpoints.exists()


@given(st.text(max_size=90))
def test_no_valid_name_leads_out_of_the_folder(name: str) -> None:
    try:
        check_name(name)
    except UserError:
        return
    place = Path("/workspace/checkpoints") / name
    assert Path(os.path.normpath(place)).parent == Path("/workspace/checkpoints")
    assert not name.startswith((".", "-"))
    assert "\0" not in name


def test_a_name_is_taken_once(workspace: Workspace, run: Run) -> None:
    with pytest.raises(UserError, match="already a run 'first'"):
        create_run(workspace, "first", {"other": 1})
    assert run.config() == {"settings": {}}


def test_a_run_can_be_created_in_an_empty_folder(workspace: Workspace) -> None:
    (workspace.checkpoints / "first").mkdir(parents=True)
    assert create_run(workspace, "first", {}).exists()


def test_a_run_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file in the way")
    with pytest.raises(UserError, match="could not be made"):
        create_run(Workspace(tmp_path), "first", {})


def test_only_runs_are_listed_by_name(workspace: Workspace) -> None:
    for name in ("b", "a", "c"):
        create_run(workspace, name, {})
    (workspace.checkpoints / ".hidden").mkdir()
    (workspace.checkpoints / ".hidden" / "config.json").write_text("{}")
    (workspace.checkpoints / "no-run").mkdir()
    (workspace.checkpoints / "file").touch()
    assert [run.name for run in workspace.runs()] == ["a", "b", "c"]
    assert Workspace(workspace.root / "nowhere").runs() == []


def test_a_missing_run_is_reported_with_the_existing_ones(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="no run 'a': the runs here are none yet"):
        workspace.run("a")
    create_run(workspace, "b", {})
    with pytest.raises(UserError, match="no run 'a': the runs here are b"):
        workspace.run("a")


def test_a_model_is_a_run_a_directory_or_a_file(workspace: Workspace, run: Run) -> None:
    run.weights_file(4).touch()
    assert workspace.weights("first") == run.weights_file(4)
    assert workspace.weights("first", 4) == run.weights_file(4)
    assert workspace.weights(str(run.path)) == run.weights_file(4)
    assert workspace.weights(str(run.weights_file(4))) == run.weights_file(4)
    with pytest.raises(UserError, match="--epoch means nothing"):
        workspace.weights(str(run.weights_file(4)), 4)
    with pytest.raises(UserError, match=r"'second' is no run, run directory or file.*first"):
        workspace.weights("second")


def test_a_run_by_name_or_directory(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.weights_file(4).touch()
    assert workspace.find_run("first") == run
    assert workspace.find_run(str(run.path)) == run
    monkeypatch.chdir(run.path)
    assert workspace.find_run(".").name == "first"
    for model in (str(run.weights_file(4)), str(workspace.root)):
        with pytest.raises(UserError, match=r"is not a run or run directory.*first"):
            workspace.find_run(model)


def test_the_default_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEUROCELEB_WORKSPACE", str(tmp_path))
    assert default_workspace() == tmp_path
    monkeypatch.delenv("NEUROCELEB_WORKSPACE")
    assert default_workspace() == helpers.ROOT


def test_datasets_of_the_workspace_are_known_by_name(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (workspace.datasets / "mine" / "faces").mkdir(parents=True)
    (workspace.datasets / "plain" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (workspace.datasets / "linked").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(workspace.root)
    named = {
        "mine": Path("datasets/mine/faces"),
        "plain": workspace.datasets / "plain",
        "plain/sub": Path("datasets") / "plain" / "sub",
        "linked": workspace.datasets / "linked",
    }
    for name, source in named.items():
        assert workspace.dataset_name(source) == name
        assert dataset.locate(name, workspace.datasets).resolve() == source.resolve()
    for source in (tmp_path / "elsewhere", workspace.datasets, Path("datasets/../other")):
        assert workspace.dataset_name(source) is None


def test_the_dataset_of_a_moved_workspace_is_found(workspace: Workspace) -> None:
    (workspace.datasets / "mine" / "faces").mkdir(parents=True)
    assert workspace.moved_dataset("/old/place/datasets/mine/faces") == "mine"
    assert workspace.moved_dataset("/old/place/datasets/other") == "/old/place/datasets/other"
    assert workspace.moved_dataset("mine") == "mine"
