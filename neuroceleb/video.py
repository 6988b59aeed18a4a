"""Write frames as a video (MP4, GIF, WebP) or as a strip (PNG), atomically.

Frames are enlarged by whole numbers with nearest neighbour, so that every pixel of the generator
stays a sharp square.
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

ANIMATED_SUFFIXES = (".mp4", ".gif", ".webp")
SUFFIXES = (*ANIMATED_SUFFIXES, ".png")

MAX_FRAMES = 3_600
MAX_SIDE_PX = 4_096  # H.264 that browsers decode also on weak machines
MAX_FPS = {
    ".mp4": 120.0,
    ".gif": 50.0,
    ".webp": 120.0,
    ".png": 120.0,
}  # browsers slow faster GIFs
MAX_TOTAL_PIXELS = {  # of all frames together; GIF, WebP and strips are in memory until written
    ".mp4": 8_000_000_000,
    ".webp": 1_000_000_000,
    ".gif": 400_000_000,
    ".png": 100_000_000,
}
STRIP_COLUMNS = 64

_IMAGE_DESCRIPTION = 0x010E  # of EXIF

Progress = Callable[[int, int], None]  # frames done, frames in all


def write(
    path: Path,
    frames: Iterable[Pixels],
    count: int,
    *,
    fps: float = 30.0,
    scale: int = 1,
    provenance: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write `count` frames, each (H, W, 3) uint8, in the format of the path's suffix, atomically.

    MP4 is H.264 in yuv420p with its index first, which every browser plays; GIF and WebP loop;
    PNG is a strip (see `strip`) and ignores `fps`. `scale` enlarges by a whole number. Frames are
    consumed one by one, so those of an MP4 need not fit in memory. `provenance` is stored as JSON:
    in a PNG's text chunk, the comment of an MP4 or a GIF, the image description of a WebP.
    `progress` is called after every frame, and may raise to cancel. Raises UserError for another
    suffix, too many or too large frames, fewer frames than `count`, and a full disk.
    """
    suffix = path.suffix.lower()
    check(suffix, count, fps)
    enlarged = _enlarged(frames, count, suffix, scale, progress)
    first = next(enlarged)
    text = json.dumps(provenance) if provenance is not None else ""
    if suffix == ".png":
        images.save(path, strip(np.stack([first, *enlarged])), provenance)
        return
    with files.replacing(path) as temporary:
        if suffix == ".mp4":
            _write_mp4(temporary, first, enlarged, fps, text)
        else:
            _write_animation(temporary, suffix, first, enlarged, fps, text)


def check(suffix: str, count: int, fps: float, size_px: tuple[int, int] | None = None) -> None:
    """Raises UserError where a video cannot be written; `size_px` is its (height, width)."""
    if suffix not in SUFFIXES:
        raise UserError(
            "'{suffix}' is no video format: use one of {suffixes}.",
            suffix=suffix,
            suffixes=", ".join(SUFFIXES),
        )
    if not 1 <= fps <= MAX_FPS[suffix]:  # also refuses NaN
        raise UserError(
            "{fps:g} frames a second is not possible: use 1 to {max_fps:g} for {suffix}.",
            fps=fps,
            max_fps=MAX_FPS[suffix],
            suffix=suffix,
        )
    if not 1 <= count <= MAX_FRAMES:
        raise UserError(
            "A video has 1 to {most:,} frames, not {count:,}: use fewer.",
            most=MAX_FRAMES,
            count=count,
        )
    if size_px is not None:
        _check_size(*size_px, count, suffix)


def strip(frames: Pixels) -> Pixels:
    """(N, H, W, 3) -> (H', W', 3): frames side by side, STRIP_COLUMNS in a row, 2 px between."""
    return images.grid(frames, columns=STRIP_COLUMNS)


