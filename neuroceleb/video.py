"""Films and film strips: frames -> one MP4, GIF, WebP or PNG file, whole or not there.

Faces are small: they are enlarged by whole numbers with nearest neighbour, so that every pixel
the generator made stays one crisp square.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from PIL import Image

from neuroceleb import files, images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

FILM_SUFFIXES = (".mp4", ".gif", ".webp")
SUFFIXES = (*FILM_SUFFIXES, ".png")

MAX_FRAMES = 3_600
MAX_SIDE_PX = 4_096  # what browsers decode H.264 up to, on weak machines too
MAX_FPS = {".mp4": 120.0, ".gif": 50.0, ".webp": 120.0, ".png": 120.0}  # browsers slow faster GIFs
MAX_FILM_PIXELS = {  # of all frames together; GIF and strips are held in memory until they are done
    ".mp4": 8_000_000_000,
    ".webp": 1_000_000_000,
    ".gif": 400_000_000,
    ".png": 100_000_000,
}
STRIP_COLUMNS = 64

_IMAGE_DESCRIPTION = 0x010E  # of EXIF

Progress = Callable[[int, int], None]  # frames done, frames there will be


def write(
    path: Path,
    frames: Iterable[Pixels],
    count: int,
    *,
    fps: float = 30.0,
    scale: int = 1,
    recipe: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write `count` frames, each (H, W, 3) uint8, as the path's suffix says; whole or not at all.

    MP4 is H.264 in yuv420p with its index first, as every browser plays it; GIF and WebP repeat
    for ever; PNG is a strip (see `strip`), `fps` ignored. `scale` enlarges by a whole number. The
    frames are taken one by one, so a film need not fit in memory. `recipe` goes into the file as
    JSON: a PNG's text chunk, the comment of an MP4 or a GIF, the image description of a WebP.
    `progress` is told after every frame, and may raise to give up. Raises UserError for another
    suffix, too many or too large frames, fewer frames than promised, and a full disk.
    """
    suffix = path.suffix.lower()
    check(suffix, count, fps)
    shots = _shots(frames, count, suffix, scale, progress)
    first = next(shots)
    text = json.dumps(recipe) if recipe is not None else ""
    if suffix == ".png":
        images.save(path, strip(np.stack([first, *shots])), recipe)
        return
    with files.replacing(path) as temporary:
        if suffix == ".mp4":
            _write_mp4(temporary, first, shots, fps, text)
        else:
            _write_animation(temporary, suffix, first, shots, fps, text)


def check(suffix: str, count: int, fps: float, size_px: tuple[int, int] | None = None) -> None:
    """Raises UserError where such a film cannot be made; `size_px` is (height, width), enlarged."""
    if suffix not in SUFFIXES:
        raise UserError(f"'{suffix}' is no film: use one of {', '.join(SUFFIXES)}.")
    if not 0 < fps <= MAX_FPS[suffix]:  # also refuses NaN
        raise UserError(
            f"{fps:g} frames a second cannot be shown: use 1 to {MAX_FPS[suffix]:g} for {suffix}."
        )
    if not 1 <= count <= MAX_FRAMES:
        raise UserError(f"A film has 1 to {MAX_FRAMES:,} frames, not {count:,}: ask for fewer.")
    if size_px is not None:
        _check_size(*size_px, count, suffix)


def strip(frames: Pixels) -> Pixels:
    """Frames side by side, 64 in a row: (N, H, W, 3) -> one (H', W', 3) sheet, 2 px between."""
    return images.grid(frames, columns=STRIP_COLUMNS)


def enlarge(frame: Pixels, scale: int) -> Pixels:
    """Every pixel as a square of `scale` x `scale`: (H, W, 3) -> (H * scale, W * scale, 3)."""
    return frame if scale == 1 else frame.repeat(scale, axis=0).repeat(scale, axis=1)


