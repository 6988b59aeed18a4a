"""The Train tab: its listeners, and journeys in a real browser with trainings of a tiny width."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from neuroceleb import images
from neuroceleb.app import run_status, setting_labels
from neuroceleb.app.access import Access, is_loopback
from neuroceleb.app.api.context import Context
from neuroceleb.app.shared import Lead, read_lead
from neuroceleb.app.tabs import train
from neuroceleb.app.tabs.train import form, view
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, queue, starts, trash
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.settings import Settings
from tests import helpers

LONG = 100_000
TINY = {"ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8, "device": "cpu", "start_from": "none"}


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


@pytest.fixture
def context(root: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Without the shipped models, which a workspace elsewhere is offered as well."""
    monkeypatch.setattr(starts, "shipped_workspace", lambda: None)
    return Context(Workspace(root), Access(is_local=True))


def values(**changes: Any) -> list[Any]:
    """The fields of the form, those of the settings."""
    return list((Settings().to_json() | changes).values())


def made(context: Context, name: str, state: str = "stopped", **config: Any) -> Run:
    settings = Settings(epochs=9, **TINY).to_json()
    found = {"settings": settings, "dataset": {"path": "photos"}} | config
    run = create_run(context.workspace, name, found)
    run.write_status({"state": state, "epoch": 3, "epochs": 9})
    return run


def shown(context: Context, chosen: str, stamp: str = "") -> dict[str, Any]:
    updates = train.show(context, chosen, None, "auto", stamp)
    return dict(zip(train.NAMES, updates, strict=True))


# The form ------------------------------------------------------------------------------------


def test_every_setting_has_a_label_and_one_place() -> None:
    grouped = [name for _title, _sentence, names in setting_labels.GROUPS for name in names]
    places = [*setting_labels.FIRST, "start_from", *grouped]
    assert sorted(places) == sorted(Settings().to_json()) == sorted(setting_labels.LABELS)


@pytest.mark.parametrize(
    ("name", "dataset", "changes", "of_name", "of_others"),
    [
        ("mine", "photos", {}, "", ""),
        ("", "photos", {}, "", ""),
        ("taken", "photos", {}, "already a run 'taken'", ""),
        ("../x", "photos", {}, "not a name", ""),
        ("mine", None, {}, "", "No dataset is chosen"),
        ("mine", "nowhere", {}, "", "There is no dataset 'nowhere'"),
        ("mine", "photos", {"epochs": 0}, "", "“Epochs” 0 is out of bounds"),
        ("mine", "photos", {"epochs": None}, "", "“Epochs” is empty"),
        ("mine", "photos", {"lr_end": 0.1}, "", "“Learning rate at the end” 0.1 is more than"),
        ("mine", "photos", {"start_from": "taken"}, "", "another “Length of z”"),
        ("mine", "photos", {"start_from": "gone"}, "", "'gone' is no run"),
    ],
)
def test_what_is_wrong_is_named_at_once(
    context: Context,
    name: str,
    dataset: str | None,
    changes: dict[str, Any],
    of_name: str,
    of_others: str,
) -> None:
    made(context, "taken").weights_file(0).touch()
    found = form.review(context, name, dataset, *values(**changes))
    for text, sentence in zip(found, (of_name, of_others), strict=False):
        assert bool(text) is bool(sentence)
        assert sentence in text
    assert found[2] == ""
    can_start = bool(name) and not of_name and not of_others
    is_half_written = None in changes.values()  # the button is left as it is
    assert found[3].get("interactive") is (None if is_half_written else can_start)


@pytest.mark.slow
def test_a_late_estimate_does_not_hide_what_is_wrong_by_then(context: Context) -> None:
    made(context, "taken")
    request = ("new", "photos", *values(**TINY))
    *_, estimated = form.estimate(context, *request)
    assert form.review_if_changed(context, estimated, *request) == (gr.skip(),) * 4
    for name, dataset in (("taken", "photos"), ("new", "nowhere")):
        late = form.review_if_changed(context, estimated, name, dataset, *request[2:])
        assert late == form.review(context, name, dataset, *request[2:])
        assert late[2] == "" and late[3]["interactive"] is False


def test_a_recipe_brings_its_settings() -> None:
    found = dict(zip(form.BY_RECIPE, form.settings_by_recipe()["classic"], strict=True))
    assert found["batch_size"] == 64
    assert found["start_from"] == "none"
    assert set(found) <= set(Settings().to_json())


