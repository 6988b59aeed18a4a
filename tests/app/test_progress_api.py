"""The Progress tab's data: runs, sheet previews, face strips, timelapses; and what is refused."""

import base64
import io
import json
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.app import face_strips, progress_api, sheet_previews, timelapse_files
from neuroceleb.app.background import Tasks
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


def test_a_run_is_described(workspace: Workspace, run: Run) -> None:
    value = progress_api.overview(workspace, "first", "")
    described = value["run"]
    assert json.loads(json.dumps(value)) == value
    assert [sheet["epoch"] for sheet in described["sheets"]] == list(range(helpers.EPOCHS))
    assert described["kept"] == list(range(helpers.EPOCHS))
    assert described["figures"]["images"] == [40, 80, 120, 160]
    losses = described["figures"]["charts"][0]
    assert losses["id"] == "losses"
    assert losses["lines"][1]["values"] == [row["loss_g"] for row in run.stats()]
    assert described["best"] is None
    assert value["other"] is None
    assert progress_api.overview(workspace, "first", "")["stamp"] == value["stamp"]

    run.append_stats({"epoch": helpers.EPOCHS, "loss_d": float("nan"), "quality": {"swd": 3}})
    after = progress_api.overview(workspace, "nowhere", "first")
    assert after["stamp"] != value["stamp"]
    assert after["run"]["name"] == after["other"]["name"] == "first"
    assert after["run"]["best"] == {"epoch": helpers.EPOCHS, "figure": "swd", "value": 3.0}
    assert json.loads(json.dumps(after, allow_nan=False)) == after


def test_an_empty_workspace_has_no_run(tmp_path: Path) -> None:
    assert progress_api.overview(Workspace(tmp_path), "", "")["run"] is None


def draw_light_sheets(run: Run) -> None:
    for epoch, path in run.sheets().items():
        images.save(path, np.full((530, 530, 3), 50 * epoch, np.uint8))


def test_the_previews_hold_every_sheet_in_the_order_asked_for(run: Run) -> None:
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
    light = sheet_previews.preview(path)
    assert len(light) < path.stat().st_size
    assert np.abs(pixels_of(light).astype(int) - grain).mean() < 8
    images.save(path, 255 - grain)
    after = sheet_previews.preview(path)
    assert np.abs(pixels_of(after).astype(int) - grain).mean() > 8, "the new one"
    monkeypatch.setattr(sheet_previews, "_encoded", None)
    assert sheet_previews.preview(path) == after, "from the cache"
    kept = list((run.path.parents[1] / ".cache" / "sheet_previews" / "first").iterdir())
    assert [one.read_bytes() for one in kept] == [after], "the former one is gone"


def test_light_sheets_are_made_ahead(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_previews, "MADE_EVERY_S", 0.01)
    draw_light_sheets(run)
    for epoch in (0, 2):
        heavy_sheet(run, epoch)
    gone = workspace.root / ".cache" / "sheet_previews" / "gone"
    gone.mkdir(parents=True)
    stop = sheet_previews.make_ahead(workspace)
    helpers.wait_for(lambda: not gone.exists())
    stop()
    made = (workspace.root / ".cache" / "sheet_previews" / "first").iterdir()
    assert sorted(one.name.split("-")[0] for one in made) == [
        "fake_samples_epoch_000",
        "fake_samples_epoch_002",
    ]


@pytest.mark.parametrize("text", ["", "x", "1,,2", "-1", "1.5", "9" * 12, ",".join("1" * 300)])
def test_epochs_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="reload the page"):
        sheet_previews.read_epochs(text)


def test_a_strip_is_one_face_of_every_sheet(run: Run) -> None:
    strip = face_strips.from_sheets(run, 21)
    assert strip["epochs"] == list(range(helpers.EPOCHS))
    faces = images.ungrid(pixels_of(strip["png"]), helpers.EPOCHS, 64)
    for epoch, face in zip(strip["epochs"], faces, strict=True):
        assert (face == timelapse.cut(images.load(run.sheets()[epoch]), 21)).all()
    assert strip["seed"] == 21
    for wrong in (-1, 64):
        with pytest.raises(UserError, match="no face"):
            face_strips.from_sheets(run, wrong)


def test_a_seed_through_time_is_drawn_with_every_kept_epoch(run: Run) -> None:
    drawn = face_strips.from_weights(run, {"seed": 21, "truncation": 1.0})
    sheets = face_strips.from_sheets(run, 21)
    assert drawn["epochs"] == sheets["epochs"]
    difference = pixels_of(drawn["png"]).astype(int) - pixels_of(sheets["png"]).astype(int)
    assert np.abs(difference).max() <= 1
    assert face_strips.from_weights(run, {"z": [0.5] * 8})["seed"] is None
    for wrong in ({"z": [0.5] * 7}, {"seed": -1}, {"seed": "x"}, None, {}, {"z": ["a"] * 8}):
        with pytest.raises(UserError):
            face_strips.from_weights(run, wrong)
    for path in run.kept().values():
        path.unlink()
    with pytest.raises(UserError, match="kept no weights"):
        face_strips.from_weights(run, {"seed": 21})


# Timelapses --------------------------------------------------------------------------------


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Tasks]:
    made = Tasks(tmp_path / "tasks")
    yield made
    made.close()


def test_timelapses_are_made_one_at_a_time(
    run: Run, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {"format": "gif", "fps": 16, "face": 3}
    task = timelapse_files.submit(run, tasks, values)
    assert task.wait(helpers.PATIENCE_S)
    assert (task.state, task.progress, task.error) == ("done", 1.0, None)
    assert task.file_name == "first_face_3.gif"
    assert tasks.file_of(task.key).file.read_bytes().startswith(b"GIF89a")

    def slow(plan: timelapse.Plan, path: Path, progress: Any) -> None:
        while True:
            progress(1, 100)
            time.sleep(0.01)

    monkeypatch.setattr(timelapse, "write", slow)
    second = timelapse_files.submit(run, tasks, values)
    with pytest.raises(UserError, match="Another timelapse"):
        timelapse_files.submit(run, tasks, values)
    second.cancel()
    assert second.wait(helpers.PATIENCE_S)
    assert (second.state, second.file.exists()) == ("cancelled", False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "exe"}, "MP4 or a GIF"),
        ({"fps": "fast"}, "number"),
        ({"fps": 1e9}, "cannot be shown"),
        ({"face": 64}, "no face 64"),
        ({"face": "first"}, "number"),
    ],
)
def test_bad_requests_for_a_timelapse_are_refused(
    change: dict[str, Any], words: str, run: Run, tasks: Tasks
) -> None:
    with pytest.raises(UserError, match=words):
        timelapse_files.submit(run, tasks, {"format": "mp4", **change})


@pytest.mark.parametrize(("name", "words"), [(None, "No run"), ("../first", "not a name")])
def test_runs_are_read_by_name(name: Any, words: str, workspace: Workspace) -> None:
    with pytest.raises(UserError, match=words):
        progress_api.read_run(workspace, name)


# Importing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_local", "values", "words"),
    [
        (False, {"folder": "/tmp", "name": "x"}, "who sits at it"),
        (True, {"name": "x"}, "No folder"),
        (True, {"folder": "/nowhere/at/all", "name": ""}, "no name"),
        (True, {"folder": "/nowhere/at/all", "name": "x"}, "cannot be read"),
        (True, {"folder": 3, "name": "x"}, "No folder"),
    ],
)
def test_who_may_import_what(
    is_local: bool, values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        progress_api.import_run(Workspace(tmp_path), is_local, values)
    assert Workspace(tmp_path).runs() == []
