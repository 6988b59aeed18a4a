"""What the Progress tab shows of a run: sheets, charts, report card, status and verdict."""

from dataclasses import asdict
from typing import Any

from neuroceleb.app import catalogue, run_status, sheets
from neuroceleb.app.catalogue import _
from neuroceleb.errors import UserError, gettext_noop
from neuroceleb.runs import charts, evaluation, verdict
from neuroceleb.runs.charts import Best, Chart, Stats
from neuroceleb.runs.figures import finite
from neuroceleb.runs.run import ACTIVE, Run

Json = dict[str, Any]
MIN_MEASURED = 3  # epochs, of which one can be called the best

# Title and explanation of a chart by its id, and of a figure by its name.
TEXTS = {
    "losses": (
        gettext_noop("Losses"),
        gettext_noop(
            "Each network's error: D's at telling photos from fakes, G's at fooling D. They "
            "pull against each other, so neither goes down to zero in a good run."
        ),
    ),
    "scores": (
        gettext_noop("D's scores: 1 real, 0 fake"),
        gettext_noop(
            "How sure D is that an image is a photo: D(x) of photos, D(G(z)) of generated faces "
            "before and after D's own step. Far apart: D sees through the fakes. Near one half: "
            "it guesses."
        ),
    ),
    "variety": (
        gettext_noop("Variety of the sheet"),
        gettext_noop(
            "How different the faces of a sheet are, 1 is as varied as photos. Nearest other "
            "dropping towards 0 is a collapse. Change is how far each face moved since the "
            "epoch before."
        ),
    ),
    "speed": (
        gettext_noop("Speed"),
        gettext_noop("Images a second while training; a drop means that the machine was busy."),
    ),
    "well_formed": (
        gettext_noop("Well-formed faces"),
        gettext_noop(
            "The share of faces in which a face detector finds eyes, nose and mouth in their "
            "places. Higher is better."
        ),
    ),
    "flaw_score": (
        gettext_noop("Flaw score"),
        gettext_noop(
            "How likely somebody calls a face broken, the mean over the faces. Lower is better; "
            "only generators compare, for photos of faces have about one half."
        ),
    ),
    "swd": (
        gettext_noop("SWD: distance from the photos"),
        gettext_noop(
            "Sliced Wasserstein distance: how far the textures of generated faces are from "
            "those of photos, at several sizes. Lower is better."
        ),
    ),
    "fid": (
        gettext_noop("FID: distance from the photos"),
        gettext_noop("How far generated faces are, as a crowd, from photos. Lower is better."),
    ),
    "kid": (
        gettext_noop("KID: distance from the photos"),
        gettext_noop(
            "How far generated faces are, as a crowd, from photos; fairer than FID where there "
            "are few. Lower is better."
        ),
    ),
    "ms_ssim": (
        gettext_noop("MS-SSIM: likeness of pairs"),
        gettext_noop(
            "How alike two faces of different seeds are. Much above the photos' own: little "
            "variety."
        ),
    ),
    "precision": (
        gettext_noop("Precision"),
        gettext_noop("The share of generated faces that lie among the photos."),
    ),
    "recall": (
        gettext_noop("Recall"),
        gettext_noop("The share of photos that lie among the generated faces: their variety."),
    ),
    "suspects": (
        gettext_noop("Suspected copies"),
        gettext_noop(
            "The share of faces that are nearer to a training photo than photos are to each other."
        ),
    ),
    "d_train": (
        gettext_noop("D(training faces)"),
        gettext_noop("D's mean score for faces it is trained on."),
    ),
    "d_held_out": (
        gettext_noop("D(held-out faces)"),
        gettext_noop(
            "D's mean score for faces kept back from training; far below that for training "
            "faces, D has learned its photos by heart."
        ),
    ),
}
# Part of an evaluation, figure, and the same figure of real photos; whether it is a share.
CARD = (
    ("well_formed", "well_formed", "share", "real", True),
    ("swd", "swd", "mean", "floor", False),
    ("kid", "fid", "kid", "kid_real", False),
    ("fid", "fid", "fid", "fid_real", False),
    ("precision", "diversity", "precision", "precision_real", True),
    ("recall", "diversity", "recall", "recall_real", True),
    ("ms_ssim", "diversity", "ms_ssim", "ms_ssim_real", False),
    ("suspects", "copies", "suspects", "suspects_real", True),
)


def rows_of(run: Run) -> Stats:
    """The rows of a run's charts, with its evaluations."""
    return charts.with_evaluations(run.stats(), evaluation.readable(run.path))


def best_of(rows: Stats) -> Best | None:
    """The best epoch, where at least MIN_MEASURED were measured."""
    measured = sum("swd" in charts.quality_of(row) for row in rows)
    return charts.best_epoch(rows) if measured >= MIN_MEASURED else None


def is_active(run: Run) -> bool:
    """Whether new epochs may still come by themselves."""
    return run.state() in ACTIVE | {"queued", "suspended"}


def side(run: Run) -> Json:
    """A run as a side of the epoch reel."""
    best = best_of(rows_of(run))
    return {
        "run": run.name,
        "sheets": sheets.listed(run),
        "kept": list(run.kept()),
        "best": best.epoch if best else None,
        "seeded": not sheets.is_imported(run),
    }


