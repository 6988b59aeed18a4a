"""The listeners of Explore's tools that look inside the networks, without a browser."""

import base64
import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from neuroceleb.app import sandboxes
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.look_inside import STATIONS
from neuroceleb.app.shared import LEADS, Lead
from neuroceleb.app.tabs.explore import (
    face_listeners,
    heatmap_tool,
    layers_tool,
    sandbox_tool,
    visible,
)
from neuroceleb.app.tabs.explore.face_listeners import DIRECTIONS, HEATMAP, LAYERS, SANDBOX, TOOLS
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

FIRST = ("first", 3)


@pytest.fixture
def context(tmp_path: Path, finished: Run) -> Iterator[Context]:
    """The owner of a workspace with the finished run `first`, whose photos are still there."""
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "first")
    sandboxes.opened.cache_clear()
    yield Context(Workspace(tmp_path), Access(is_local=True))
    sandboxes.opened.cache_clear()


def visitor(context: Context) -> Context:
    return Context(context.workspace, Access(is_local=False))


def pixels(url: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a run by its content."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The tools in the tab ------------------------------------------------------------------------


def test_the_tools_open_by_the_address_and_by_leads(context: Context) -> None:
    columns = visible(LAYERS)
    assert [one["visible"] for one in columns] == [True, *(name == LAYERS for name in TOOLS[1:])]
    lead = Lead("heatmap", {"model": "first", "epoch": 3, "seed": 5})
    tool, palette, text, *_, of_layers, of_heatmap = face_listeners.receive(
        context, lead, *FIRST, DIRECTIONS
    )
    assert (tool, text, of_heatmap) == (HEATMAP, "5", palette["key"])
    assert of_layers == gr.skip()
    assert {LEADS[station.tool] for station in STATIONS} == {"explore"}
    assert {station.tool for station in STATIONS} == {LAYERS, HEATMAP, SANDBOX}
    assert all(len(station.text.split()) <= 60 for station in STATIONS)


# Through the layers --------------------------------------------------------------------------


def test_the_strongest_maps_come_with_the_face(context: Context) -> None:
    value = layers_tool.fill(context, *FIRST, "7")
    assert value["epochs"] == sorted(context.workspace.run("first").kept())
    assert value["epochs"][value["at"]] == 3
    assert [one["side"] for one in value["layers"]] == [4, 8, 16, 32]
    channels = [one["channels"] for one in value["layers"]]
    columns = max(map(len, channels))
    assert pixels(value["maps"]).shape == (4 * 32, columns * 32, 3)
    face = face_listeners.show(context, *FIRST, LAYERS, "7")[0]
    shown = pixels(value["pictures"])
    assert np.abs(shown - pixels(face["png"])).mean() < 4  # a JPEG


def test_the_same_maps_are_sent_for_all_epochs_piece_by_piece(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers_tool, "PIECE", 2)
    value = layers_tool.fill(context, *FIRST, "7")
    request, count = value["request"], len(value["epochs"])
    pieces = [
        layers_tool.epochs(context, {"request": request, "start": start})
        for start in range(0, count, 2)
    ]
    maps = np.concatenate([pixels(piece["maps"]) for piece in pieces])
    assert len(maps) == count * 4 * 32
    at = value["at"]
    assert np.array_equal(maps[at * 128 : (at + 1) * 128], pixels(value["maps"]))
    assert not np.array_equal(maps[:128], maps[-128:])
    for start in (-1, count, "x", None):
        with pytest.raises(UserError):
            layers_tool.epochs(context, {"request": request, "start": start})
    for bad in (None, {"request": 3}, {"request": {"model": "../x"}}):
        with pytest.raises(UserError):
            layers_tool.epochs(context, bad)


def test_a_map_is_silenced_and_raised(context: Context) -> None:
    value = layers_tool.fill(context, *FIRST, "7")
    map_ = {"layer": 4, "channel": value["layers"][3]["channels"][0]}
    wanted = {"request": value["request"], "epoch": 3} | map_
    found = layers_tool.scaled(visitor(context), wanted)
    assert pixels(found["sheet"]).shape == (64, 64 * len(layers_tool.FACTORS), 3)
    levels = dict(zip(layers_tool.FACTORS, found["levels"], strict=True))
    assert levels[1.0] == 0
    assert levels[0.0] > 0
    assert 0 < levels[2.0] < levels[4.0]
    for name, bad in (("layer", 5), ("layer", 0), ("channel", 999), ("epoch", 99), ("epoch", "x")):
        with pytest.raises(UserError):
            layers_tool.scaled(context, wanted | {name: bad})


# What D sees ---------------------------------------------------------------------------------


def test_d_answers_with_a_map_beside_the_face(context: Context) -> None:
    answer, pictures, button, *rest = heatmap_tool.fill(context, *FIRST, "7")
    assert "sure that this face is a photo" in answer
    assert len(pictures["faces"]) == 2
    face, heat = (pixels(one["png"]) for one in pictures["faces"])
    assert not np.array_equal(face, heat)
    assert button == gr.update(interactive=True)
    assert rest == [None, "", None]


def test_the_nearest_photo_is_only_shown_where_photos_may_be_seen(context: Context) -> None:
    about, nearest = heatmap_tool.fill_nearest(context, *FIRST, "7")
    assert "The training photo nearest to it" in about
    assert len(nearest["faces"]) == 2
    about, nearest = heatmap_tool.fill_nearest(visitor(context), *FIRST, "7")
    assert "--auth" in about
    assert nearest is None
    config = context.workspace.run("first")
    with config.locked() as lock:
        lock.write_config(config.config() | {"dataset": {"path": "gone.zip"}})
    about, nearest = heatmap_tool.fill_nearest(context, *FIRST, "7")
    assert "not on this machine" in about
    assert nearest is None


def test_ds_answer_rises_over_the_steps_and_each_face_can_be_taken(context: Context) -> None:
    found = list(heatmap_tool.steps(context, *FIRST, "7"))
    assert [len(value["faces"]) for value in found] == list(range(1, heatmap_tool.STEPS + 2))
    answers = [float(one["caption"].rstrip("%")) for one in found[-1]["faces"]]
    assert answers[-1] >= answers[0]
    pick: Any = SimpleNamespace(pick=found[-1]["faces"][-1]["pick"])
    palette = face_listeners.take(context, *FIRST, HEATMAP, pick)[0]
    assert len(palette["face"]["z"]) == 8


def test_a_run_without_a_discriminator_says_so(context: Context) -> None:
    context.workspace.run("first").discriminator_file.unlink()
    answer, pictures, button, *_ = heatmap_tool.fill(context, *FIRST, "7")
    assert "has no discriminator" in answer
    assert (pictures, button) == (None, gr.update(interactive=False))
    assert heatmap_tool.fill_nearest(context, *FIRST, "7") == ("", None)
    with pytest.raises(UserError, match="has no discriminator"):
        next(heatmap_tool.steps(context, *FIRST, "7"))
    with pytest.raises(UserError, match="has no discriminator"):
        sandbox_tool.start(context, *FIRST, "")


# One step at a time --------------------------------------------------------------------------


def faces_of(shown: tuple[Any, ...]) -> list[str]:
    return [one["png"] for one in shown[2]["faces"]]


def test_a_copy_is_trained_and_undone_and_the_run_stays(context: Context) -> None:
    before = hashes(context.workspace.root / "checkpoints")
    token, _column, about, *begin = sandbox_tool.start(context, *FIRST, "")
    assert "A copy of first, epoch 3, trained as the run is." in about
    assert "of the run's photos" in about
    assert begin[0].startswith("Step 0: training steps of D 0, of G 0.")
    assert len(faces_of(tuple(begin))) == 16
    (after_d,) = sandbox_tool.train(context, token, "d")
    assert "Step 1: training steps of D 1, of G 0. loss of D" in after_d[0]
    (after_g,) = sandbox_tool.train(context, token, "g")
    assert "Step 2: training steps of D 1, of G 1. loss of G" in after_g[0]
    assert faces_of(after_g) != faces_of(after_d)
    *_, after_ten = sandbox_tool.train(context, token, "10")
    assert "Step 12: training steps of D 11, of G 11." in after_ten[0]
    charts = after_ten[3]
    assert charts["runs"][0]["epochs"] == list(range(13))
    assert [chart["id"] for chart in charts["charts"]][:2] == ["losses", "scores"]
    assert sandbox_tool.undo(context, token) == after_g
    assert hashes(context.workspace.root / "checkpoints") == before


@pytest.mark.parametrize("preset", [name for name in sandbox_tool.PRESETS if name])
def test_what_is_broken_is_said(context: Context, preset: str) -> None:
    token, _column, about, *_ = sandbox_tool.start(context, *FIRST, preset)
    assert sandbox_tool.PRESETS[preset][1] in about
    (after,) = sandbox_tool.train(context, token, "d")
    assert after[0].startswith("Step 1:")


def test_the_verdicts_own_words_are_shown(context: Context) -> None:
    token, *_ = sandbox_tool.start(context, *FIRST, "")
    box = sandboxes.opened().get(token)
    box._rows = tuple(
        {"epoch": step, "loss_d": 90.0, "loss_g": 90.0, "d_x": 0.5, "d_g_z1": 0.5}
        for step in range(6)
    )
    (after,) = sandbox_tool.train(context, token, "g")
    assert "diverge" in after[1].lower()


def test_visitors_who_may_only_watch_start_and_train_nothing(context: Context) -> None:
    token, *_ = sandbox_tool.start(context, *FIRST, "")
    who = visitor(context)
    for preset in sandbox_tool.PRESETS:
        with pytest.raises(UserError, match="does not let visitors train in a sandbox"):
            sandbox_tool.start(who, *FIRST, preset)
    with pytest.raises(UserError, match="does not let visitors"):
        next(sandbox_tool.train(who, token, "d"))
    with pytest.raises(UserError, match="does not let visitors"):
        sandbox_tool.undo(who, token)
    for bad in ("", "another"):
        with pytest.raises(UserError):
            sandbox_tool.undo(context, bad)


def test_a_sandbox_is_closed_when_photos_of_its_run_are_removed(context: Context) -> None:
    token, *_ = sandbox_tool.start(context, *FIRST, "")
    going = sandbox_tool.train(context, token, "100")
    next(going)
    sandboxes.close_of(["another"])
    next(going)
    sandboxes.close_of(["first", "another"])
    assert len(sandboxes.opened()) == 0
    with pytest.raises(UserError, match="was closed"):
        list(going)
    with pytest.raises(UserError, match="was closed"):
        sandbox_tool.undo(context, token)


def test_closing_needs_no_torch_where_none_is_open() -> None:
    sandboxes.opened.cache_clear()
    sandboxes.close_of(["first"])
    assert sandboxes.opened.cache_info().currsize == 0
