"""The strip below a sheet in a timelapse: the epoch, and the curves of losses and scores.

Drawn with Pillow, in the font that comes with its wheel.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neuroceleb.images import Pixels
from neuroceleb.runs import charts
from neuroceleb.runs.charts import Chart, Stats, Values

CHARTS = (charts.LOSSES, charts.SCORES)

BACKGROUND = (18, 18, 17)
TEXT = (236, 236, 232)
DIM_TEXT = (150, 150, 142)
GRID = (58, 58, 54)
FUTURE = (92, 92, 86)
D_COLOUR_ON_DARK = (176, 176, 168)
FACTOR = 2  # curves are drawn this much larger, then reduced


def has_values(stats: Stats) -> bool:
    """Whether there is anything to draw in CHARTS."""
    return any(any(_lines(chart, stats)) for chart in CHARTS)


class Footer:
    """The strip below a sheet of `width` pixels: the epoch, the images seen, and the curves."""

    def __init__(self, run_name: str, stats: Stats, width: int, has_curves: bool) -> None:
        unit = max(10, min(22, round(width / 42)))  # font size in pixels
        self._run_name = run_name
        self._font = ImageFont.load_default(unit)
        self._line_height = 2 * unit
        self._curves = _curves(stats, width, unit) if has_curves else []
        height = self._line_height + max((it.height for it in self._curves), default=0)
        self._blank = Image.new("RGB", (width, height), BACKGROUND)
        self._seen = {row["epoch"]: row.get("images_seen") for row in stats}

    def at(self, epoch: int) -> Pixels:
        """The strip at one epoch: (H, W, 3) uint8."""
        strip = self._blank.copy()
        draw = ImageDraw.Draw(strip)
        middle = self._line_height // 2
        draw.text((self._line_height // 3, middle), f"epoch {epoch}", TEXT, self._font, anchor="lm")
        right = strip.width - self._line_height // 3
        draw.text((right, middle), self._right_text(epoch), DIM_TEXT, self._font, anchor="rm")
        for curves in self._curves:
            strip.paste(curves.at(epoch), (curves.left, self._line_height))
        return np.asarray(strip)

    def _right_text(self, epoch: int) -> str:
        seen = self._seen.get(epoch)
        if isinstance(seen, int):
            return f"{seen:,} images seen"
        return self._run_name if self._run_name.isascii() else ""  # the font has no other letters


class _Curves:
    """One chart, `width` x `height` pixels: bright up to the current epoch, faint after it."""

    def __init__(self, chart: Chart, stats: Stats, left: int, width: int, unit: int) -> None:
        self.left, self.width, self.height = left, width, round(8.5 * unit)
        self._epochs = [row["epoch"] for row in stats]
        self._lines = [(line, values) for line, values in _lines(chart, stats)]
        self._low, self._high = _span(chart, stats)
        self._unit = unit
        # left, top, right, bottom of the curves themselves, in the enlarged image
        edges = (3 * unit, 2 * unit, width - unit, self.height - unit)
        self._left, self._top, self._right, self._bottom = (FACTOR * edge for edge in edges)
        self._background = self._draw_background()

    def at(self, epoch: int) -> Image.Image:
        """The chart at one epoch."""
        large = self._background.copy()
        draw = ImageDraw.Draw(large)
        x = self._x(epoch)
        draw.line([(x, self._top), (x, self._bottom)], GRID, FACTOR)
        for line, values in self._lines:
            colour = _rgb(line.colour)
            until = [at for at in range(len(values)) if self._epochs[at] <= epoch]
            self._trace(
                draw, [values[at] for at in until], colour, 2 * FACTOR, line.dash != "solid"
            )
            if until and values[until[-1]] is not None:
                y, size = self._y(values[until[-1]] or 0.0), 3 * FACTOR
                draw.ellipse([(x - size, y - size), (x + size, y + size)], colour)
        return large.resize((self.width, self.height), Image.Resampling.BOX)

    def _draw_background(self) -> Image.Image:
        large = Image.new("RGB", (FACTOR * self.width, FACTOR * self.height), BACKGROUND)
        draw = ImageDraw.Draw(large)
        font = ImageFont.load_default(FACTOR * self._unit * 0.8)
        left, top, right = self._left, self._top, self._right
        for value in (self._low, self._high):
            y = self._y(value)
            draw.line([(left, y), (right, y)], GRID, FACTOR)
            draw.text(
                (left - FACTOR * self._unit // 2, y), f"{value:.3g}", DIM_TEXT, font, anchor="rm"
            )
        x = float(left)
        for line, values in self._lines:
            self._trace(draw, values, FUTURE, FACTOR, line.dash != "solid")
            draw.text(
                (x, top - FACTOR * self._unit), line.name, _rgb(line.colour), font, anchor="lm"
            )
            x += draw.textlength(line.name, font) + FACTOR * self._unit
        return large

    def _trace(
        self,
        draw: ImageDraw.ImageDraw,
        values: Values,
        colour: tuple[int, ...],
        width: int,
        is_dotted: bool,
    ) -> None:
        points = [
            None if value is None else (self._x(epoch), self._y(value))
            for epoch, value in zip(self._epochs, values, strict=False)
        ]
        for number, (start, end) in enumerate(pairwise(points)):
            if start is not None and end is not None and not (is_dotted and number % 2):
                draw.line([start, end], colour, width)

    def _x(self, epoch: int) -> float:
        left, right = self._left, self._right
        first, last = self._epochs[0], self._epochs[-1]
        share = (epoch - first) / (last - first) if last > first else 0.0
        return left + (right - left) * min(1.0, max(0.0, share))

    def _y(self, value: float) -> float:
        top, bottom = self._top, self._bottom
        share = (value - self._low) / (self._high - self._low)
        return bottom - (bottom - top) * min(1.0, max(0.0, share))


def _curves(stats: Stats, width: int, unit: int) -> list[_Curves]:
    """Losses and scores side by side; if the strip is narrow, the losses alone."""
    drawn = [chart for chart in CHARTS if any(_lines(chart, stats))]
    if width < 30 * unit:
        drawn = drawn[:1]
    each = width // len(drawn)
    return [_Curves(chart, stats, place * each, each, unit) for place, chart in enumerate(drawn)]


def _lines(chart: Chart, stats: Stats) -> Iterator[tuple[charts.Line, Values]]:
    for line in chart.lines:
        values = charts.values(stats, line.key)
        if any(value is not None for value in values):
            yield line, values


def _span(chart: Chart, stats: Stats) -> tuple[float, float]:
    """The lowest and the highest value of a chart; never equal."""
    found = [value for _, values in _lines(chart, stats) for value in values if value is not None]
    low = min(found) if chart.low is None else chart.low
    high = max(found) if chart.high is None else chart.high
    return low, high if high > low else low + 1.0


def _rgb(colour: str) -> tuple[int, ...]:
    """The RGB colour of a line on the dark background."""
    if colour == charts.D_COLOUR:
        return D_COLOUR_ON_DARK
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
