"""What the Progress tab is told: courses, reels, strips, films; and what it refuses."""

import base64
import io
import json
import shutil
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.app import progress_api, progress_tab, sheet_previews, timelapse_files
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from tests import helpers


@pytest.fixture
def workspace(finished: Run, tmp_path: Path) -> Workspace:
    """A workspace of its own with the finished run `first` in it."""
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "first")
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return workspace.run("first")


def pixels_of(picture: str | bytes) -> Pixels:
    data = base64.b64decode(picture.split(",")[1]) if isinstance(picture, str) else picture
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_course_tells_what_there_is(workspace: Workspace, run: Run) -> None:
    value = progress_api.watch(workspace, "first", "")
    told = value["run"]
    assert json.loads(json.dumps(value)) == value
    assert [sheet["epoch"] for sheet in told["sheets"]] == list(range(helpers.EPOCHS))
    assert told["kept"] == list(range(helpers.EPOCHS))
    assert told["figures"]["images"] == [40, 80, 120, 160]
    losses = told["figures"]["charts"][0]
    assert losses["id"] == "losses"
    assert losses["lines"][1]["values"] == [row["loss_g"] for row in run.stats()]
    assert told["best"] is None
    assert value["other"] is None
    assert progress_api.watch(workspace, "first", "")["stamp"] == value["stamp"]

    run.append_stats({"epoch": helpers.EPOCHS, "loss_d": float("nan"), "quality": {"swd": 3}})
    after = progress_api.watch(workspace, "nowhere", "first")
    assert after["stamp"] != value["stamp"]
    assert after["run"]["name"] == after["other"]["name"] == "first"
    assert after["run"]["best"] == {"epoch": helpers.EPOCHS, "figure": "swd", "value": 3.0}
    assert json.loads(json.dumps(after, allow_nan=False)) == after


def test_an_empty_workspace_has_no_course(tmp_path: Path) -> None:
    assert progress_api.watch(Workspace(tmp_path), "", "")["run"] is None


def draw_light_sheets(run: Run) -> None:
    for epoch, path in run.sheets().items():
        images.save(path, np.full((530, 530, 3), 50 * epoch, np.uint8))


def test_a_reel_holds_every_sheet_in_the_order_asked_for(run: Run) -> None:
    draw_light_sheets(run)
    (run.path / "fake_samples_epoch_002.png").write_bytes(b"damaged" * 30_000)
    data = b"".join(sheet_previews.pack(run, [3, 0, 2, 9]))
    found: dict[int, bytes] = {}
    while data:
        epoch, length = struct.unpack_from("<II", data)
        found[epoch], data = data[8 : 8 + length], data[8 + length :]
    assert list(found) == [3, 0, 2, 9]
    assert found[2] == found[9] == b"", "the damaged and the missing one are passed over"
    for epoch in (3, 0):
        assert found[epoch] == run.sheets()[epoch].read_bytes(), "so light that it is sent as it is"


def heavy_sheet(run: Run, epoch: int) -> Pixels:
    rng = np.random.default_rng(epoch)
    grain: Pixels = rng.normal(90, 4, (530, 530, 3)).clip(0, 255).astype(np.uint8)
    images.save(run.sheet_file(epoch), grain)
    return grain


def test_a_heavy_sheet_is_sent_lighter_and_made_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    grain = heavy_sheet(run, 1)
    path = run.sheet_file(1)
    light = sheet_previews.light(path)
    assert len(light) < path.stat().st_size
    assert np.abs(pixels_of(light).astype(int) - grain).mean() < 8
    images.save(path, 255 - grain)
    after = sheet_previews.light(path)
    assert np.abs(pixels_of(after).astype(int) - grain).mean() > 8, "the new one"
    monkeypatch.setattr(sheet_previews, "_encoded", None)
    assert sheet_previews.light(path) == after, "from the cache"
    kept = list((run.path.parents[1] / ".cache" / "reels" / "first").iterdir())
    assert [one.read_bytes() for one in kept] == [after], "the former one is gone"


def test_light_sheets_are_made_ahead(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_previews, "READY_EVERY_S", 0.01)
    draw_light_sheets(run)
    for epoch in (0, 2):
        heavy_sheet(run, epoch)
    gone = workspace.root / ".cache" / "reels" / "gone"
    gone.mkdir(parents=True)
    stop = sheet_previews.keep_ready(workspace)
    helpers.wait_for(lambda: not gone.exists())
    stop()
    made = (workspace.root / ".cache" / "reels" / "first").iterdir()
    assert sorted(one.name.split("-")[0] for one in made) == [
        "fake_samples_epoch_000",
        "fake_samples_epoch_002",
    ]


