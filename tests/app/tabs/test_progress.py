"""The listeners of the Progress tab, without a browser."""

import base64
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from neuroceleb.app import run_status, shared
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.look_inside import STATIONS
from neuroceleb.app.shared import read_lead
from neuroceleb.app.tabs import progress
from neuroceleb.app.tabs.progress import figures, tour, tour_panel
from neuroceleb.app.tabs.train import view
from neuroceleb.errors import UserError
from neuroceleb.runs import card
from neuroceleb.runs.run import STATES, Run
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.conftest import SHIPPED

LAST = helpers.EPOCHS - 1
NAMES = (
    "reel", "charts", "status", "verdict", "beside", "generate", "film", "timer",
    "stamp",
)  # fmt: skip


@pytest.fixture
def context(finished: Run, tmp_path: Path) -> Context:
    """A workspace of its own with the finished run `first`, and `other`, without weights."""
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "first")
    no_weights = shutil.ignore_patterns("netG*")
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "other", ignore=no_weights)
    return Context(Workspace(tmp_path), Access(is_local=True))


def shown(
    context: Context,
    model: str | None = "first",
    epoch: int | None = LAST,
    beside: str = "",
    sheet: str = "",
    stamp: str = "",
) -> SimpleNamespace:
    values = progress.show(context, model, epoch, beside, sheet, stamp)
    return SimpleNamespace(**dict(zip(NAMES, values, strict=True)))


def is_skipped(value: Any) -> bool:
    return value == gr.skip()


def test_a_run_is_shown_at_its_newest_epoch(context: Context) -> None:
    view = shown(context)
    assert [sheet[0] for sheet in view.reel["a"]["sheets"]] == list(range(helpers.EPOCHS))
    assert view.reel["a"]["kept"] == list(range(helpers.EPOCHS))
    assert view.reel["a"]["seeded"] is True
    assert view.reel["b"] is None
    assert view.reel["command"]["epoch"] is None
    (run,) = view.charts["runs"]
    assert (run["name"], run["images"], run["best"]) == ("first", [40, 80, 120, 160], None)
    losses = view.charts["charts"][0]
    rows = context.workspace.run("first").stats()
    assert losses["title"] == "Losses"
    assert losses["lines"][1]["values"] == [[row["loss_g"] for row in rows]]
    assert view.status == "first · Finished · 4 of 4 epochs done (100%)"
    assert "epochs 0 to 3" in view.verdict
    assert view.timer.active is False
    assert view.generate["interactive"] is True
    assert json.loads(json.dumps([view.reel, view.charts], allow_nan=False))


def test_what_has_not_changed_is_not_sent_again(context: Context) -> None:
    first = shown(context)
    again = shown(context, stamp=first.stamp)
    assert all(is_skipped(getattr(again, name)) for name in NAMES if name != "status")
    run = context.workspace.run("first")
    run.append_stats({"epoch": helpers.EPOCHS, "loss_d": float("nan")})
    after = shown(context, stamp=first.stamp)
    assert after.charts["runs"][0]["epochs"][-1] == helpers.EPOCHS
    assert "command" not in after.reel, "the reader stays where they are"
    moved = shown(context, epoch=1, stamp=after.stamp)
    assert moved.reel["command"]["epoch"] == 1
    assert all(map(is_skipped, progress.poll(context, "generate", "first", 1, "", "", "")))


def test_a_run_that_goes_on_is_followed_when_its_first_epoch_is_kept(context: Context) -> None:
    before = shown(context, epoch=None)
    after = shown(context, epoch=LAST, stamp=before.stamp)
    assert is_skipped(after.reel) or "command" not in after.reel


def test_a_lead_to_a_run_goes_on_with_its_newest_epoch(context: Context) -> None:
    """The page may still show model and epoch of before while the lead is received."""
    lead = shared.Lead("epochs", {"model": "first"})
    received = progress.receive(context, lead, "other", 1, "")
    reel, stamp = received[0], received[NAMES.index("stamp")]
    assert reel["command"]["epoch"] is None
    later = shown(context, epoch=LAST, stamp=stamp)
    assert is_skipped(later.reel)
    wanted = shared.Lead("epochs", {"model": "first", "epoch": 1})
    stamp = progress.receive(context, wanted, "other", None, "")[NAMES.index("stamp")]
    assert is_skipped(shown(context, epoch=1, stamp=stamp).reel)