def test_the_start_that_is_recommended_has_a_reason(context: Context) -> None:
    listed, reason = form.list_starts(context, "photos", None)
    assert (listed["choices"][0], listed["value"]) == (("Recommended: Noise", "auto"), "auto")
    assert "No shipped model" in reason
    for name in ("one", "two"):
        made(context, name, shipped={"start": True}).weights_file(0).touch()
    listed, reason = form.list_starts(context, "photos", "two")
    assert [value for _text, value in listed["choices"]] == ["auto", "none", "one", "two"]
    assert "value" not in listed  # it stays as it was chosen
    assert reason.startswith("40 photos are few")
    assert "one or two" in reason


def test_a_named_path_takes_away_the_hint_that_there_is_no_dataset(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert form.choose_dataset(context, None, None)[2]["visible"] is False
    monkeypatch.setattr(type(context.workspace), "dataset_names", lambda _self: [])
    for chosen, is_missing in ((None, True), ("somewhere", False)):
        assert form.choose_dataset(context, chosen, None)[2]["visible"] is is_missing
        assert form.list_datasets(context, chosen)[1]["visible"] is is_missing


def test_names_are_suggested(context: Context) -> None:
    assert form.free_name(context, "photos.zip") == "photos"
    made(context, "mine")
    made(context, "mine 2")
    assert form.free_name(context, "mine") == form.free_name(context, "mine 2") == "mine 3"


def test_a_lead_fills_the_form(context: Context) -> None:
    assert train.receive(context, Lead("train", {"dataset": "photos"})) == (
        *("", "photos", "photos"),
        "auto",
    )
    assert train.receive(context, Lead("train", {"model": "one"}))[3] == "one"
    assert read_lead(train.lead_to_photos(context)).to == "photos"


def test_a_duplicate_has_the_settings_of_its_run(context: Context) -> None:
    made(context, "mine")
    chosen, name, dataset, *settings = train.duplicate(context, "mine")
    assert (chosen, name, dataset) == ("", "mine 2", "photos")
    assert form.review(context, name, dataset, *settings)[3]["interactive"] is True
    assert dict(zip(form.SPECS, settings, strict=True))["ngf"] == 4


# Runs ----------------------------------------------------------------------------------------


def test_the_list_has_those_that_go_on_first(context: Context) -> None:
    for name in ("a", "b", "c"):
        made(context, name)
    made(context, "d", "queued")
    with queue.locked(context.workspace):
        queue.append(context.workspace, context.workspace.run("d"), "cpu")
    run = context.workspace.run("c")
    with run.locked(), Heartbeat(run, epochs=9, epoch=3, eta_seconds=240.0, state="running"):
        listed = run_status.choices(context)
        assert [name for _text, name in listed] == ["c", "d", "a", "b"]
        assert [text for text, _name in listed][:2] == ["c · Running 33%", "d · Queued, number 1"]
        assert run_status.training_now(context) == ("c: 33% · 4 min left", True)
        assert shown(context, "c")["stop"]["interactive"] is True
    assert run_status.training_now(context) == ("", True)  # one waits


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (120, "2 min"), (5_000, "83 min"), (9_000, "2.5 h")]
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert run_status.duration(seconds) == text


def test_buttons_that_are_grey_say_why(context: Context) -> None:
    run = made(context, "mine")
    found = view.actions_of(context, run, run.status())
    assert found["resume"] == ""
    assert "first epoch" in found["watch"]
    assert "first kept epoch" in found["generate"]
    assert "stop" not in found
    images.save(run.sheet_file(0), np.zeros((530, 530, 3), np.uint8))
    found = view.actions_of(context, run, run.status())
    assert found["watch"] == ""
    assert "first kept epoch" in found["generate"]
    assert shown(context, "mine")["sheet"]["label"] == "Newest sheet: epoch 0"
    assert shown(context, "mine")["facts"].endswith("3 of 9 epochs done")
    shutil.rmtree(context.workspace.datasets / "photos")
    ships = made(context, "ships", shipped={"start": True})
    found = view.actions_of(context, ships, ships.status())
    assert "photos are not here" in found["resume"]
    assert "cannot be deleted" in found["delete"]
    updates = shown(context, "ships")
    assert updates["delete"]["interactive"] is False
    assert "cannot be deleted" in updates["why"]
    assert "photos are not here" in updates["why"]


def test_what_leads_on_from_a_run_that_has_ended(context: Context) -> None:
    run = made(context, "mine", "finished")
    run.weights_file(2).touch()
    updates = shown(context, "mine")
    assert updates["generate"]["variant"] == "primary"
    assert updates["resume"]["value"] == "Train longer"
    assert updates["epochs"]["placeholder"] == "13"
    assert updates["epochs"]["value"] == ""
    run.write_status({"state": "failed", "epoch": 3, "epochs": 9})
    ticked = shown(context, "mine", updates["stamp"])
    assert ticked["epochs"]["placeholder"] == "9"
    assert "value" not in ticked["epochs"]  # something else may have been typed
    assert read_lead(view.lead(context, "mine", "epochs")).face == {"model": "mine"}


