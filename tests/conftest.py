"""What all tests share: synthetic photos, a finished run, the app served once, one browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from neuroceleb.runs.run import Run
from tests import helpers

CHROMIUM = Path("/usr/bin/chromium")
SHIPPED = helpers.ROOT / "checkpoints" / "celeba-mini-classic"
DESKTOP = {"width": 1280, "height": 900}
# Begun first, so that at the end nobody waits for one of them.
LONGEST = (
    "test_resume",
    "test_distributed",
    "app/test_explore",
    "app/test_train",
    "app/test_progress",
)

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


# The page ----------------------------------------------------------------------------------


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a fresh context with these options (see `Browser.new_context`).

    Console errors, page errors and requests to another host fail the test in the end. A test
    marked `refused` provokes answers of 4xx: that the console tells of them is no error there.
    """
    troubles: list[str] = []
    contexts = []
    refused = request.node.get_closest_marker("refused") is not None

    def heard(message: ConsoleMessage) -> None:
        is_refusal = "the server responded with a status of 4" in message.text
        if message.type == "error" and not (refused and is_refusal):
            troubles.append(f"console: {message.text}")

    def asked(one: Request) -> None:
        parts = urlsplit(one.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            troubles.append(f"a request to {one.url}")

    def open_one(**options: Any) -> Page:
        context = browser.new_context(**({"viewport": DESKTOP, "locale": "en-US"} | options))
        contexts.append(context)
        context.set_default_timeout(helpers.PATIENCE_S * 1_000)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: troubles.append(f"page: {error}"))
        page.on("request", asked)
        return page

    expect.set_options(timeout=helpers.PATIENCE_S * 1_000)
    yield open_one
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """An empty page, 1280x900, in English; see `open_page` for what it watches over."""
    return open_page()