def _shots(
    frames: Iterable[Pixels], count: int, suffix: str, scale: int, progress: Progress | None
) -> Iterator[Pixels]:
    """`count` checked, enlarged frames, one by one; `progress` hears of each once it is used."""
    first_shape: tuple[int, ...] = ()
    done = 0
    for frame in islice(frames, count):
        if not done:
            _check_size(frame.shape[0] * scale, frame.shape[1] * scale, count, suffix)
            first_shape = frame.shape
        if frame.shape != first_shape:
            raise UserError("The frames of a film are not of one size: make them alike.")
        yield np.ascontiguousarray(enlarge(frame, scale))
        done += 1
        if progress is not None:
            progress(done, count)
    if done < count:
        raise UserError(f"The film ended after {done:,} of {count:,} frames: make it again.")


def _check_size(height: int, width: int, count: int, suffix: str) -> None:
    if min(width, height) < 1 or max(width, height) > MAX_SIDE_PX:
        raise UserError(
            f"A frame of {width} x {height} pixels cannot be filmed: its sides have 1 to "
            f"{MAX_SIDE_PX:,}, so use a smaller scale."
        )
    if width * height * count > MAX_FILM_PIXELS[suffix]:
        raise UserError(
            f"{count:,} frames of {width} x {height} pixels are too much for a {suffix} file: "
            "use fewer frames, a smaller scale, or .mp4."
        )


# GIF and WebP, by Pillow -------------------------------------------------------------------


def _write_animation(
    path: Path, suffix: str, first: Pixels, shots: Iterator[Pixels], fps: float, text: str
) -> None:
    """Repeats for ever. Pillow joins frames that are alike into one that is shown longer."""
    gif = suffix == ".gif"
    options: dict[str, Any] = {"comment": text.encode()} if gif else {"quality": 90, "method": 2}
    if text and not gif:
        described = Image.Exif()
        described[_IMAGE_DESCRIPTION] = text
        options["exif"] = described
    unit_ms = 10 if gif else 1  # GIF counts in hundredths of a second
    pictures: list[Image.Image] = []
    durations_ms: list[int] = []
    for number, shot in enumerate(chain([first], shots)):
        pictures.append(_palette(shot) if gif else Image.fromarray(shot))
        durations_ms.append(_duration_ms(number, fps, unit_ms))
    pictures[0].save(
        path,
        "GIF" if gif else "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=durations_ms,
        loop=0,
        **options,
    )


def _palette(shot: Pixels) -> Image.Image:
    """256 colours of the frame's own."""
    return Image.fromarray(shot).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _duration_ms(number: int, fps: float, unit_ms: int) -> int:
    """How long frame `number` stays, in whole units, so that the film as a whole keeps time."""
    ends = round((number + 1) * 1000 / fps / unit_ms)
    return max(1, ends - round(number * 1000 / fps / unit_ms)) * unit_ms


# MP4, by the ffmpeg in imageio-ffmpeg's wheel ----------------------------------------------


def _write_mp4(path: Path, first: Pixels, shots: Iterator[Pixels], fps: float, text: str) -> None:
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own words only, no shell
            _ffmpeg_command(path, first, fps, text),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin as film:
                for shot in chain([first], shots):
                    film.write(shot.data)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        if code != 0:
            complaints.seek(0)
            last = complaints.read()[-400:].decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UserError(
                f"ffmpeg could not finish the film ({''.join(last)[:160]}): make room on the disk, "
                "then try again."
            )


def _ffmpeg_command(path: Path, first: Pixels, fps: float, text: str) -> list[str]:
    """Colours are converted and labelled as BT.709; sides are made even, as yuv420p needs."""
    height, width = first.shape[:2]
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:.6g}",
        "-i", "pipe:0", "-an",
        "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p",
        "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
        "-color_range", "tv", "-movflags", "+faststart", "-metadata", f"comment={text}",
        "-f", "mp4", str(path.absolute()),
    ]  # fmt: skip
