"""The report of a dataset: report.json, and report.jpg with charts and sheets of faces."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from neuroceleb import files, images
from neuroceleb.data.faces.manifest import KEPT, REJECTED, UNREADABLE, FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.settings import IMAGE_SIZE
from neuroceleb.spacing import evenly_spaced

Report = dict[str, Any]

ENOUGH_FACES = 5_000
LEAST_FACES = 1_000
ADVICE_SHARE = 0.05  # share of the faces that a reason must reject to be mentioned
MAX_UNREADABLE = 1_000  # listed in the report; the manifest has all
MAX_MEAN_FACES = 2_000
SHEET_FACES = 72
SHEET_COLUMNS = 12
CELL_PX = 96
CHART_PX = (384, 150)

_EDGES = {
    "yaw": np.linspace(-90, 90, 19),
    "pitch": np.linspace(-90, 90, 19),
    "sharpness": np.array([0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]),
}

_ADVICE = {
    "blurred": "photos in focus and little compressed",
    "too_small": "larger photos, or photos taken from closer",
    "turned": "photos taken from the front",
    "nodding": "photos taken at eye level",
    "dark": "photos in better light",
    "bright": "photos in softer light",
    "eyes_covered": "photos without sunglasses or hands over the eyes",
    "mouth_covered": "photos without masks, hands or microphones over the mouth",
    "eyes_closed": "photos with open eyes",
    "near_duplicate": "other photos rather than more of the same moment",
    "grey": "colour photos",
    "outside_frame": "photos that show the whole head",
    "low_score": "photos that show faces clearly",
}


def read(face_set: FaceSet) -> Report:
    """report.json; empty where it is missing or damaged."""
    try:
        value = json.loads(face_set.report.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write(
    face_set: FaceSet, rows: Sequence[Row], counts: Mapping[str, Any], rules: Mapping[str, Any]
) -> Report:
    """Write report.json and report.jpg of a judged dataset; raises UserError."""
    before = read(face_set)
    value: Report = {
        "size": before.get("size", IMAGE_SIZE),
        "detector": before.get("detector", "yunet"),
        "align": before.get("align", "landmarks"),
        "rows": len(rows),
        **counts,
        "duplicates": counts["by_reason"].get("near_duplicate", 0),
        "histograms": {name: _histogram(rows, name) for name in _EDGES},
        "unreadable_photos": _unreadable(rows),
        "rules": dict(rules),
        "verdict": assess(counts),
    }
    files.write_json(face_set.report, value)
    images.save(face_set.report.with_suffix(".jpg"), draw(face_set, rows, value))
    return value


def _unreadable(rows: Sequence[Row]) -> list[dict[str, str]]:
    found = [row for row in rows if row.verdict == UNREADABLE][:MAX_UNREADABLE]
    return [{"source": row.source, "why": row.reasons[0].text} for row in found]


def _histogram(rows: Sequence[Row], name: str) -> dict[str, list[float]]:
    """Numbers of kept and of rejected faces between consecutive `edges`."""
    edges = _EDGES[name]
    counts = {}
    for verdict_name in (KEPT, REJECTED):
        values = [float(row.measures.get(name, 0)) for row in rows if row.verdict == verdict_name]
        inside = np.clip(values, edges[0], edges[-1])
        counts[verdict_name] = np.histogram(inside, edges)[0].tolist()
    return {"edges": edges.tolist(), **counts}


def assess(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Whether these are enough faces to train on, and which photos would help, as sentences.

    The bounds are those of published small datasets: a GAN memorizes 1,000 faces (StyleGAN2-ADA,
    Karras et al. 2020), and the original system had 7,000.
    """
    kept, faces = int(counts["kept"]), int(counts["faces"])
    if kept >= ENOUGH_FACES:
        sentences = [
            _sentence("enough", f"{kept:,} faces are kept: enough to train on.", kept=kept)
        ]
    elif kept >= LEAST_FACES:
        text = f"{kept:,} faces are kept: enough to begin with; {ENOUGH_FACES:,} give better faces."
        sentences = [_sentence("some", text, kept=kept)]
    elif kept:
        text = (
            f"Only {kept:,} faces are kept: a GAN would memorize them; "
            f"find {LEAST_FACES:,} or more."
        )
        sentences = [_sentence("few", text, kept=kept)]
    else:
        sentences = [_sentence("none", "No face is kept: there is nothing to train on.", kept=0)]
    for name, number in list(counts["by_reason"].items())[:3]:
        if name in _ADVICE and number > ADVICE_SHARE * faces:
            text = (
                f"{number:,} faces are rejected as {name.replace('_', ' ')}: {_ADVICE[name]} help."
            )
            sentences.append(_sentence(f"help_{name}", text, count=number))
    return {"enough": kept >= LEAST_FACES, "sentences": sentences}


def _sentence(name: str, text: str, **numbers: int) -> dict[str, Any]:
    return {"name": name, "text": text, **numbers}


# The image ---------------------------------------------------------------------------------


def draw(face_set: FaceSet, rows: Sequence[Row], value: Report) -> Pixels:
    """The counts, mean face, histograms, and sheets of kept and of rejected faces."""
    kept = [row for row in rows if row.verdict == KEPT]
    rejected = [row for row in rows if row.verdict == REJECTED]
    parts = [_head(face_set, kept, value)]
    for title, chosen in (("kept", kept), ("rejected", rejected)):
        if chosen:
            parts += [_text([f"{title}: {len(chosen):,}"]), _sheet(face_set, chosen)]
    return np.vstack(parts)


def _head(face_set: FaceSet, kept: Sequence[Row], value: Report) -> Pixels:
    lines = [
        f"{value['photos']:,} photos, {value['faces']:,} faces: {value['kept']:,} kept, "
        f"{value['rejected']:,} rejected",
        f"{value['no_face']:,} photos without a face, {value['unreadable']:,} unreadable",
        *(f"{name.replace('_', ' ')}: {n:,}" for name, n in value["by_reason"].items()),
        *(item["text"] for item in value["verdict"]["sentences"]),
    ]
    charts = [_chart(name, value["histograms"][name]) for name in _EDGES]
    width = SHEET_COLUMNS * CELL_PX
    row = np.full((CHART_PX[1], width, 3), 255, np.uint8)
    row[:, : CHART_PX[0] * 3] = np.hstack(charts)[:, :width]
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
