"""What all tests share: synthetic photos, a finished run, the app served once, its pages."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest
import torch

from neuroceleb.runs.run import Run
from tests import helpers

if find_spec("playwright"):  # a machine that only trains has none
    from tests.pages import browser, open_page, page, tab  # noqa: F401

SHIPPED = helpers.ROOT / "checkpoints" / "celeba-mini-classic"
# Started first, so that at the end no worker waits for one of them: of the default tests, then of
# the slow ones.
LONGEST = (
    "test_resume",
    "app/test_generate",
    "app/test_explore",
    "app/test_interpolate",
    "app/test_progress",
    "test_distributed",
    "test_ablation",
    "test_benchmarks",
    "app/test_train",
)

# Fewer examples than Hypothesis tries by default, and none fails because the machine is busy.
hypothesis.settings.register_profile("neuroceleb", max_examples=40, deadline=None)
hypothesis.settings.load_profile("neuroceleb")

if "PYTEST_XDIST_WORKER" in os.environ:  # tests run side by side: a core for each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not str(item.path.with_suffix("")).endswith(LONGEST))


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


@pytest.fixture(scope="session")
def app_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that `app_url` serves: a copy of the run that ships; leave it as it was."""
    root = tmp_path_factory.mktemp("served")
    shutil.copytree(SHIPPED, root / "checkpoints" / SHIPPED.name)
    return root


@pytest.fixture(scope="session")
def app_url(app_workspace: Path) -> Iterator[str]:
    """The address of the app, served once for all tests over `app_workspace`."""
    app = helpers.App(app_workspace)
    yield app.url
    app.kill()


@pytest.fixture
def stopped(finished: Run, here: helpers.Here) -> Run:
    """A copy of a finished run, to be gone on with."""
    shutil.copytree(finished.path, here.workspace / "checkpoints" / "first")
    return helpers.run_of(here.workspace, "first")