@pytest.mark.parametrize(
    ("state", "text", "epochs"),
    [
        ("stopped", "", None),
        ("stopped", " 12 ", 12),
        ("finished", "", 13),
        ("finished", "20", 20),
    ],
)
def test_a_run_is_resumed_to_the_epochs_that_are_typed_or_proposed(
    context: Context, monkeypatch: pytest.MonkeyPatch, state: str, text: str, epochs: int | None
) -> None:
    made(context, "mine", state)
    asked: list[int | None] = []
    monkeypatch.setattr(jobs, "resume", lambda _workspace, _name, given: asked.append(given))
    view.resume(context, "mine", text)
    assert asked == [epochs]


@pytest.mark.parametrize("text", ["abc", "1.5", "1e3"])
def test_what_is_no_number_of_epochs_is_refused(context: Context, text: str) -> None:
    made(context, "mine")
    with pytest.raises(UserError, match="Epochs in all"):
        view.resume(context, "mine", text)


def test_the_other_tabs_follow_a_run_that_was_started(context: Context) -> None:
    made(context, "other").weights_file(2).touch()
    run = made(context, "mine", "starting")
    model, epoch = train.follow(context, "mine")
    assert (model["value"], epoch["value"]) == ("mine", None)
    assert ("mine · no weights yet", "mine") in model["choices"]
    run.weights_file(2).touch()
    assert train.follow(context, "mine")[1]["value"] == 2


def test_only_what_moves_is_drawn_again(context: Context) -> None:
    made(context, "mine")
    first = shown(context, "mine")
    again = shown(context, "mine", first["stamp"])
    drawn = {name for name, value in again.items() if value != gr.skip()}
    assert drawn == {"runs", "facts", "meter", "log"}
    skipped = (gr.skip(),) * len(train.NAMES)
    assert train.tick(context, "generate", "mine", None, None, "") == skipped
    assert train.tick(context, "train", "renamed", None, None, "") == skipped


def test_a_late_tick_leaves_a_name_that_is_typed(context: Context) -> None:
    run = made(context, "mine", "running")
    made(context, "other")
    before = shown(context, "mine")
    assert before["new_name"] == "mine"
    run.write_status({"state": "stopped", "epoch": 3, "epochs": 9})
    late = shown(context, "mine", before["stamp"])
    assert late["title"] == "mine"
    assert late["new_name"] == gr.skip()
    assert shown(context, "other", before["stamp"])["new_name"] == "other"


def test_delete_asks_and_the_trash_gives_back(context: Context) -> None:
    for name in ("faces", "mine"):
        made(context, name)
    column, question, asked = view.ask(context, "mine")
    assert asked == "mine"
    assert column["visible"] is True
    assert "'mine'" in question
    chosen, models, epochs = view.delete(context, "mine", "faces")
    assert (chosen, models["value"], epochs) == ("", "faces", gr.skip())
    updates = shown(context, "")
    assert updates["bin"]["visible"] is True
    (found,) = updates["deleted"]["choices"]
    assert found[0] == "mine, 30 days left"
    chosen, models = train.restore_deleted(context, found[1], "", "faces")
    assert (chosen, models["value"]) == ("mine", "faces")
    assert "mine" in [value for _text, value in models["choices"]]
    assert shown(context, "mine")["bin"]["visible"] is False
    *_, models, epochs = view.delete(context, "mine", "mine")
    assert (models["value"], epochs["choices"]) == ("faces", [])
    with pytest.raises(UserError, match="tick the box"):
        train.empty_trash(context, False)
    assert train.empty_trash(context, True) is False
    assert trash.entries(context.workspace) == []


def test_the_model_of_all_tabs_follows_a_run_that_is_renamed(context: Context) -> None:
    for run in ("faces", "mine"):
        made(context, run)
    name, models = view.rename(context, "mine", "ours", "mine")
    assert (name, models["value"]) == ("ours", "ours")
    _name, models = view.rename(context, "ours", "yours", "faces")
    assert models["value"] == "faces"
    assert "yours" in [value for _text, value in models["choices"]]


