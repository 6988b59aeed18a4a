"""The card of a run: one HTML page, complete in itself, that prints well."""

import base64
import html as markup
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.errors import Message
from neuroceleb.runs import charts, verdict
from neuroceleb.runs.charts import Chart
from neuroceleb.runs.run import Run

WIDTH, HEIGHT, LEFT, TOP = 640, 220, 44, 16  # of a chart, in SVG units
DASHES = {"solid": "", "dot": "2 4", "dash": "6 4"}
MAX_POINTS = 600
MAX_SHEET_BYTES = 16 * 2**20
STYLE = """
@page { margin: 14mm; }
body { font: 14px/1.5 "IBM Plex Sans", system-ui, sans-serif; color: #1b1b19; background: #fff;
  max-width: 720px; margin: 24px auto; padding: 0 16px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 24px 0 6px; }
p { margin: 0 0 8px; } figure, table { margin: 0; break-inside: avoid; }
img { width: 100%; image-rendering: pixelated; } svg { width: 100%; height: auto; }
.sheets { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
figcaption, .quiet { color: #5e5e58; font-size: 12.5px; }
table { border-collapse: collapse; columns: 2; width: 100%; font-size: 12.5px; }
td { padding: 2px 10px 2px 0; border-bottom: 1px solid #dcdcd6; }
"""

Translate = Callable[[Message | str], str]


def html(run: Run, translate: Translate = str) -> str:
    """The card of a run: pictures, figures, verdict, settings and terms, as an HTML document.

    `translate` gives a sentence in the reader's language. Everything that comes from the run's
    files is escaped. Raises UserError where config.json cannot be read.
    """
    rows, status, config = run.stats(), run.status(), run.config()
    judgement = verdict.judge(rows)
    advice = translate(judgement.advice) if judgement and judgement.advice else ""
    parts = [
        f"<h1>{markup.escape(run.name)}</h1>",
        _paragraph(_facts(status, config, translate), "quiet"),
        _paragraph(f"{translate(judgement.sentence)} {advice}" if judgement else ""),
        _sheets(run, translate),
        *(_chart(chart, rows) for chart in charts.charts_of(rows)),
        _terms(config, translate),
        _settings(config, translate),
    ]
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{markup.escape(run.name)}'
        f"</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{markup.escape(text)}</p>' if text else ""


def _facts(status: dict[str, Any], config: dict[str, Any], translate: Translate) -> str:
    described = config.get("dataset")
    dataset = described if isinstance(described, dict) else {}
    epochs = Message(
        "{done:,} of {epochs:,} epochs done",
        done=int(status.get("epoch") or 0),
        epochs=int(status.get("epochs") or 0),
    )
    photos = Message(
        "{count} photos of {dataset}",
        count=str(dataset.get("trained_on", dataset.get("count", "?"))),
        dataset=Path(str(dataset.get("path", "?"))).name,
    )
    parts = [translate(epochs), translate(photos), str(config.get("created", ""))[:10]]
    return " · ".join(filter(None, parts))


def _sheets(run: Run, translate: Translate) -> str:
    sheets = run.sheets()
    reals = (run.real_sheet_file(suffix) for suffix in ("png", "webp"))
    real = next((path for path in reals if path.is_file()), None)
    found = [(real, Message("Photos it learned from"))] if real else []
    if sheets:
        newest = max(sheets)
        found.append((sheets[newest], Message("Its faces after epoch {epoch}", epoch=newest)))
    figures = [
        f'<figure><img alt="" src="{url}">'
        f"<figcaption>{markup.escape(translate(caption))}</figcaption></figure>"
        for path, caption in found
        if (url := _data_url(path))
    ]
    return f'<div class="sheets">{"".join(figures)}</div>'


def _data_url(path: Path) -> str:
    """A sheet as a data URL; "" where it is too large, or no regular file."""
    try:
        data = files.read_bytes(path, MAX_SHEET_BYTES)
    except OSError:
        return ""
    return f"data:image/{path.suffix[1:]};base64,{base64.b64encode(data).decode()}"


def _chart(chart: Chart, rows: Sequence[dict[str, Any]]) -> str:
    """A chart as SVG: its lines over the epochs, with the ends of both axes."""
    step = -(-len(rows) // MAX_POINTS)
    rows = [*rows[::step], *(rows[-1:] if step > 1 else ())]
    found = [(line, charts.values(rows, line.key)) for line in chart.lines]
    values = [value for _line, points in found for value in points if value is not None]
    low = min(values) if chart.low is None else chart.low
    high = max(values) if chart.high is None else chart.high
    span = (high - low) or 1.0
    epochs = [row["epoch"] for row in rows]
    reach = (epochs[-1] - epochs[0]) or 1

    def place(epoch: int, value: float) -> str:
        x = LEFT + (epoch - epochs[0]) / reach * (WIDTH - LEFT - 8)
        return f"{x:.1f},{TOP + (high - value) / span * (HEIGHT - 2 * TOP):.1f}"

    drawn, names = [], []
    for line, points in found:
        path = " ".join(
            place(epoch, value)
            for epoch, value in zip(epochs, points, strict=True)
            if value is not None
        )
        dash = DASHES.get(line.dash, "")
        drawn.append(
            f'<polyline fill="none" stroke="{line.colour}" stroke-width="1.6" '
            f'stroke-dasharray="{dash}" points="{path}"/>'
        )
        names.append(f'<span style="color:{line.colour}">{markup.escape(line.name)}</span>')
    texts = [(0, TOP + 4, f"{high:.3g}"), (0, HEIGHT - TOP + 4, f"{low:.3g}")]
    texts += [(LEFT, HEIGHT, str(epochs[0])), (WIDTH - 40, HEIGHT, str(epochs[-1]))]
    labels = "".join(
        f'<text x="{x}" y="{y}" font-size="12" fill="#5e5e58">{text}</text>' for x, y, text in texts
    )
    return (
        f"<figure><figcaption>{markup.escape(chart.y_title)}: {' · '.join(names)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 4}">{labels}{"".join(drawn)}</svg></figure>'
    )


def _terms(config: dict[str, Any], translate: Translate) -> str:
    found = [config.get("start_model"), config.get("shipped")]
    lines = []
    for described in found:
        if isinstance(described, dict):
            lines += [str(described.get(key) or "")[:500] for key in ("reason", "terms")]
    texts = "".join(_paragraph(translate(line)) for line in dict.fromkeys(filter(None, lines)))
    return (
        f"<h2>{markup.escape(translate(Message('Start and terms')))}</h2>{texts}" if texts else ""
    )


def _settings(config: dict[str, Any], translate: Translate) -> str:
    settings = config.get("settings")
    if not isinstance(settings, dict):
        return ""
    cells = "".join(
        f"<tr><td>{markup.escape(translate(f'--{name}'.replace('_', '-')).strip('“”'))}</td>"
        f"<td>{markup.escape(json.dumps(value).strip(chr(34))[:200])}</td></tr>"
        for name, value in settings.items()
    )
    return f"<h2>{markup.escape(translate(Message('Settings')))}</h2><table>{cells}</table>"