@pytest.mark.parametrize("text", ["", "x", "1,,2", "-1", "1.5", "9" * 12, ",".join("1" * 300)])
def test_epochs_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="reload the page"):
        sheet_previews.read_epochs(text)


def test_a_strip_is_one_face_of_every_sheet(run: Run) -> None:
    strip = sheet_previews.strip(run, 21)
    assert strip["epochs"] == list(range(helpers.EPOCHS))
    faces = images.ungrid(pixels_of(strip["png"]), helpers.EPOCHS, 64)
    for epoch, face in zip(strip["epochs"], faces, strict=True):
        assert (face == timelapse.cut(images.load(run.sheets()[epoch]), 21)).all()
    assert strip["seed"] == 21
    for wrong in (-1, 64):
        with pytest.raises(UserError, match="no face"):
            sheet_previews.strip(run, wrong)


def test_a_seed_through_time_is_drawn_with_every_kept_epoch(run: Run) -> None:
    drawn = sheet_previews.seed_strip(run, {"seed": 21, "truncation": 1.0})
    sheets = sheet_previews.strip(run, 21)
    assert drawn["epochs"] == sheets["epochs"]
    difference = pixels_of(drawn["png"]).astype(int) - pixels_of(sheets["png"]).astype(int)
    assert np.abs(difference).max() <= 1
    assert sheet_previews.seed_strip(run, {"z": [0.5] * 8})["seed"] is None
    for wrong in ({"z": [0.5] * 7}, {"seed": -1}, {"seed": "x"}, None, {}, {"z": ["a"] * 8}):
        with pytest.raises(UserError):
            sheet_previews.seed_strip(run, wrong)
    for path in run.kept().values():
        path.unlink()
    with pytest.raises(UserError, match="kept no weights"):
        sheet_previews.seed_strip(run, {"seed": 21})


# Films -------------------------------------------------------------------------------------


def finish(studio: timelapse_files.Studio, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + helpers.PATIENCE_S
    while studio.look(key)["state"] == "making":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return studio.look(key)


def test_films_are_made_one_at_a_time_and_told_of(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = timelapse_files.Studio(workspace)
    wishes: dict[str, Any] = {"run": "first", "format": "gif", "fps": 16, "face": 3}
    key = studio.start(wishes)
    made = finish(studio, key)
    assert (made["state"], made["done"], made["error"]) == ("made", made["total"], "")
    path, name = studio.file(key)
    assert name == "first_face_3.gif"
    assert path.read_bytes().startswith(b"GIF89a")

    began = time.monotonic()

    def slow(plan: timelapse.Plan, path: Path, progress: Any) -> None:
        while time.monotonic() < began + helpers.PATIENCE_S:
            progress(1, 100)
            time.sleep(0.01)

    monkeypatch.setattr(timelapse, "write", slow)
    second = studio.start(wishes)
    with pytest.raises(UserError, match="Another film"):
        studio.start(wishes)
    with pytest.raises(UserError, match="not there"):
        studio.file(second)
    studio.give_up(second)
    assert finish(studio, second)["state"] == "given up"

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(timelapse, "write", broken)
    assert "our fault" in finish(studio, studio.start(wishes))["error"]
    with pytest.raises(UserError, match="no such film"):
        studio.look("nothing")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"run": None}, "No run"),
        ({"run": "../first"}, "not a name"),
        ({"format": "exe"}, "MP4 or a GIF"),
        ({"fps": "fast"}, "number"),
        ({"fps": 1e9}, "cannot be shown"),
        ({"face": 64}, "no face 64"),
        ({"face": "first"}, "number"),
    ],
)
def test_odd_wishes_for_a_film_are_refused(
    wish: dict[str, Any], words: str, workspace: Workspace
) -> None:
    with pytest.raises(UserError, match=words):
        timelapse_files.Studio(workspace).start({"run": "first", "format": "mp4", **wish})


# Importing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_local", "wishes", "words"),
    [
        (False, {"folder": "/tmp", "name": "x"}, "who sits at it"),
        (True, {"name": "x"}, "No folder"),
        (True, {"folder": "/nowhere/at/all", "name": ""}, "no name"),
        (True, {"folder": "/nowhere/at/all", "name": "x"}, "cannot be read"),
        (True, {"folder": 3, "name": "x"}, "No folder"),
    ],
)
def test_who_may_import_what(
    is_local: bool, wishes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        progress_tab._import(Workspace(tmp_path), is_local, wishes)
    assert Workspace(tmp_path).runs() == []
