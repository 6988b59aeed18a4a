"""A run as a film: its sample sheets or one face of them, the epoch, and the curves beneath.

Frames are composed with Pillow, in the font that comes in its wheel, and encoded by `media`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neuroceleb import __version__, images, video
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs import charts
from neuroceleb.runs.charts import Chart, Stats, Values
from neuroceleb.runs.run import Run
from neuroceleb.settings import IMAGE_SIZE
from neuroceleb.spacing import evenly_spaced

PADDING_PX = 2  # around every face of a sheet
FPS = 8.0
LAST_FRAME_S = 1.0
MAX_EPOCHS = 3_000  # of longer runs an even choice is shown
MAX_SCALE = 16
SHEET_SCALE = {".mp4": 2, ".gif": 1, ".webp": 1}  # H.264 halves colour: pixels of 2x2 stay crisp
FACE_SCALE = 8

GROUND = (18, 18, 17)
INK = (236, 236, 232)
QUIET = (150, 150, 142)
FAINT = (58, 58, 54)
TO_COME = (92, 92, 86)
D_INK = (176, 176, 168)
FINE = 2  # curves are drawn this much larger, then reduced


@dataclass(frozen=True)
class Plan:
    """What a film shows, every part of it known to be good."""

    run: str
    sheets: tuple[tuple[int, Path], ...]  # of every epoch that is shown
    stats: Stats
    face: int | None
    scale: int
    fps: float
    has_curves: bool

    @property
    def count(self) -> int:
        """Frames in all; the last one stays a while."""
        return len(self.sheets) + round(self.fps * LAST_FRAME_S)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the film is of, for its metadata."""
        first, last = self.sheets[0][0], self.sheets[-1][0]
        known = {"run": self.run, "epochs": [first, last], "version": __version__}
        return known if self.face is None else known | {"face": self.face}


def plan(
    run: Run,
    suffix: str,
    *,
    face: int | None = None,
    fps: float = FPS,
    scale: int | None = None,
    curves: bool = True,
) -> Plan:
    """Plan the film of a run for a file of that suffix, of all faces or of one (from 0).

    Raises UserError where the run has no sheets, no such face, or the suffix is no film's.
    """
    if suffix not in video.ANIMATED_SUFFIXES:
        raise UserError(
            f"'{suffix}' is no video format: use one of {', '.join(video.ANIMATED_SUFFIXES)}."
        )
    sheets = tuple(evenly_spaced(list(run.sheets().items()), MAX_EPOCHS))
    if not sheets:
        raise UserError(f"The run '{run.name}' has no sample sheets yet: train it for an epoch.")
    if not 1 <= fps <= video.MAX_FPS[suffix]:  # also refuses NaN
        most = video.MAX_FPS[suffix]
        raise UserError(f"{fps:g} epochs a second cannot be shown: use 1 to {most:g}.")
    if face is not None:
        cut(images.load(sheets[-1][1]), face)
    usual = SHEET_SCALE[suffix] if face is None else FACE_SCALE
    size = usual if scale is None else scale
    if not 1 <= size <= MAX_SCALE:
        raise UserError(f"A scale of {size} is out of bounds: use 1 to {MAX_SCALE}.")
    stats = run.stats()
    has_curves = curves and any(_is_drawn(chart, stats) for chart in (charts.LOSSES, charts.SCORES))
    return Plan(run.name, sheets, stats, face, size, float(fps), has_curves)