def test_the_card_has_pictures_curves_and_terms_and_no_markup_of_others(context: Context) -> None:
    run = made(
        context, "mine", "finished", shipped={"terms": "<script>x</script>"}, created="2026-11-26"
    )
    images.save(run.sheet_file(3), np.zeros((530, 530, 3), np.uint8))
    curves = helpers.ROOT / "tests" / "runs" / "curves" / "healthy.jsonl"
    for line in curves.read_text().splitlines()[:20]:
        run.append_stats(json.loads(line))
    page = Path(view.save_card(context, "mine")).read_text("utf-8")
    assert page.count("<polyline") >= 5
    assert "data:image/png;base64," in page
    assert "Its faces after epoch 3" in page
    assert "Batch size" in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page


# Who may -----------------------------------------------------------------------------------


def test_only_who_may_train_trains(root: Path) -> None:
    context = Context(Workspace(root), Access(is_local=False))
    made(context, "mine")
    request = ("other", "photos", *values(**TINY))
    acts: list[Callable[[], Any]] = [
        lambda: form.start(context, *request),
        lambda: form.estimate(context, *request),
        lambda: view.stop(context, "mine"),
        lambda: view.force(context, "mine"),
        lambda: view.resume(context, "mine", "10"),
        lambda: view.rename(context, "mine", "yours", None),
        lambda: view.delete(context, "mine", None),
        lambda: train.restore_deleted(context, "x", "", None),
        lambda: train.empty_trash(context, True),
    ]
    for act in acts:
        with pytest.raises(UserError, match="does not let visitors train"):
            act()
    assert [run.name for run in Workspace(root).runs()] == ["mine"]
    assert "only watch" in form.review(context, *request)[1]
    assert "only watch" in shown(context, "mine")["why"]


def test_with_a_password_from_afar_only_datasets_of_the_workspace(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "shipped_workspace", lambda: None)
    guest = Context(Workspace(root), Access(is_local=False, has_password=True))
    for text in (str(root / "datasets" / "photos"), "../photos", "/etc", "."):
        with pytest.raises(UserError, match="not under datasets"):
            form.start(guest, "one", text, *values(**TINY))
        assert form.list_starts(guest, text, None)[1].startswith("No shipped model")
    with pytest.raises(UserError, match="not a name"):
        form.start(guest, "one", "photos", *values(**TINY | {"start_from": "/etc/passwd"}))


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


# In the browser ------------------------------------------------------------------------------


def open_train(page: Page, url: str, query: str = "") -> None:
    page.set_default_timeout(helpers.PATIENCE_S * 1_000)
    expect.set_options(timeout=helpers.PATIENCE_S * 1_000)
    page.goto(f"{url}?tab=train{query}")
    expect(page.locator("#runs label").nth(0)).to_be_visible()


def fill_form(page: Page, name: str, epochs: int) -> None:
    # Opened first: Gradio sets the fields of a group once more while it draws them.
    page.get_by_role("button", name="Networks").click()
    expect(page.locator("#set-ngf input")).to_have_value("64")
    page.locator("#run-name input").fill(name)
    values = {"epochs": epochs, "batch_size": 8, "ngf": 4, "ndf": 4, "nz": 8}
    for setting, value in values.items():
        page.locator(f"#set-{setting} input").fill(str(value))
    for setting, value in values.items():
        expect(page.locator(f"#set-{setting} input")).to_have_value(str(value))


def test_a_name_that_is_taken_is_named_while_it_is_typed(page: Page, app_url: str) -> None:
    open_train(page, app_url)
    expect(page.locator("#no-datasets")).to_be_visible()
    page.locator("#run-name input").fill("celeba-mini-classic")
    expect(page.locator("#name-note")).to_contain_text("already a run")
    expect(page.locator("#form-note")).to_contain_text("No dataset is chosen")
    expect(page.locator("#start")).to_be_disabled()


