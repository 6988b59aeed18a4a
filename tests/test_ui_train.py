"""The Train tab in a real browser, on a real server, with real trainings of a tiny width."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from neuroceleb import jobs, queueing
from neuroceleb.errors import UserError
from neuroceleb.runs import Run, Workspace
from neuroceleb.settings import Settings
from neuroceleb.ui import desk
from neuroceleb.ui.desk import Desk
from tests import helpers

PATIENCE_MS = helpers.PATIENCE_S * 1_000
LONG = 100_000


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A workspace with a dataset; what still trains in it after the test is ended."""
    helpers.write_photos(tmp_path / "datasets" / "photos")
    yield tmp_path
    workspace = Workspace(tmp_path)
    for waiting in queueing.queue(workspace):
        waiting.path.unlink(missing_ok=True)
    for run in workspace.runs():
        run.stop_file.touch()
        assert jobs.wait_for_end(run, helpers.PATIENCE_S)


def open_train(page: Page, app: helpers.App) -> None:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(app.url)
    page.get_by_role("tab", name="Train").click()


def fill_form(page: Page, name: str, epochs: int) -> None:
    page.locator("#run-name").fill(name)
    page.locator("#set-epochs").fill(str(epochs))
    page.locator("#set-batch_size").fill("8")
    page.locator("#set-device").select_option("cpu")
    page.locator(".nc-form > details > summary").click()
    for setting, value in (("ngf", 4), ("ndf", 4), ("nz", 8)):
        page.locator(f"#set-{setting}").fill(str(value))


def test_a_run_from_the_first_click_to_the_last(root: Path, browser: Browser) -> None:
    app = helpers.App(root)
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    workspace = Workspace(root)
    run = Run(workspace.checkpoints / "mine")
    facts = page.locator("#run-facts")
    try:
        # Checked and estimated, then started.
        open_train(page, app)
        fill_form(page, "mine", LONG)
        expect(page.locator("#start")).to_be_disabled()
        page.locator("#check").click()
        expect(page.locator("#estimate")).to_contain_text("images/s")
        expect(page.locator("#estimate")).to_contain_text("40 faces are far too few")
        page.locator("#start").click()
        expect(facts).to_have_attribute("data-state", "running")
        expect(page.locator("#newest")).to_be_visible()
        expect(page.locator("#train-losses .scatterlayer .trace")).to_have_count(2)
        expect(page.locator("#verdict")).to_be_visible()
        expect(page.locator(".nc-log")).to_contain_text("epoch   0")
        assert run.config()["settings"]["ngf"] == 4

        # The page is reloaded, the app killed: the run goes on, and is shown again.
        pid = run.status()["pid"]
        page.reload()
        page.get_by_role("tab", name="Train").click()
        expect(facts).to_have_attribute("data-state", "running")
        app.kill()
        expect(page.locator(".nc-train.nc-gone")).to_be_attached()
        seen = len(run.stats())
        helpers.wait_for(lambda: len(run.stats()) > seen)
        app.start()
        expect(page.locator(".nc-train.nc-gone")).not_to_be_attached()
        expect(facts).to_have_attribute("data-state", "running")
        assert run.status()["pid"] == pid

        # The reader's zoom outlives new epochs.
        page.evaluate("Plotly.relayout('train-losses', {'xaxis.range': [1, 2]})")
        before = page.evaluate("document.getElementById('train-losses').data[0].x.length")
        page.wait_for_function(
            f"document.getElementById('train-losses').data[0].x.length > {before}"
        )
        zoom = page.evaluate("document.getElementById('train-losses').layout.xaxis.range")
        assert zoom == [1, 2]

        # Stopped, resumed for two more epochs, finished.
        page.locator("#stop").click()
        expect(facts).to_have_attribute("data-state", "stopped")
        done = run.status()["epoch"]
        page.locator("#resume-epochs").fill(str(done + 2))
        page.locator("#resume").click()
        expect(facts).to_have_attribute("data-state", "finished")
        assert [row["epoch"] for row in run.stats()] == list(range(done + 2))

        # A killed one is lost within seconds, and says so.
        page.locator("#resume-epochs").fill(str(LONG))
        page.locator("#resume").click()
        expect(facts).to_have_attribute("data-state", "running")
        os.kill(run.status()["pid"], signal.SIGKILL)
        expect(facts).to_have_attribute("data-state", "lost", timeout=10_000)
        expect(page.locator("#resume")).to_be_visible()

        # Renamed; then deleted, but only when asked twice.
        page.locator("#rename").click()
        page.locator("#new-name").fill("yours")
        page.locator("#yes").click()
        expect(page.locator("[data-run=yours]")).to_be_visible()
        page.locator("#delete").click()
        page.locator("#no").click()
        assert (workspace.checkpoints / "yours").exists()
        page.locator("#delete").click()
        page.locator("#yes").click()
        expect(page.locator("[data-run=yours]")).to_have_count(0)
        assert workspace.runs() == []
        assert errors == []
    finally:
        page.close()
        app.kill()