def test_an_address_opens_the_nearest_sheet_and_says_so(context: Context) -> None:
    assert shown(context, sheet="2").reel["command"]["epoch"] == 2
    far = shown(context, sheet="500")
    assert far.reel["command"]["epoch"] == LAST
    assert "Epoch 500 has no sample sheet: this is epoch 3, the nearest." in far.status
    assert shown(context, epoch=1).reel["command"]["epoch"] == 1


def test_restore_keeps_what_the_address_names(context: Context) -> None:
    names = [*NAMES, "sheet", "incoming"]
    ui: Any = SimpleNamespace(**{name: name for name in names})
    closed = progress.restore(context, ui, {"beside": "other", "sheet": "1"}, None)
    assert (closed["sheet"], closed["beside"]["value"]) == ("1", "other")
    assert "reel" not in closed
    chosen = shared.Chosen("first", LAST)
    opened = progress.restore(context, ui, {"beside": "gone", "sheet": "x"}, chosen)
    assert opened["beside"]["value"] == ""
    assert "There is no run 'gone' to compare with." in opened["status"]
    assert opened["reel"]["command"]["epoch"] is None


def test_two_runs_are_overlaid_and_stand_side_by_side(context: Context) -> None:
    view = shown(context, beside="other")
    assert (view.reel["a"]["run"], view.reel["b"]["run"]) == ("first", "other")
    assert [run["name"] for run in view.charts["runs"]] == ["first", "other"]
    losses = view.charts["charts"][0]["lines"][0]["values"]
    assert losses[0] == losses[1]
    itself = shown(context, beside=progress.ITSELF)
    assert itself.reel["b"] == itself.reel["a"]
    assert len(itself.charts["runs"]) == 1


def test_a_run_without_weights_is_listed_and_shown(context: Context) -> None:
    listed = shared.list_models(context, "other")
    assert listed["choices"] == [("first", "first"), ("other · no weights yet", "other")]
    assert listed["value"] == "other"
    view = shown(context, "other", None)
    assert "no weights kept yet" in view.status
    assert view.generate["interactive"] is False
    with pytest.raises(UserError, match="kept no weights yet"):
        progress.lead_to_generate(context, "other", "")
    with pytest.raises(UserError, match="The epoch"):
        progress.lead_to_generate(context, "first", "form-note")
    with pytest.raises(UserError, match="The epoch"):
        progress.show(context, "first", None, None, "form-note", "")


def test_a_queued_copy_has_no_charts_yet(context: Context) -> None:
    config = context.workspace.run("first").config()
    run = create_run(context.workspace, "copy", config)
    run.write_status({"state": "queued", "epochs": 8})
    view = shown(context, "copy", None)
    assert view.charts["charts"] == []
    assert view.reel["a"]["sheets"] == []
    assert view.status == "copy · Queued · no weights kept yet"
    assert view.timer.active is True


def test_the_best_epoch_needs_three_measured_ones(context: Context) -> None:
    rows = [{"epoch": epoch, "quality": {"swd": 9.0 - epoch}} for epoch in range(3)]
    assert figures.best_of(rows[:2]) is None
    best = figures.best_of(rows)
    assert best is not None
    assert best.epoch == 2


