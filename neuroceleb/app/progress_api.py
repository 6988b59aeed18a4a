"""The Progress tab's routes: a run's state, sample sheets and figures as JSON; its timelapse."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, StreamingResponse

from neuroceleb.app import catalogue, face_strips, sheet_previews, timelapse_files
from neuroceleb.app.access import is_loopback
from neuroceleb.app.background import Tasks
from neuroceleb.app.face_strips import is_imported
from neuroceleb.app.faces import SHIPPED_MODEL
from neuroceleb.app.parameters import read_text
from neuroceleb.app.payloads import JsonBody
from neuroceleb.app.sheet_previews import is_small
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import charts, evaluation, import_2017
from neuroceleb.runs.charts import Stats
from neuroceleb.runs.run import ACTIVE, Run
from neuroceleb.runs.workspace import Workspace

ETA_STEP_S = 10


def shown_runs(workspace: Workspace) -> list[Run]:
    """The runs that have something to show or are active, the one to show first at the front."""
    runs = [run for run in workspace.runs() if run.sheets() or run.stats() or is_active(run)]
    return sorted(runs, key=lambda run: (not is_active(run), run.name != SHIPPED_MODEL, run.name))


def is_active(run: Run) -> bool:
    """Whether new epochs may still come by themselves."""
    return run.state() in ACTIVE | {"queued"}


def read_run(workspace: Workspace, name: Any) -> Run:
    """The run of that name; raises UserError for anything else."""
    return workspace.run(read_text(name, Message("No run is chosen: choose one of the list.")))


def overview(workspace: Workspace, name: str, other: str) -> dict[str, Any]:
    """What the tab shows: all runs, the chosen one, and the one compared with it, if any.

    A run that does not exist is replaced by the first; `stamp` changes whenever the answer does.
    """
    runs = shown_runs(workspace)
    names = [run.name for run in runs]
    chosen = name if name in names else next(iter(names), None)
    value = {
        "runs": [{"name": run.name, "state": run.state(), "recipe": _recipe(run)} for run in runs],
        "run": describe(workspace.run(chosen)) if chosen else None,
        "other": describe(workspace.run(other)) if other in names else None,
    }
    stamp = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
    return {"stamp": stamp, **value}


def describe(run: Run) -> dict[str, Any]:
    """One run: state, sample sheets, kept weights, best epoch, and the figures of its charts."""
    stats = charts.with_evaluations(run.stats(), evaluation.readable(run.path))
    status = run.status()
    best = charts.best_epoch(stats)
    return {
        "name": run.name,
        "state": status["state"],
        "message": catalogue.sentence(status, "message"),
        "epochs": status.get("epochs"),
        "eta_seconds": _rounded(status.get("eta_seconds")),
        "imported": is_imported(run),
        "recipe": _recipe(run),
        "sheets": [sheet_line(epoch, path) for epoch, path in run.sheets().items()],
        "kept": list(run.kept()),
        "figures": figures(stats),
        "best": asdict(best) if best else None,
    }


def figures(stats: Stats) -> dict[str, Any]:
    """The charts of a run, each with the values of its lines; epochs and images on the x axis."""
    return {
        "epochs": [row["epoch"] for row in stats],
        "images": charts.values(stats, "images_seen"),
        "resumed": charts.resumed(stats),
        "charts": [
            {
                **{key: value for key, value in asdict(chart).items() if key != "lines"},
                "lines": [
                    {**asdict(line), "values": charts.values(stats, line.key)}
                    for line in chart.lines
                ],
            }
            for chart in charts.charts_of(stats)
        ],
    }


def sheet_line(epoch: int, path: Path) -> dict[str, Any]:
    """One sheet: its epoch, a stamp of its content, whether it is small enough without preview."""
    stamp, size = _stamp(path)
    return {"epoch": epoch, "v": f"{stamp:x}-{size:x}", "light": is_small(size)}


def sheet_file(workspace: Workspace, name: str, epoch: int) -> Path:
    """The file of one sample sheet; raises UserError where the run has none for that epoch."""
    sheets = workspace.run(name).sheets()
    if epoch not in sheets:
        raise UserError(
            "The run '{name}' has no sample sheet of epoch {epoch}.", name=name, epoch=epoch
        )
    return sheets[epoch]


def _recipe(run: Run) -> str:
    try:
        return str(run.config().get("recipe", ""))
    except UserError:
        return ""


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = os.stat(path)
    except OSError:  # deleted since it was listed
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _rounded(seconds: Any) -> int | None:
    """Rounded, so that the stamp does not change every second."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return round(seconds / ETA_STEP_S) * ETA_STEP_S if is_number else None


def import_run(workspace: Workspace, is_local: bool, values: dict[str, Any]) -> str:
    """Import a folder of this machine, for visitors on it only; returns the new run's name."""
    if not is_local:
        raise UserError(
            "A folder of this machine can be imported only by who sits at it: use the verb import."
        )
    folder = read_text(
        values.get("folder"),
        Message("No folder is named: write where the original script's files are."),
    )
    name = read_text(values.get("name"), Message("The run has no name yet: give it one."))
    return import_2017.import_folder(Path(folder), workspace, name).name


def add_routes(app: FastAPI, workspace: Workspace, tasks: Tasks, host: str) -> None:
    """`progress` to watch; `progress/reel`, `strip`, `seed`, `timelapse`, `import`."""
    is_local = is_loopback(host)

    @app.get("/progress")
    def watch(run: str = "", other: str = "", stamp: str = "") -> Response:
        value = overview(workspace, run, other)
        if value["stamp"] == stamp:
            return Response(status_code=204)
        return JSONResponse({**value, "may_import": is_local})

    @app.get("/progress/reel")
    def previews(run: str, epochs: str) -> StreamingResponse:
        requested = sheet_previews.read_epochs(epochs)
        data = sheet_previews.pack(read_run(workspace, run), requested)
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(data, headers=headers, media_type="application/octet-stream")

    @app.get("/progress/strip")
    def strip(run: str, face: int) -> dict[str, Any]:
        return face_strips.from_sheets(read_run(workspace, run), face)

    @app.post("/progress/seed")
    def seed(body: JsonBody) -> dict[str, Any]:
        return face_strips.from_weights(read_run(workspace, body.get("run")), body.get("face"))

    @app.post("/progress/timelapse")
    def start_timelapse(body: JsonBody) -> dict[str, str]:
        run = read_run(workspace, body.get("run"))
        return {"task": timelapse_files.submit(run, tasks, body).key}

    @app.post("/progress/import")
    def start_import(body: JsonBody) -> dict[str, str]:
        return {"run": import_run(workspace, is_local, body)}