def enlarge(frame: Pixels, scale: int) -> Pixels:
    """(H, W, 3) -> (H * scale, W * scale, 3): every pixel becomes a square."""
    return frame if scale == 1 else frame.repeat(scale, axis=0).repeat(scale, axis=1)


def _enlarged(
    frames: Iterable[Pixels], count: int, suffix: str, scale: int, progress: Progress | None
) -> Iterator[Pixels]:
    """`count` checked and enlarged frames; `progress` is called after each was consumed."""
    first_shape: tuple[int, ...] = ()
    done = 0
    for frame in islice(frames, count):
        if not done:
            _check_size(frame.shape[0] * scale, frame.shape[1] * scale, count, suffix)
            first_shape = frame.shape
        if frame.shape != first_shape:
            raise UserError("The frames of a video differ in size: make them equal.")
        yield np.ascontiguousarray(enlarge(frame, scale))
        done += 1
        if progress is not None:
            progress(done, count)
    if done < count:
        raise UserError(
            "The video ended after {done:,} of {count:,} frames: make it again.",
            done=done,
            count=count,
        )


def _check_size(height: int, width: int, count: int, suffix: str) -> None:
    if min(width, height) < 1 or max(width, height) > MAX_SIDE_PX:
        raise UserError(
            "A frame of {width} x {height} pixels is not possible: its sides have 1 to "
            "{max_px:,}, so use a smaller scale.",
            width=width,
            height=height,
            max_px=MAX_SIDE_PX,
        )
    if width * height * count > MAX_TOTAL_PIXELS[suffix]:
        raise UserError(
            "{count:,} frames of {width} x {height} pixels are too much for a {suffix} file: "
            "use fewer frames, a smaller scale, or .mp4.",
            count=count,
            width=width,
            height=height,
            suffix=suffix,
        )


# GIF and WebP, by Pillow -------------------------------------------------------------------


def _write_animation(
    path: Path, suffix: str, first: Pixels, rest: Iterator[Pixels], fps: float, text: str
) -> None:
    """A looping GIF or WebP. Pillow joins equal consecutive frames into a longer one."""
    gif = suffix == ".gif"
    options: dict[str, Any] = {"comment": text.encode()} if gif else {"quality": 90, "method": 2}
    if text and not gif:
        exif = Image.Exif()
        exif[_IMAGE_DESCRIPTION] = text
        options["exif"] = exif
    unit_ms = 10 if gif else 1  # GIF has durations in hundredths of a second
    encoded: list[Image.Image] = []
    durations_ms: list[int] = []
    for number, frame in enumerate(chain([first], rest)):
        encoded.append(_palette(frame) if gif else Image.fromarray(frame))
        durations_ms.append(_duration_ms(number, fps, unit_ms))
    encoded[0].save(
        path,
        "GIF" if gif else "WEBP",
        save_all=True,
        append_images=encoded[1:],
        duration=durations_ms,
        loop=0,
        **options,
    )


def _palette(frame: Pixels) -> Image.Image:
    """With a palette of 256 colours of its own."""
    return Image.fromarray(frame).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _duration_ms(number: int, fps: float, unit_ms: int) -> int:
    """The duration of frame `number` in whole units, without accumulated rounding errors."""
    end = round((number + 1) * 1000 / fps / unit_ms)
    return max(1, end - round(number * 1000 / fps / unit_ms)) * unit_ms


# MP4, by the ffmpeg in imageio-ffmpeg's wheel ----------------------------------------------


def _write_mp4(path: Path, first: Pixels, rest: Iterator[Pixels], fps: float, text: str) -> None:
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(  # noqa: S603 - no shell, no user input but a path
            _ffmpeg_command(path, first, fps, text),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin as stdin:
                for frame in chain([first], rest):
                    stdin.write(frame.data)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        if code != 0:
            stderr.seek(0)
            last = stderr.read()[-400:].decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UserError(
                "ffmpeg could not write the video ({reason}): make room on the disk, then try "
                "again.",
                reason="".join(last)[:160],
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