def test_the_report_card_explains_every_figure(tmp_path: Path) -> None:
    value = figures.chart_value([Run(SHIPPED)])
    assert value["runs"][0]["best"] == 29
    card = value["card"]
    assert card["title"] == "Report card: epoch 29, 2,048 faces"
    names = {row["name"]: row["value"] for row in card["rows"]}
    assert names["Well-formed faces"] == "96.4 % (photos: 97.6 %)"
    assert names["SWD: distance from the photos"] == "19.5 (photos: 8.02)"
    assert all(row["how"] for row in card["rows"])
    assert all(chart["how"] for chart in value["charts"])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {"state": "stopped", "epoch": 1, "epochs": 4, "step": 2, "steps": 4},
            "1 of 4 epochs done (38%)",
        ),
        ({"state": "failed", "message": "The disk is full."}, "Failed · The disk is full."),
        ({"state": "running", "epoch": 1}, "Lost: its process is gone"),
        ({"state": "stopped", "epochs": "many", "epoch": None}, "first · Damaged · "),
    ],
)
def test_the_status_in_words(status: dict[str, Any], words: str, context: Context) -> None:
    run = context.workspace.run("first")
    run.write_status(status)
    assert words in figures.status(run, has_message=True)


def test_leads_to_and_from_other_tabs(context: Context) -> None:
    context.workspace.run("first").weights_file(2).unlink()
    with pytest.warns(UserWarning, match="Epoch 2 was not kept: this is epoch 1"):
        lead = shared.read_lead(progress.lead_to_generate(context, "first", "2"))
    assert (lead.to, lead.face) == ("generate", {"model": "first", "epoch": 1})
    face = {"model": "first", "epoch": 1, "seed": 5, "truncation": 1.0}
    for to, command in (
        ("epochs", {"epoch": 1, "face": face}),
        ("film", {"epoch": 0, "play": True}),
    ):
        reel = progress.receive(context, shared.Lead(to, face), "other", None, "")[0]
        assert reel["a"]["run"] == "first"
        assert reel["command"].pop("id")
        assert reel["command"] == command
    drawn = progress.show_seed(context, "first", "", 99)
    assert drawn["command"]["face"]["seed"] == 99
    with pytest.raises(UserError, match="The seed"):
        progress.show_seed(context, "first", "", None)
    event: Any = SimpleNamespace(epoch=3, is_newest=False)
    assert progress.note_epoch(context, event) == "3"
    event.is_newest = True
    assert progress.note_epoch(context, event) == ""


def test_a_timelapse_is_a_file(context: Context) -> None:
    path = Path(progress.film_of(context, "first", "gif", "3", 16, False))
    assert path.name == "first_face_3.gif"
    assert path.read_bytes().startswith(b"GIF89a")
    for kind, face, fps, words in (
        ("exe", "", 8, "MP4 or a GIF"),
        ("gif", "64", 8, "no face 64"),
        ("gif", "first", 8, "number"),
        ("gif", "", 1e9, "cannot be shown"),
    ):
        with pytest.raises(UserError, match=words):
            progress.film_of(context, "first", kind, face, fps, True)


def test_who_may_import_what(context: Context, tmp_path: Path) -> None:
    remote = Context(context.workspace, Access(is_local=False, has_password=True))
    for who, folder, name, words in (
        (remote, "/tmp", "x", "who sits at it"),
        (context, "", "x", "No folder"),
        (context, str(tmp_path / "nowhere"), "", "no name"),
        (context, str(tmp_path / "nowhere"), "x", "cannot be read"),
    ):
        with pytest.raises(UserError, match=words):
            progress.import_run(who, folder, name)
    assert {run.name for run in context.workspace.runs()} == {"first", "other"}


def test_the_tour_compares_like_with_like(context: Context) -> None:
    workspace = context.workspace
    for step in range(tour.FIRST_STATION):
        title, text, value = tour.step_of(workspace.run("first"), workspace.runs(), step)
        assert title.startswith(f"{step + 1} / 9 · ")
        assert "{" not in text
        assert value["command"]["epoch"] is not None
    assert "No two runs here differ in the recipe alone" in text
    other = workspace.run("other")
    config = other.config()
    with other.locked() as lock:
        lock.write_config(config | {"settings": config["settings"] | {"recipe": "classic"}})
    _, text, value = tour.step_of(workspace.run("first"), workspace.runs(), 4)
    assert (value["a"]["run"], value["b"]["run"]) == ("other", "first")
    assert "(other)" in text
    with other.locked() as lock:
        settings = config["settings"] | {"recipe": "classic", "start_from": "celeba-mini"}
        lock.write_config(config | {"settings": settings})
    assert figures.with_the_same_start(workspace.runs()) is None
    visible, title, *_ = tour_panel.take_step(context, "first", 99)
    assert visible["visible"] is True
    assert title.startswith("9 / 9")
    assert tour_panel.end_tour(context)[1] == ""