def cut(sheet: Pixels, face: int) -> Pixels:
    """One face of a sheet, counted from 0 row by row: (H, W, 3) -> (64, 64, 3).

    Raises UserError where the sheet has no such face.
    """
    step = IMAGE_SIZE + PADDING_PX
    columns = max(1, (sheet.shape[1] - PADDING_PX) // step)
    rows = (sheet.shape[0] - PADDING_PX) // step
    if not 0 <= face < rows * columns:
        raise UserError(
            f"There is no face {face} on the sheets: they have faces 0 to {rows * columns - 1}."
        )
    top, left = (part * step + PADDING_PX for part in divmod(face, columns))
    return sheet[top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]


def write(film: Plan, path: Path, progress: video.Progress | None = None) -> None:
    """Make the film, whole or not at all; raises UserError."""
    video.write(
        path, frames(film), film.count, fps=film.fps, provenance=film.recipe, progress=progress
    )


def frames(film: Plan) -> Iterator[Pixels]:
    """Every frame, (H, W, 3) uint8 of one size: the picture, the epoch, the curves."""
    foot: _Foot | None = None
    frame = np.empty((0, 0, 3), np.uint8)
    for epoch, path in film.sheets:
        sheet = images.load(path)
        picture = sheet if film.face is None else cut(sheet, film.face)
        picture = video.enlarge(picture, film.scale)
        if foot is None:
            foot = _Foot(film, picture.shape[1])
        frame = np.vstack([picture, foot.at(epoch)])
        yield frame
    for _ in range(film.count - len(film.sheets)):
        yield frame


# Beneath the picture -----------------------------------------------------------------------


class _Foot:
    """The strip beneath the picture: the epoch in words, and the curves up to it."""

    def __init__(self, film: Plan, width: int) -> None:
        unit = max(10, min(22, round(width / 42)))  # pixels: the size of the letters
        self._film = film
        self._font = ImageFont.load_default(unit)
        self._line = 2 * unit
        self._curves = _curves(film, width, unit) if film.has_curves else []
        height = self._line + (max((it.height for it in self._curves), default=0))
        self._blank = Image.new("RGB", (width, height), GROUND)
        self._seen = {row["epoch"]: row.get("images_seen") for row in film.stats}

    def at(self, epoch: int) -> Pixels:
        """The strip at one epoch: (H, W, 3)."""
        strip = self._blank.copy()
        pen = ImageDraw.Draw(strip)
        middle = self._line // 2
        pen.text((self._line // 3, middle), f"epoch {epoch}", INK, self._font, anchor="lm")
        right = strip.width - self._line // 3
        pen.text((right, middle), self._right_words(epoch), QUIET, self._font, anchor="rm")
        for curves in self._curves:
            strip.paste(curves.at(epoch), (curves.left, self._line))
        return np.asarray(strip)

    def _right_words(self, epoch: int) -> str:
        seen = self._seen.get(epoch)
        if isinstance(seen, int):
            return f"{seen:,} images seen"
        name = self._film.run
        return name if name.isascii() else ""  # the font has no other letters


class _Curves:
    """One chart, `width` x `height` pixels: faint what is to come, strong what has been."""

    def __init__(self, chart: Chart, stats: Stats, left: int, width: int, unit: int) -> None:
        self.left, self.width, self.height = left, width, round(8.5 * unit)
        self._epochs = [row["epoch"] for row in stats]
        self._lines = [(line, values) for line, values in _lines(chart, stats)]
        self._low, self._high = _span(chart, stats)
        self._unit = unit
        self._box = (  # left, top, right, bottom of the curves themselves, in fine pixels
            FINE * unit * 3, FINE * unit * 2, FINE * (width - unit), FINE * (self.height - unit)
        )  # fmt: skip
        self._ground = self._draw_ground()

    def at(self, epoch: int) -> Image.Image:
        """The chart at one epoch."""
        fine = self._ground.copy()
        pen = ImageDraw.Draw(fine)
        x = self._x(epoch)
        pen.line([(x, self._box[1]), (x, self._box[3])], FAINT, FINE)
        for line, values in self._lines:
            ink = _ink(line.colour)
            until = [at for at in range(len(values)) if self._epochs[at] <= epoch]
            self._trace(pen, [values[at] for at in until], ink, 2 * FINE, line.dash != "solid")
            if until and values[until[-1]] is not None:
                y, size = self._y(values[until[-1]] or 0.0), 3 * FINE
                pen.ellipse([(x - size, y - size), (x + size, y + size)], ink)
        return fine.resize((self.width, self.height), Image.Resampling.BOX)

    def _draw_ground(self) -> Image.Image:
        fine = Image.new("RGB", (FINE * self.width, FINE * self.height), GROUND)
        pen = ImageDraw.Draw(fine)
        font = ImageFont.load_default(FINE * self._unit * 0.8)
        left, top, right, _ = self._box
        for value in (self._low, self._high):
            y = self._y(value)
            pen.line([(left, y), (right, y)], FAINT, FINE)
            pen.text((left - FINE * self._unit // 2, y), f"{value:.3g}", QUIET, font, anchor="rm")
        x = float(left)
        for line, values in self._lines:
            self._trace(pen, values, TO_COME, FINE, line.dash != "solid")
            pen.text((x, top - FINE * self._unit), line.name, _ink(line.colour), font, anchor="lm")
            x += pen.textlength(line.name, font) + FINE * self._unit
        return fine

    def _trace(
        self,
        pen: ImageDraw.ImageDraw,
        values: Values,
        ink: tuple[int, ...],
        width: int,
        is_dotted: bool,
    ) -> None:
        points = [
            None if value is None else (self._x(epoch), self._y(value))
            for epoch, value in zip(self._epochs, values, strict=False)
        ]
        for number, (start, end) in enumerate(pairwise(points)):
            if start is not None and end is not None and not (is_dotted and number % 2):
                pen.line([start, end], ink, width)

    def _x(self, epoch: int) -> float:
        left, _, right, _ = self._box
        first, last = self._epochs[0], self._epochs[-1]
        share = (epoch - first) / (last - first) if last > first else 0.0
        return left + (right - left) * min(1.0, max(0.0, share))

    def _y(self, value: float) -> float:
        _, top, _, bottom = self._box
        share = (value - self._low) / (self._high - self._low)
        return bottom - (bottom - top) * min(1.0, max(0.0, share))


def _curves(film: Plan, width: int, unit: int) -> list[_Curves]:
    """Losses and scores, side by side or, where it is narrow, the losses alone above nothing."""
    drawn = [chart for chart in (charts.LOSSES, charts.SCORES) if _is_drawn(chart, film.stats)]
    if width < 30 * unit:
        drawn = drawn[:1]
    each = width // len(drawn)
    return [
        _Curves(chart, film.stats, place * each, each, unit) for place, chart in enumerate(drawn)
    ]


def _lines(chart: Chart, stats: Stats) -> Iterator[tuple[charts.Line, Values]]:
    for line in chart.lines:
        values = charts.values(stats, line.key)
        if any(value is not None for value in values):
            yield line, values


def _is_drawn(chart: Chart, stats: Stats) -> bool:
    return any(True for _ in _lines(chart, stats))


def _span(chart: Chart, stats: Stats) -> tuple[float, float]:
    """The lowest and the highest value of a chart; never the same."""
    found = [value for _, values in _lines(chart, stats) for value in values if value is not None]
    low = min(found) if chart.low is None else chart.low
    high = max(found) if chart.high is None else chart.high
    return low, high if high > low else low + 1.0


def _ink(colour: str) -> tuple[int, ...]:
    """A line's colour on the film's dark ground."""
    if colour == charts.D_COLOUR:
        return D_INK
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
