"""Videos and strips: their frames, format, provenance and limits."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from neuroceleb import images, video
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from tests import helpers

PROVENANCE = {"model": "mine", "keys": [{"seed": 3}], "말": "한글 😀"}


def frames(count: int = 12, size: tuple[int, int] = (64, 64)) -> Pixels:
    """Smooth colours that change from frame to frame, as faces do."""
    ends = [np.asarray(helpers.photo(seed, size[::-1]), np.float64) for seed in (1, 2)]
    steps = np.linspace(0, 1, count)[:, None, None, None]
    mixed: Pixels = np.rint(ends[0] * (1 - steps) + ends[1] * steps).astype(np.uint8)
    return mixed


def decoded(path: Path, height: int, width: int) -> Pixels:
    """What an ordinary player shows of an MP4: (N, height, width, 3)."""
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), *raw]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(shown, np.uint8).reshape(-1, height, width, 3)


def ffmpeg_info(path: Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_mp4_has_the_format_that_browsers_play(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    video_frames = frames(30)
    video.write(path, video_frames, 30, fps=30, scale=2, provenance=PROVENANCE)
    info = ffmpeg_info(path)
    assert "h264" in info
    assert "yuv420p(tv, bt709" in info
    assert "128x128" in info
    assert "30 fps" in info
    assert "Duration: 00:00:01.00" in info
    assert json.loads(re.search(r"comment\s+: (\{.*\})", info)[1]) == PROVENANCE
    atoms = path.read_bytes()
    assert atoms.index(b"moov") < atoms.index(b"mdat")  # the index first: it plays while it loads
    shown = decoded(path, 128, 128)
    assert shown.shape == (30, 128, 128, 3)
    large = np.stack([video.enlarge(frame, 2) for frame in video_frames])
    assert np.abs(shown.astype(int) - large).mean() < 4


def test_odd_sides_are_made_even(tmp_path: Path) -> None:
    video.write(tmp_path / "odd.mp4", frames(3, (33, 31)), 3)
    assert "32x34" in ffmpeg_info(tmp_path / "odd.mp4")
    assert len(decoded(tmp_path / "odd.mp4", 34, 32)) == 3


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_loop_and_keep_time(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk{suffix}"
    video_frames = frames(25)
    video.write(path, video_frames, 25, fps=24, scale=2, provenance=PROVENANCE)
    with Image.open(path) as image:
        assert image.n_frames == 25
        assert image.size == (128, 128)
        assert image.info["loop"] == 0
        spent = 0
        for number in range(image.n_frames):
            image.seek(number)
            shown = np.asarray(image.convert("RGB"), int)
            spent += image.info["duration"]
            assert np.abs(shown - video.enlarge(video_frames[number], 2)).mean() < 10, number
        assert spent == pytest.approx(25 / 24 * 1000, abs=10)
        text = image.info.get("comment", b"").decode() or image.getexif()[0x010E]
    assert json.loads(text) == PROVENANCE


def test_a_strip_is_the_pixels_themselves(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    video_frames = frames(70)
    video.write(path, video_frames, 70, provenance=PROVENANCE)
    strip, provenance = images.decode_png(path.read_bytes(), 10**7)
    np.testing.assert_array_equal(images.ungrid(strip, 70, 64), video_frames)
    assert strip.shape == (2 * 66 + 2, 64 * 66 + 2, 3)
    assert provenance == PROVENANCE


def test_frames_are_consumed_one_by_one_with_progress(tmp_path: Path) -> None:
    taken: list[int] = []
    reported: list[tuple[int, int]] = []

    def coming() -> Iterator[Pixels]:
        for number, frame in enumerate(frames(10)):
            assert len(reported) >= number - 1  # none is held back
            taken.append(number)
            yield frame

    path = tmp_path / "walk.mp4"
    video.write(path, coming(), 10, progress=lambda done, count: reported.append((done, count)))
    assert taken == list(range(10))
    assert reported == [(done, 10) for done in range(1, 11)]


class GaveUpError(Exception):
    pass


@pytest.mark.parametrize("suffix", video.SUFFIXES)
def test_a_cancelled_video_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk{suffix}"
    path.write_bytes(b"what was there before")

    def progress(done: int, _: int) -> None:
        if done == 5:
            raise GaveUpError

    with pytest.raises(GaveUpError):
        video.write(path, frames(10), 10, progress=progress)
    assert path.read_bytes() == b"what was there before"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", video.SUFFIXES)
def test_too_few_frames_write_no_file(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended after 3 of 10 frames"):
        video.write(tmp_path / f"walk{suffix}", frames(3), 10)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "count", "options", "words"),
    [
        ("walk.avi", 3, {}, "'.avi' is no video format"),
        ("walk", 3, {}, "'' is no video format"),
        ("walk.mp4", 3, {"fps": 0}, "0 frames a second"),
        ("walk.gif", 3, {"fps": 1e-9}, "1e-09 frames a second"),
        ("walk.webp", 3, {"fps": 0.5}, "use 1 to 120"),
        ("walk.mp4", 3, {"fps": float("nan")}, "nan frames a second"),
        ("walk.gif", 3, {"fps": 60}, "1 to 50 for .gif"),
        ("walk.mp4", 0, {}, "not 0"),
        ("walk.mp4", 3_601, {}, "1 to 3,600 frames"),
        ("walk.mp4", 3, {"scale": 65}, "smaller scale"),
        ("walk.mp4", 3, {"scale": 0}, "is not possible"),
    ],
)
def test_invalid_videos_are_refused(
    name: str, count: int, options: dict[str, float], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        video.write(tmp_path / name, frames(3), count, **options)
    assert os.listdir(tmp_path) == []


def test_too_large_videos_are_refused() -> None:
    video.check(".mp4", 3_600, 30, (512, 512))
    with pytest.raises(UserError, match=r"too much for a \.gif"):
        video.check(".gif", 3_600, 30, (512, 512))


def test_frames_of_two_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="differ in size"):
        video.write(tmp_path / "a.mp4", [*frames(2), *frames(2, (32, 32))], 4)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        video.write(tmp_path / "no" / "walk.mp4", frames(3), 3)
    with pytest.raises(UserError, match="could not be written"):
        video.write(tmp_path / "no" / "walk.gif", frames(3), 3)
