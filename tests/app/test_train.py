"""The Train tab in a real browser, on a real server, with real trainings of a tiny width."""

import json
import os
import re
import shutil
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from neuroceleb import images
from neuroceleb.app import train_api
from neuroceleb.app.access import Access, is_loopback
from neuroceleb.app.train_api import TrainApi
from neuroceleb.app.translations import TEXTS
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.settings import Settings
from neuroceleb.training import estimate
from tests import helpers

PATIENCE_MS = helpers.PATIENCE_S * 1_000
LONG = 100_000


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A workspace with a dataset; what still trains in it after the test is ended."""
    helpers.write_photos(tmp_path / "datasets" / "photos")
    yield tmp_path
    workspace = Workspace(tmp_path)
    for waiting in queue.entries(workspace):
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_queue_on_the_page_and_across_a_restart(root: Path, browser: Browser) -> None:
    app = helpers.App(root)
    page = browser.new_page(locale="ko-KR")
    workspace = Workspace(root)
    try:
        for name, epochs in (("first", LONG), ("second", 1)):
            settings = {"ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8, "device": "cpu"}
            values = {"name": name, "dataset": "photos", "settings": {**settings, "epochs": epochs}}
            assert app.post("start", values) == {"run": name}
        assert "already" in str(app.post("start", values)["error"])
        page.set_default_timeout(PATIENCE_MS)
        page.goto(app.url)
        page.get_by_role("tab", name="학습", exact=True).click()
        expect(page.locator("[data-run=second]")).to_contain_text("대기 순서 1")
        app.kill()
        assert workspace.run("second").state() == "queued"
        app.start()

        # One that hangs is asked to stop, and may be ended by force when it has not for long.
        first = workspace.run("first")
        page.locator("[data-run=first]").click()
        expect(page.locator("#run-facts")).to_have_attribute("data-state", "running")
        os.kill(first.status()["pid"], signal.SIGSTOP)
        page.locator("#stop").click()
        expect(page.locator("#stop")).to_be_disabled()
        expect(page.locator("#force")).to_have_count(0)
        assert "may still end by itself" in str(app.post("force", {"name": "first"})["error"])
        long_ago = time.time() - jobs.GRACE_S - 1
        os.utime(first.stop_file, (long_ago, long_ago))
        page.locator("#force").click()
        expect(page.locator("#run-facts")).to_have_attribute("data-state", "stopped")
        expect(page.locator("#resume")).to_be_visible()
        helpers.wait_for(lambda: workspace.run("second").state() == "finished")
        assert first.state() == "stopped"
    finally:
        page.close()
        app.kill()


@pytest.mark.refused
def test_a_run_is_duplicated_with_other_settings(page: Page, app_url: str) -> None:
    page.goto(app_url)
    page.get_by_role("tab", name="Train").click()
    page.locator("[data-run=celeba-mini-classic]").click()
    expect(page.locator("#run-facts")).to_have_attribute("data-state", "finished")
    expect(page.locator("#delete")).to_be_visible()
    expect(page.locator("#resume")).to_have_count(0)  # it ships without its state and its photos
    page.locator("#duplicate").click()
    expect(page.locator("#set-epochs")).to_have_value("30")
    expect(page.locator("#set-weights")).to_have_value("float16")
    expect(page.locator("#dataset-path")).to_have_value("celeba-mini-96.zip")
    page.locator("#run-name").fill("another")
    page.locator("#set-epochs").fill("0")
    page.locator("#dataset-path").fill("nowhere")
    page.locator("#check").click()
    expect(page.locator("#estimate")).to_contain_text("--epochs 0 is out of bounds")
    page.locator("#set-epochs").fill("3")
    page.locator("#check").click()
    expect(page.locator("#estimate")).to_contain_text("There is no dataset 'nowhere'")
    expect(page.locator("#start")).to_be_disabled()


def test_a_dataset_of_another_tab_is_chosen(
    page: Page, app_url: str, app_workspace: Path, photos: Path
) -> None:
    page.goto(app_url)
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#no-datasets")).to_be_visible()
    page.locator("#run-name").fill("half filled in")
    made = app_workspace / "datasets" / "of photos"
    shutil.copytree(photos, made)
    try:
        expect(page.locator("#dataset")).to_have_value("of photos")  # seen while one types
        expect(page.locator("#run-name")).to_have_value("half filled in")
        page.get_by_role("tab", name="Generate").click()
        page.evaluate("window.neuroceleb.sendTo('train', {dataset: 'of photos'})")
        expect(page.locator("#dataset")).to_be_visible()
        expect(page.locator("#dataset")).to_have_value("of photos")
        expect(page.locator("#dataset-path")).to_have_value("")
    finally:
        shutil.rmtree(made.parent)


@pytest.fixture
def live(app_workspace: Path) -> Iterator[Run]:
    """A run that this process says it trains, in the served workspace, for as long as the test."""
    settings = Settings(epochs=90).to_json()
    run = create_run(Workspace(app_workspace), "live", {"settings": settings})
    with run.locked(), Heartbeat(run, epochs=90, state="running"):
        yield run
    shutil.rmtree(run.path)


@pytest.mark.slow
def test_every_open_page_shows_the_same_within_two_seconds(
    open_page: Callable[..., Page], app_url: str, live: Run
) -> None:
    healthy = (
        (helpers.ROOT / "tests" / "runs" / "curves" / "healthy.jsonl").read_text().splitlines()
    )
    pages = [open_page(), open_page()]
    for page in pages:
        page.goto(f"{app_url}#train=live")
        page.get_by_role("tab", name="Train").click()
        expect(page.locator("#run-facts")).to_have_attribute("data-state", "running")
        expect(page.locator("#newest")).to_be_hidden()
    waited: list[list[float]] = [[], []]
    for epoch in range(6):
        images.save(live.sheet_file(epoch), np.full((530, 530, 3), 40 * epoch, np.uint8))
        live.append_stats(json.loads(healthy[epoch]))
        began = time.monotonic()
        for page, times in zip(pages, waited, strict=True):
            expect(page.locator("#newest")).to_have_attribute("alt", f"Newest sheet: epoch {epoch}")
            times.append(time.monotonic() - began)
            page.wait_for_function(
                f"document.getElementById('train-losses').data?.[0].x.length === {epoch + 1}"
            )
    # The median of each page, for other processes may delay single updates.
    assert all(statistics.median(times) < 2.0 for times in waited), waited
    for page in pages:
        assert page.locator("#verdict").get_attribute("data-kind") == "early"
        page.evaluate("Plotly.relayout('train-losses', {'xaxis.range': [1, 2]})")
    live.append_stats(json.loads(healthy[6]))
    for page in pages:
        page.wait_for_function("document.getElementById('train-losses').data?.[0].x.length === 7")
        zoom = page.evaluate("document.getElementById('train-losses').layout.xaxis.range")
        assert zoom == [1, 2]


# Who may -----------------------------------------------------------------------------------


def test_only_who_may_train_trains(root: Path) -> None:
    visitor = TrainApi(Workspace(root), Access(is_local=False))
    values = {"name": "one", "dataset": "photos", "settings": {}}
    for act in (
        lambda: visitor.start(values),
        lambda: visitor.estimate(values),
        *(lambda what=what: visitor.change(what, values) for what in ("stop", "force", "delete")),
    ):
        with pytest.raises(UserError, match="does not let visitors train"):
            act()
    assert visitor.overview()["allowed"] is False
    assert Workspace(root).runs() == []


def test_with_a_password_from_afar_only_datasets_of_the_workspace(root: Path) -> None:
    guest = TrainApi(Workspace(root), Access(is_local=False, has_password=True))
    for text in (str(root / "datasets" / "photos"), "../photos", "/etc", "."):
        with pytest.raises(UserError, match="not under datasets"):
            guest.start({"name": "one", "dataset": text, "settings": {}})
    assert guest.overview()["paths"] is False


@pytest.mark.parametrize(
    ("values", "words"),
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
def test_bad_values_are_refused_in_a_sentence(
    values: dict[str, object], words: str, root: Path
) -> None:
    local = TrainApi(Workspace(root), Access(is_local=True))
    with pytest.raises(UserError, match=re.escape(words)):
        local.start(values)


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
    assert is_loopback(host) is local


def test_every_word_is_there_in_both_languages() -> None:
    english, korean = TEXTS["en"], TEXTS["ko"]
    assert set(english) == set(korean)
    for name in Settings().to_json():
        assert english[f"set_{name}"], name
        assert korean[f"set_{name}"], name
        assert korean[f"help_{name}"], name
    for kind in get_args(estimate.ProblemKind):
        assert korean[f"problem_{kind}"], kind


def test_the_form_has_every_setting() -> None:
    spec = {item["name"]: item for item in train_api.settings_spec()}
    assert list(spec) == list(Settings().to_json())
    assert spec["epochs"]["kind"] == "int"
    assert spec["lr"]["kind"] == "float"
    assert spec["start_from"]["kind"] == "text"
    assert all("choices" in item for item in spec.values() if item["kind"] == "choice")
    assert spec["device"]["choices"] == ("auto", "cpu", "cuda")
    json.dumps(train_api.settings_spec())
