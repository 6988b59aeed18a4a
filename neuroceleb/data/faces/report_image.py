"""The image of a dataset's report: text, charts, the mean face, sheets of faces."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from neuroceleb import images
from neuroceleb.data.faces.manifest import KEPT, REJECTED, FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.spacing import evenly_spaced

MAX_MEAN_FACES = 2_000
SHEET_FACES = 72
SHEET_COLUMNS = 12
CELL_PX = 96
CHART_PX = (288, 150)  # four in a row


def draw(face_set: FaceSet, rows: Sequence[Row], value: Mapping[str, Any]) -> Pixels:
    """The counts, mean face, histograms, and sheets of kept and of rejected faces."""
    kept = [row for row in rows if row.verdict == KEPT]
    rejected = [row for row in rows if row.verdict == REJECTED]
    parts = [_head(face_set, kept, value)]
    for title, chosen in (("kept", kept), ("rejected", rejected)):
        if chosen:
            parts += [_text([f"{title}: {len(chosen):,}"]), _sheet(face_set, chosen)]
    return np.vstack(parts)


def _head(face_set: FaceSet, kept: Sequence[Row], value: Mapping[str, Any]) -> Pixels:
    lines = [
        f"{value['photos']:,} photos, {value['faces']:,} faces: {value['kept']:,} kept, "
        f"{value['rejected']:,} rejected",
        f"{value['no_face']:,} photos without a face, {value['unreadable']:,} unreadable",
        *(f"{name.replace('_', ' ')}: {n:,}" for name, n in value["by_reason"].items()),
        *(item["text"] for item in value["verdict"]["sentences"]),
    ]
    charts = [_chart(name, histogram) for name, histogram in value["histograms"].items()]
    width = SHEET_COLUMNS * CELL_PX
    row = np.full((CHART_PX[1], width, 3), 255, np.uint8)
    row[:, : CHART_PX[0] * len(charts)] = np.hstack(charts)
    face = _mean_cell(face_set, kept)
    mean = np.full((face.shape[0], width, 3), 255, np.uint8)
    mean[:, : face.shape[1]] = face
    text = _text(lines)
    return np.vstack([text, mean, row])


def _text(lines: Sequence[str]) -> Pixels:
    page = Image.new("RGB", (SHEET_COLUMNS * CELL_PX, 18 * len(lines) + 8), "white")
    drawing = ImageDraw.Draw(page)
    for index, line in enumerate(lines):
        drawing.text((8, 4 + 18 * index), line, "black", font_size=13)
    return np.asarray(page)


def _chart(name: str, histogram: Mapping[str, Sequence[float]]) -> Pixels:
    """Stacked bars: kept faces black, rejected ones grey above them."""
    width, height = CHART_PX
    page = Image.new("RGB", CHART_PX, "white")
    drawing = ImageDraw.Draw(page)
    kept, rejected = np.array(histogram[KEPT]), np.array(histogram[REJECTED])
    most, step = max(1, int((kept + rejected).max())), (width - 16) / len(kept)
    for index, (low, high) in enumerate(zip(kept, kept + rejected, strict=True)):
        left, right = 8 + index * step, 6 + (index + 1) * step
        tops = [height - 20 - (height - 44) * number / most for number in (high, low)]
        for top, colour in zip(tops, ("#c4c4c4", "#202020"), strict=True):
            drawing.rectangle((left, top, right, height - 20), colour)
    edges = histogram["edges"]
    drawing.text((8, height - 18), f"{edges[0]:g}", "black", font_size=12)
    drawing.text((width - 40, height - 18), f"{edges[-1]:g}", "black", font_size=12)
    drawing.text((8, 4), f"{name} (black kept, grey rejected)", "black", font_size=13)
    return np.asarray(page)


def mean_face(face_set: FaceSet, kept: Sequence[Row]) -> Pixels | None:
    """The mean of up to MAX_MEAN_FACES crops, in their size; None where there is none."""
    total: NDArray[np.float64] | None = None
    count = 0
    for row in evenly_spaced(kept, MAX_MEAN_FACES):
        crop = _load(face_set, row)
        if crop is not None:
            total = crop.astype(np.float64) if total is None else total + crop
            count += 1
    return None if total is None else (total / count).round().astype(np.uint8)


def _mean_cell(face_set: FaceSet, kept: Sequence[Row]) -> Pixels:
    face = mean_face(face_set, kept)
    blank = np.full((2 * CELL_PX, 2 * CELL_PX, 3), 255, np.uint8)
    return blank if face is None else _cell(face, 2 * CELL_PX)


def _sheet(face_set: FaceSet, rows: Sequence[Row]) -> Pixels:
    cells = []
    for row in evenly_spaced(rows, SHEET_FACES):
        crop = _load(face_set, row)
        cell = np.full((CELL_PX, CELL_PX, 3), 255, np.uint8)
        if crop is not None:
            cell = _cell(crop, CELL_PX)
        caption = "" if row.verdict == KEPT else ", ".join(it.name for it in row.reasons)
        cells.append(_captioned(cell, caption) if caption else cell)
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % SHEET_COLUMNS)
    lines = [cells[i : i + SHEET_COLUMNS] for i in range(0, len(cells), SHEET_COLUMNS)]
    return np.vstack([np.hstack(line) for line in lines])


def _load(face_set: FaceSet, row: Row) -> Pixels | None:
    try:
        return images.load(face_set.crop_file(row))
    except UserError:
        return None


def _cell(crop: Pixels, size_px: int) -> Pixels:
    enlarged: NDArray[Any] = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, np.uint8)


def _captioned(cell: Pixels, caption: str) -> Pixels:
    page = Image.fromarray(cell)
    drawing = ImageDraw.Draw(page)
    drawing.rectangle((0, CELL_PX - 13, CELL_PX, CELL_PX), "white")
    drawing.text((1, CELL_PX - 13), caption.replace("_", " ")[:20], "black", font_size=10)
    return np.asarray(page)
