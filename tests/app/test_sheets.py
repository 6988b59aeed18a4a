"""Previews of sample sheets, and one face through the epochs."""

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.app import sheets
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from tests import helpers

EPOCHS = list(range(helpers.EPOCHS))


@pytest.fixture
def workspace(finished: Run, tmp_path: Path) -> Workspace:
    """A workspace of its own with the finished run `first` in it."""
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "first")
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return workspace.run("first")


def pixels_of(url: str) -> Pixels:
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def previews(workspace: Workspace, *epochs: Any, **more: Any) -> list[str]:
    return sheets.previews(workspace, {"run": "first", "epochs": list(epochs)} | more)


def test_previews_come_in_the_requested_order(workspace: Workspace, run: Run) -> None:
    for epoch, path in run.sheets().items():
        images.save(path, np.full((530, 530, 3), 50 * epoch, np.uint8))
    run.sheet_file(2).write_bytes(b"damaged" * 30_000)
    third, first, damaged, missing, wrong = previews(workspace, 3, 0, 2, 9, "1")
    assert damaged == missing == wrong == ""
    assert (pixels_of(third) == 150).all()
    assert (pixels_of(first) == 0).all()
    assert third.startswith("data:image/png;")
    assert [line[2] for line in sheets.listed(run)] == [True, True, False, True]


def test_the_preview_of_a_large_sheet_is_smaller_and_follows_its_content(
    workspace: Workspace, run: Run
) -> None:
    grain = np.random.default_rng(1).normal(90, 4, (530, 530, 3)).clip(0, 255).astype(np.uint8)
    images.save(run.sheet_file(1), grain)
    before = sheets.listed(run)[1]
    (light,) = previews(workspace, 1)
    (exact,) = previews(workspace, 1, exact=True)
    assert before[2] is False
    assert len(light) < len(exact)
    assert np.abs(pixels_of(light).astype(int) - grain).mean() < 8
    np.testing.assert_array_equal(pixels_of(exact), grain)
    images.save(run.sheet_file(1), 255 - grain)
    assert sheets.listed(run)[1] != before
    assert pixels_of(previews(workspace, 1)[0]).mean() > 120


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"run": "first", "epochs": "1,2"}, "at most 32"),
        ({"run": "first", "epochs": [1] * 33}, "at most 32"),
        ({"run": None, "epochs": [1]}, "No run is chosen"),
        ({"run": "../first", "epochs": [1]}, "not a name"),
    ],
)
def test_bad_requests_for_previews_are_refused(
    wanted: dict[str, Any], message: str, workspace: Workspace
) -> None:
    with pytest.raises(UserError, match=message):
        sheets.previews(workspace, wanted)


def strip(workspace: Workspace, **wanted: Any) -> tuple[list[int], Pixels]:
    made = sheets.strip(workspace, {"run": "first"} | wanted)
    return made["epochs"], images.ungrid(pixels_of(made["png"]), len(made["epochs"]), 64)


def test_a_strip_is_one_face_of_every_sheet(workspace: Workspace, run: Run) -> None:
    epochs, faces = strip(workspace, place=21)
    assert epochs == EPOCHS
    for epoch, face in zip(epochs, faces, strict=True):
        np.testing.assert_array_equal(face, timelapse.cut(images.load(run.sheets()[epoch]), 21))
    of_seed = strip(workspace, face={"seed": 21, "truncation": 1})
    np.testing.assert_array_equal(of_seed[1], faces)
    for wrong in (-1, 64):
        with pytest.raises(UserError, match="no face"):
            strip(workspace, place=wrong)


def test_a_face_that_is_not_on_the_sheets_is_drawn_with_every_kept_epoch(
    workspace: Workspace, run: Run
) -> None:
    assert strip(workspace, face={"seed": 777})[0] == EPOCHS
    assert strip(workspace, face={"z": [0.5] * 8})[1].shape == (helpers.EPOCHS, 64, 64, 3)
    scaled = strip(workspace, face={"seed": 21, "truncation": 0.5})[1]
    assert (scaled != strip(workspace, place=21)[1]).any()
    for wrong in ({"z": [0.5] * 7}, {"seed": -1}, {"seed": "x"}, None, {}, {"z": ["a"] * 8}):
        with pytest.raises(UserError):
            strip(workspace, face=wrong)
    for path in run.kept().values():
        path.unlink()
    with pytest.raises(UserError, match="kept no weights"):
        strip(workspace, face={"seed": 777})