def test_the_queue_on_the_page_and_across_a_restart(root: Path, browser: Browser) -> None:
    app = helpers.App(root)
    page = browser.new_page(locale="ko-KR")
    workspace = Workspace(root)
    try:
        for name, epochs in (("first", LONG), ("second", 1)):
            settings = {"ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8, "device": "cpu"}
            wishes = {"name": name, "dataset": "photos", "settings": {**settings, "epochs": epochs}}
            assert app.post("start", wishes) == {"run": name}
        assert "already" in str(app.post("start", wishes)["error"])
        page.set_default_timeout(PATIENCE_MS)
        page.goto(app.url)
        page.get_by_role("tab", name="학습", exact=True).click()
        expect(page.locator("[data-run=second]")).to_contain_text("대기 순서 1")
        app.kill()
        assert workspace.run("second").state() == "queued"
        app.start()
        os.kill(workspace.run("first").status()["pid"], signal.SIGTERM)
        helpers.wait_for(lambda: workspace.run("second").state() == "finished")
        assert workspace.run("first").state() == "stopped"
    finally:
        page.close()
        app.kill()


# Who may -----------------------------------------------------------------------------------


def test_only_who_may_train_trains(root: Path) -> None:
    visitor = Desk(Workspace(root), is_local=False, has_password=False)
    wishes = {"name": "one", "dataset": "photos", "settings": {}}
    for act in (
        lambda: visitor.start(wishes),
        lambda: visitor.estimate(wishes),
        *(lambda what=what: visitor.change(what, wishes) for what in ("stop", "force", "delete")),
    ):
        with pytest.raises(UserError, match="watch only"):
            act()
    assert visitor.overview()["allowed"] is False
    assert Workspace(root).runs() == []


def test_with_a_password_from_afar_only_datasets_of_the_workspace(root: Path) -> None:
    guest = Desk(Workspace(root), is_local=False, has_password=True)
    for text in (str(root / "datasets" / "photos"), "../photos", "/etc", "."):
        with pytest.raises(UserError, match="not under datasets"):
            guest.start({"name": "one", "dataset": text, "settings": {}})
    assert guest.overview()["paths"] is False


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({}, "no name"),
        ({"name": 7, "dataset": "photos", "settings": {}}, "no name"),
        ({"name": "../x", "dataset": "photos", "settings": {"device": "cpu"}}, "not a name"),
        ({"name": "one", "dataset": "", "settings": {}}, "No dataset"),
        ({"name": "one", "dataset": "nowhere", "settings": {}}, "There is no dataset"),
        ({"name": "one", "dataset": "photos", "settings": []}, "settings are missing"),
        ({"name": "one", "dataset": "photos", "settings": {"epochs": 0}}, "--epochs 0"),
        ({"name": "one", "dataset": "photos", "settings": {"lr": "1"}}, "--lr 1"),
    ],
)
def test_bad_wishes_are_refused_in_a_sentence(
    wishes: dict[str, object], words: str, root: Path
) -> None:
    local = Desk(Workspace(root), is_local=True, has_password=False)
    with pytest.raises(UserError, match=re.escape(words)):
        local.start(wishes)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.7", False),
        ("example.org", False),
    ],
)
def test_which_servers_only_this_machine_reaches(host: str, local: bool) -> None:
    assert desk.is_loopback(host) is local


def test_the_form_has_every_setting() -> None:
    spec = {item["name"]: item for item in desk.settings_spec()}
    assert list(spec) == list(Settings().to_json())
    assert spec["epochs"]["kind"] == "int"
    assert spec["lr"]["kind"] == "float"
    assert spec["device"]["choices"] == ("auto", "cpu", "cuda")
    json.dumps(desk.settings_spec())