@pytest.mark.slow
def test_a_run_has_an_address_and_can_be_duplicated(page: Page, app_url: str) -> None:
    open_train(page, app_url)
    page.locator("#runs label", has_text="celeba-mini-classic").click()
    expect(page.locator("#run-facts")).to_contain_text("Finished")
    expect(page.locator("#resume")).to_be_disabled()
    expect(page.locator("#run-why")).to_contain_text("photos are not here")
    expect(page).to_have_url(re.compile("run=celeba-mini-classic"))
    page.reload()
    expect(page.locator("#run-title")).to_contain_text("celeba-mini-classic")
    page.locator("#duplicate").click()
    expect(page.locator("#run-name input")).to_have_value("celeba-mini-classic 2")


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
        open_train(page, app.url)
        fill_form(page, "mine", LONG)
        expect(page.locator("#start")).to_be_enabled()
        page.locator("#check").click()
        expect(page.locator("#estimate")).to_contain_text("images a second")
        expect(page.locator("#estimate")).to_contain_text("40 faces are far too few")
        page.locator("#start").click()
        expect(facts).to_contain_text("Running")
        expect(page.locator("#newest img")).to_be_visible()
        expect(page.locator("#train-verdict")).to_be_visible()
        assert run.config()["settings"]["ngf"] == 4

        # It is seen from another tab; the app is killed: the run goes on, and is shown again.
        page.get_by_role("tab", name="Generate").click()
        expect(page.locator("#training-now")).to_contain_text("mine: 0%")
        pid = run.status()["pid"]
        app.kill()
        page.goto("about:blank")  # Gradio reloads a page once its server is back
        seen = len(run.stats())
        helpers.wait_for(lambda: len(run.stats()) > seen)
        app.start()
        open_train(page, app.url, "&run=mine")
        expect(facts).to_contain_text("Running")
        assert run.status()["pid"] == pid

        # Stopped, resumed for two more epochs, finished.
        page.locator("#stop").click()
        expect(facts).to_contain_text("Stopped")
        done = run.status()["epoch"]
        page.locator("#more-epochs textarea, #more-epochs input").fill(str(done + 2))
        page.locator("#resume").click()
        expect(facts).to_contain_text("Finished")
        assert [row["epoch"] for row in run.stats()] == list(range(done + 2))
        expect(page.locator("#training-now p")).to_be_empty()

        # A killed one is lost within seconds, and says so.
        page.locator("#more-epochs textarea, #more-epochs input").fill(str(LONG))
        page.locator("#resume").click()
        expect(facts).to_contain_text("Running")
        os.kill(run.status()["pid"], signal.SIGKILL)
        expect(facts).to_contain_text("Lost")
        expect(page.locator("#resume")).to_be_enabled()

        # Renamed; then deleted, but only when asked twice; and restored.
        page.get_by_role("button", name="Rename or delete").click()
        page.locator("#new-name input").fill("yours")
        page.locator("#rename").click()
        expect(page.locator("#run-title")).to_contain_text("yours")
        expect(page.locator("#model input")).to_have_value("yours")
        page.locator("#delete").click()
        page.locator("#keep").click()
        expect(page.locator("#question")).to_be_hidden()
        assert (workspace.checkpoints / "yours").exists()
        page.locator("#delete").click()
        page.locator("#delete-yes").click()
        expect(page.locator("#runs label", has_text="yours")).to_have_count(0)
        assert workspace.runs() == []
        page.locator("#trash").get_by_role("button", name="Trash").click()
        page.locator("#restore-deleted").click()
        expect(page.locator("#run-title")).to_contain_text("yours")
        assert errors == []
    finally:
        page.close()
        app.kill()


@pytest.mark.slow
def test_the_queue_on_the_page_and_across_a_restart(root: Path, browser: Browser) -> None:
    app = helpers.App(root)
    page = browser.new_page(locale="en-US")
    context = Context(Workspace(root), Access(is_local=True))
    workspace = context.workspace
    try:
        for name, epochs in (("first", LONG), ("second", 1)):
            started = form.start(context, name, "photos", *values(**TINY, epochs=epochs))
            assert started == (name, "")
        with pytest.raises(UserError, match="already"):
            form.start(context, "second", "photos", *values(**TINY))
        open_train(page, app.url)
        expect(page.locator("#runs label", has_text="second")).to_contain_text("number 1")
        app.kill()
        page.goto("about:blank")  # Gradio reloads a page once its server is back
        assert workspace.run("second").state() == "queued"
        app.start()

        # One that hangs is asked to stop, and may be ended by force when it has not for long.
        first = workspace.run("first")
        open_train(page, app.url, "&run=first")
        expect(page.locator("#run-facts")).to_contain_text("Running")
        os.kill(first.status()["pid"], signal.SIGSTOP)
        page.locator("#stop").click()
        expect(page.locator("#stop")).to_be_disabled()
        expect(page.locator("#run-why")).to_contain_text("asked to stop")
        expect(page.locator("#force")).to_have_count(0)
        with pytest.raises(UserError, match="may still end by itself"):
            view.force(context, "first")
        long_ago = time.time() - jobs.GRACE_S - 1
        os.utime(first.stop_file, (long_ago, long_ago))
        page.locator("#force").click()
        expect(page.locator("#run-facts")).to_contain_text("Stopped")
        helpers.wait_for(lambda: workspace.run("second").state() == "finished")
        assert first.state() == "stopped"
    finally:
        page.close()
        app.kill()
