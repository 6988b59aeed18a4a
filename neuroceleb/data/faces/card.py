"""The report card of a dataset: one HTML page, complete in itself, that prints well."""

import base64
import html as markup
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neuroceleb import images
from neuroceleb.data.faces import report, report_image
from neuroceleb.data.faces.manifest import KEPT, REJECTED, FaceSet, Row
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.spacing import evenly_spaced

SHEET_FACES = 60
COLUMNS = 10
WIDTH, HEIGHT = 300, 90  # of a histogram, in SVG units
STYLE = """
@page { margin: 14mm; }
body { font: 14px/1.5 "IBM Plex Sans", system-ui, sans-serif; color: #1b1b19; background: #fff;
  max-width: 720px; margin: 24px auto; padding: 0 16px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 24px 0 6px; }
p { margin: 0 0 8px; } figure { margin: 0; break-inside: avoid; }
.sheet img { width: 100%; image-rendering: pixelated; } svg { width: 100%; height: auto; }
.head { display: flex; gap: 18px; align-items: start; } .head img { width: 128px; }
.charts { display: grid; grid-template-columns: repeat(3, 1fr); gap: 14px; }
figcaption, .quiet { color: #5e5e58; font-size: 12.5px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; break-inside: avoid; }
td { padding: 2px 10px 2px 0; border-bottom: 1px solid #dcdcd6; }
"""

Translate = Callable[[Message], str]


def html(face_set: FaceSet, translate: Translate = str) -> str:
    """The card of a saved dataset: counts, verdict, reasons, mean face, sheets, histograms, rules.

    `translate` gives a sentence in the reader's language. Everything that comes from the dataset's
    files is escaped. Raises UserError where the dataset was not saved yet.
    """
    value = report.read(face_set)
    if "verdict" not in value:
        raise UserError("'{name}' has no report card yet: save it first.", name=face_set.name)
    rows = face_set.rows()
    chosen = {verdict: [row for row in rows if row.verdict == verdict] for verdict in _TITLES}
    name = markup.escape(face_set.name)
    parts = [
        f'<div class="head">{_mean(face_set, chosen[KEPT])}<div><h1>{name}</h1>',
        *(_paragraph(line) for line in _sentences(value, translate)),
        "</div></div>",
        *(_sheet(face_set, found, translate(_TITLES[it])) for it, found in chosen.items()),
        _table(_reasons(value, translate), translate(Message("Why faces are left out"))),
        _charts(value.get("histograms", {})),
        _table(value.get("rules", {}), translate(Message("Rules"))),
        _paragraph(translate(Message("Faces of people: keep to what they agreed to.")), "quiet"),
    ]
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


_TITLES = {KEPT: Message("Faces that are kept"), REJECTED: Message("Faces that are left out")}


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{markup.escape(text)}</p>' if text else ""


def _sentences(value: Mapping[str, Any], translate: Translate) -> list[str]:
    names = ("photos", "faces", "kept", "rejected", "no_face", "unreadable")
    numbers = {name: int(value.get(name) or 0) for name in names}
    counts = Message(
        "{photos:,} photos, {faces:,} faces: {kept:,} kept, {rejected:,} left out. No face in "
        "{no_face:,} photos, {unreadable:,} unreadable.",
        photos=numbers["photos"],
        faces=numbers["faces"],
        kept=numbers["kept"],
        rejected=numbers["rejected"],
        no_face=numbers["no_face"],
        unreadable=numbers["unreadable"],
    )
    verdict = report.assess({**numbers, "by_reason": value.get("by_reason") or {}})
    found = [Message.from_json(one["text_source"]) for one in verdict["sentences"]]
    described = f"{value.get('size')} px, {value.get('detector')}, {value.get('align')}"
    return [translate(counts), *map(translate, found), described]


def _reasons(value: Mapping[str, Any], translate: Translate) -> dict[str, Any]:
    counts = value.get("by_reason") or {}
    return {translate(report.label_of(name)): number for name, number in counts.items()}


def _table(values: Mapping[str, Any], title: str) -> str:
    cells = "".join(
        f"<tr><td>{markup.escape(str(name))}</td><td>{markup.escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<h2>{markup.escape(title)}</h2><table>{cells}</table>" if cells else ""


def _mean(face_set: FaceSet, kept: Sequence[Row]) -> str:
    face = report_image.mean_face(face_set, kept)
    return "" if face is None else f'<img alt="" src="{_data_url(images.encode(face), "png")}">'


def _sheet(face_set: FaceSet, rows: Sequence[Row], title: str) -> str:
    loaded = [_load(face_set, row) for row in evenly_spaced(rows, SHEET_FACES)]
    faces = [face for face in loaded if face is not None and face.shape == _first_shape(loaded)]
    if not faces:
        return ""
    url = _data_url(images.sprite(np.stack(faces), COLUMNS, ".jpg"), "jpeg")
    caption = f"{markup.escape(title)}: {len(rows):,}"
    return f'<h2>{caption}</h2><figure class="sheet"><img alt="" src="{url}"></figure>'


def _first_shape(loaded: Sequence[Pixels | None]) -> tuple[int, ...]:
    """The shape of the first image that could be read."""
    return next((face.shape for face in loaded if face is not None), ())


def _load(face_set: FaceSet, row: Row) -> Pixels | None:
    try:
        return images.load(face_set.crop_file(row))
    except UserError:
        return None


def _charts(histograms: Mapping[str, Any]) -> str:
    return f'<div class="charts">{"".join(map(_chart, histograms, histograms.values()))}</div>'


def _chart(name: str, histogram: Mapping[str, Sequence[float]]) -> str:
    """Stacked bars: kept faces dark, those left out red above them."""
    kept, out, edges = histogram[KEPT], histogram[REJECTED], histogram["edges"]
    most = max(1, *(low + high for low, high in zip(kept, out, strict=True)))
    step = WIDTH / len(kept)
    bars = []
    for index, (low, high) in enumerate(zip(kept, out, strict=True)):
        heights = ((low, 0, "#1b1b19"), (high, low, "#bf3a1d"))
        for number, below, colour in heights:
            top, tall = (HEIGHT * (1 - (below + number) / most), HEIGHT * number / most)
            bars.append(
                f'<rect x="{index * step + 1:.1f}" y="{top:.1f}" width="{step - 2:.1f}" '
                f'height="{tall:.1f}" fill="{colour}"/>'
            )
    title = f"{name}: {edges[0]:g} – {edges[-1]:g}"
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(bars)}</svg>'
        f"<figcaption>{markup.escape(title)}</figcaption></figure>"
    )


def _data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
