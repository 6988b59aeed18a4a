"""What all tests share."""

from pathlib import Path

import pytest

from neuroceleb.runs import Run
from tests import helpers


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 small synthetic photos; not to be changed."""
    return helpers.write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Run:
    """A run that was never interrupted, trained by the real command line; not to be changed."""
    workspace = tmp_path_factory.mktemp("finished")
    arguments = ("--epochs", str(helpers.EPOCHS), "--keep-every", "1", *helpers.TINY)
    outcome = helpers.command(workspace, "train", photos, "--run", "first", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    (workspace / "outcome.json").write_text(outcome.out)
    return helpers.run_of(workspace, "first")


@pytest.fixture
def here(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> helpers.Here:
    """The command line, in this process, with a workspace of its own."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return helpers.Here(workspace, capfd)