def test_the_tours_stations_lead_to_the_tools_of_explore(context: Context) -> None:
    for step, (station, tool) in enumerate(
        zip(STATIONS, ("layers", "heatmap", "sandbox", "sandbox"), strict=True),
        start=tour.FIRST_STATION,
    ):
        _, title, text, *_, at, reel, button = tour_panel.take_step(context, "first", step)
        assert title == f"{step + 1} / 9 · {station.title}"
        assert text == station.text
        assert at == step
        assert reel["a"]["run"] == "first"
        assert button["visible"]
        lead = read_lead(tour_panel.lead_to_tool(context, "first", step))
        assert (lead.to, lead.face["model"]) == (tool, "first")
    assert not tour_panel.take_step(context, "first", 0)[-1]["visible"]
    for step in (0, -1, 99):
        with pytest.raises(UserError, match="no tool"):
            tour_panel.lead_to_tool(context, "first", step)


def test_every_state_of_a_run_has_words(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for state in sorted(STATES | {"lost", "suspended", "damaged"}):
        monkeypatch.setattr(Run, "status", lambda _run, state=state: {"state": state})
        assert len(run_status.choices(context)) == 2
        assert run_status.state_text({"state": state}, None)
        assert figures.status(context.workspace.run("first"), has_message=True)


def test_a_suspended_run_is_followed_and_can_be_stopped(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "status", lambda _run: {"state": "suspended"})
    run = context.workspace.run("first")
    assert run_status.training_now(context) == ("", True)
    assert figures.is_active(run)
    actions = view.actions_of(context, run, run.status())
    assert "stop" in actions
    assert "resume" not in actions


STRANGE: tuple[Any, ...] = (None, "x", "", [], {}, [1], {"a": []}, -1, 0, 2**63 - 1, 1e308, True)


@pytest.mark.parametrize("value", STRANGE)
def test_a_run_with_strange_values_is_still_shown(value: Any, context: Context) -> None:
    for name in ("first", "other"):
        run = context.workspace.run(name)
        part = {"share": value, "mean": value, "fid": value, "precision": value}
        parts: dict[str, Any] = dict.fromkeys(("swd", "fid", "diversity", "copies"), value)
        entries = {"1": {**parts, "n_fake": value, "well_formed": value}}
        entries["2"] = {"swd": part, "well_formed": part, "n_fake": value, "evaluated": value}
        (run.path / "evaluation.json").write_text(json.dumps({"epochs": entries}))
        config = run.config()
        names = ("epochs", "start_from", "recipe", "nz")
        config["settings"] |= dict.fromkeys(names if name == "first" else names[:2], value)
        config["shipped"] = config["start_model"] = value
        run.write_status({"state": "running", "memory_mb": 1})
        (run.path / "config.json").write_text(json.dumps(config))
        assert json.dumps(shown(context, name, beside="other").charts, allow_nan=False)
        assert figures.status(run, has_message=True)
        assert view.show(context, name)["title"] == name
        assert card.html(run).endswith("</html>")
    figures.with_the_same_start(context.workspace.runs())


def test_a_card_shows_no_file_that_a_run_links_to(context: Context, tmp_path: Path) -> None:
    run = context.workspace.run("first")
    for path in (*run.path.glob("real_samples.*"), *run.sheets().values()):
        path.unlink()
    (tmp_path / "private.png").write_bytes(b"private")
    run.real_sheet_file().symlink_to(tmp_path / "private.png")
    assert base64.b64encode(b"private").decode() not in card.html(run)
    run.real_sheet_file().unlink()
    os.mkfifo(run.real_sheet_file())
    assert "<img" not in card.html(run)
