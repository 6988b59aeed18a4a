"""Films of a run's course: their frames, their files, and the verb that makes them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run
from tests import helpers


def course(folder: Path, epochs: int = 3, faces: int = 6) -> Run:
    """A run of sheets whose faces are plain colours, brighter from epoch to epoch."""
    run = Run(folder / "checkpoints" / "plain")
    run.path.mkdir(parents=True)
    (run.path / "config.json").write_text("{}")
    for epoch in range(epochs):
        images.save(run.sheet_file(epoch), images.grid(pictures(epoch, faces)))
        run.append_stats({"epoch": epoch, "images_seen": 40 * (epoch + 1), "loss_d": 1.0 + epoch})
    return run


def pictures(epoch: int, faces: int = 6) -> Pixels:
    levels = 20 * np.arange(faces) + 30 * epoch + 20
    return np.broadcast_to(levels[:, None, None, None], (faces, 64, 64, 3)).astype(np.uint8)


def test_every_frame_shows_its_epoch_above_its_curves(tmp_path: Path) -> None:
    run = course(tmp_path)
    plan = timelapse.plan(run, ".gif", fps=4, scale=2)
    frames = list(timelapse.frames(plan))
    assert len(frames) == plan.count == 3 + 4
    assert len({frame.shape for frame in frames}) == 1
    for epoch, frame in enumerate(frames[:3]):
        sheet = images.grid(pictures(epoch))
        height = 2 * sheet.shape[0]
        assert (frame[:height:2, ::2] == sheet).all()
        assert (frame[1:height:2, 1::2] == sheet).all()
        assert frame.shape[0] > height
    for held in frames[3:]:
        assert (held == frames[2]).all()
    feet = [frame[2 * images.grid(pictures(0)).shape[0] :] for frame in frames[:3]]
    assert not (feet[0] == feet[1]).all()
    assert not (feet[1] == feet[2]).all()


def test_one_face_and_no_curves(tmp_path: Path) -> None:
    plan = timelapse.plan(course(tmp_path), ".mp4", face=4, scale=3, curves=False)
    first = next(timelapse.frames(plan))
    assert (first[:192, :192] == pictures(0)[4, 0, 0]).all()
    assert first.shape[1] == 192
    assert 192 < first.shape[0] < 240, "a line of words beneath"


def test_a_run_without_figures_has_no_curves(tmp_path: Path) -> None:
    run = course(tmp_path)
    (run.path / "stats.jsonl").unlink()
    plan = timelapse.plan(run, ".gif")
    assert not plan.has_curves
    assert next(timelapse.frames(plan)).shape[0] < images.grid(pictures(0)).shape[0] + 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"suffix": ".png"}, "no video format"),
        ({"face": 16}, "no face 16"),
        ({"face": -1}, "no face -1"),
        ({"fps": 0.0}, "0 epochs a second"),
        ({"fps": float("nan")}, "nan"),
        ({"scale": 0}, "scale of 0"),
        ({"scale": 99}, "scale of 99"),
    ],
)
def test_what_cannot_be_filmed_is_refused(
    options: dict[str, object], words: str, tmp_path: Path
) -> None:
    wanted = {"suffix": ".mp4", **options}
    with pytest.raises(UserError, match=words):
        timelapse.plan(course(tmp_path), wanted.pop("suffix"), **wanted)  # type: ignore[arg-type]


def frames_of(path: Path) -> Pixels:
    """Every frame of a film of 4 frames a second: (N, H, W, 3) uint8."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    said = done.stderr.decode("utf-8", "replace")
    assert " 4 fps" in said
    width, height = map(int, re.findall(r"Video: h264.*?, (\d+)x(\d+)", said)[0])
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def test_the_verb_films_a_trained_run(finished: Run, here: helpers.Here, tmp_path: Path) -> None:
    shutil.copytree(finished.path, here.workspace / "checkpoints" / "first")
    out = tmp_path / "films" / "first.mp4"
    outcome = here("timelapse", "first", "--out", out, "--fps", "4", "--scale", "1", "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told == {"out": str(out), "run": "first", "epochs": helpers.EPOCHS, "fps": 4.0}
    shown = frames_of(out)
    assert len(shown) == helpers.EPOCHS + 4
    sheet = images.load(finished.sheets()[1]).astype(int)
    frame = shown[1][: sheet.shape[0], : sheet.shape[1]].astype(int)
    assert np.abs(frame - sheet).mean() < 6, "the second frame shows the second epoch"

    gif = tmp_path / "face.gif"
    assert here("timelapse", "first", "--out", gif, "--face", "3", "--no-curves").code == 0
    with Image.open(gif) as animation:
        assert animation.size[0] == 64 * timelapse.FACE_SCALE
        assert getattr(animation, "n_frames", 1) >= helpers.EPOCHS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", "--out", "a.mp4"), "'nowhere' is no run"),
        (("plain", "--out", "a.txt"), "no video format"),
        (("plain", "--out", "a.gif", "--face", "99"), "no face 99"),
        (("plain", "--out", "a.gif", "--fps", "500"), "500"),
    ],
)
def test_the_verb_reports_a_mistake(
    arguments: tuple[str, ...], words: str, here: helpers.Here
) -> None:
    course(here.workspace)
    here("timelapse", *arguments).assert_refused(words)


def test_sheets_of_different_sizes_are_named(tmp_path: Path) -> None:
    run = course(tmp_path)
    for size in ((1, 5000), (530, 530)):
        Image.new("RGB", size).save(run.sheet_file(1))
        with pytest.raises(UserError, match=r"epoch_001\.png has another size"):
            timelapse.write(timelapse.plan(run, ".gif"), tmp_path / "film.gif")


@pytest.mark.parametrize("shape", [(1, 1), (5000, 1), (1, 5000), (66, 66)])
def test_a_sheet_without_the_face_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="no face 1"):
        timelapse.cut(np.zeros((*shape, 3), np.uint8), 1)