def chart_value(runs: list[Run]) -> Json:
    """The value of the live chart: the runs overlaid, and the report card of the first."""
    stats = [rows_of(run) for run in runs]
    found = {chart.y_title: chart for rows in stats for chart in charts.charts_of(rows)}
    return {
        "runs": [_curves(run, rows) for run, rows in zip(runs, stats, strict=True)],
        "charts": [_chart(chart, stats) for chart in found.values()],
        "card": _card(runs[0]),
    }


def step_charts(name: str, rows: Stats) -> Json:
    """The value of a live chart of the steps of a sandbox, `name` being what it is called."""
    curves = {"images": [None] * len(rows), "resumed": [], "best": None}
    return {
        "runs": [{"name": name, "epochs": [row["epoch"] for row in rows], **curves}],
        "charts": [_chart(chart, [rows]) for chart in charts.charts_of(rows)],
        "card": None,
        "x_title": _("Step"),
    }


def _curves(run: Run, rows: Stats) -> Json:
    best = best_of(rows)
    return {
        "name": run.name,
        "epochs": [row["epoch"] for row in rows],
        "images": charts.values(rows, "images_seen"),
        "resumed": charts.resumed(rows),
        "best": best.epoch if best else None,
    }


def _chart(chart: Chart, stats: list[Stats]) -> Json:
    figure = chart.lines[0].key.removeprefix("quality.")
    is_quality = chart.id not in TEXTS
    title, how = TEXTS.get(figure if is_quality else chart.id, (chart.y_title, ""))
    name = title if is_quality else ""
    lines = [
        asdict(line)
        | {"name": _(name or line.name)}
        | {"values": [charts.values(rows, line.key) for rows in stats]}
        for line in chart.lines
    ]
    texts = {"title": _(title), "how": _(how), "y_title": _(name or chart.y_title)}
    return asdict(chart) | texts | {"id": figure if is_quality else chart.id, "lines": lines}


def _card(run: Run) -> Json | None:
    entries = evaluation.readable(run.path)
    if not entries:
        return None
    epoch, entry = max(entries.items())
    rows = []
    for name, part, key, real, is_share in CARD:
        found = evaluation.part(entry, part)
        value, reference = finite(found.get(key)), finite(found.get(real))
        if value is None:
            continue
        text = _number(value, is_share)
        if reference is not None:
            of_photos = _number(reference, is_share)
            text = _("{value} (photos: {photos})").format(value=text, photos=of_photos)
        rows.append({"name": _(TEXTS[name][0]), "value": text, "how": _(TEXTS[name][1])})
    title = _("Report card: epoch {epoch}, {count:,} faces").format(
        epoch=epoch, count=int(finite(entry.get("n_fake")) or 0)
    )
    return {"title": title, "rows": rows} if rows else None


def _number(value: float, is_share: bool) -> str:
    return f"{100 * value:.1f} %" if is_share else f"{value:.3g}"


def status(run: Run, *, has_message: bool) -> str:
    """A run's state, epochs, percent and time left, its best epoch and, if wanted, its message."""
    now = run.status()
    parts = [run.name, run_status.state_text(now, None)]
    if now.get("epochs") and now["state"] != "queued":
        parts.append(f"{run_status.epochs_done(now)} ({run_status.share_done(now):.0%})")
    if now["state"] == "running":
        parts.append(run_status.time_left(now))
    best = best_of(rows_of(run))
    if best:
        text = {
            "flaw_score": _("★ best: epoch {epoch} (flaw score {value:.2f})"),
            "swd": _("★ best: epoch {epoch} (SWD {value:.1f})"),
        }[best.figure]
        parts.append(text.format(epoch=best.epoch, value=best.value))
    is_explained = now["state"] in {"failed", "stopped", "damaged"} or sheets.is_imported(run)
    if has_message and is_explained:
        parts.append(run_status.message(now))
    names = ", ".join(sorted({error.path.name for error in run.damaged()}))
    if names:
        parts.append(_("Damaged, so that parts are missing here: {files}").format(files=names))
    return " · ".join(filter(None, parts))


def judged(run: Run) -> str:
    """The verdict on a run in words, with its evidence and one thing to try."""
    found = verdict.judge(run.stats())
    if found is None:
        return _("No figures yet: the first ones come when its first epoch is done.")
    return " ".join(catalogue.translate(part) for part in (found.sentence, found.advice) if part)


def with_the_same_start(runs: list[Run]) -> tuple[Run, Run] | None:
    """A classic and a modern run on the same data from the same start; None if there are none."""
    found: dict[Any, dict[str, Run]] = {}
    for run in runs:
        try:
            settings, data = run.config().get("settings") or {}, run.dataset_fingerprint()
        except UserError:
            continue
        if data and run.sheets():
            start = (data, *(str(settings.get(key) or "") for key in ("start_from", "epochs")))
            pair = found.setdefault(start, {})
            pair.setdefault(str(settings.get("recipe")), run)
            if {"classic", "modern"} <= pair.keys():
                return pair["classic"], pair["modern"]
    return None
