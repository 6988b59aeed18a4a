"""The Progress tab: how a run learned. Drawn by `progress.js` from what is told here over HTTP."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from neuroceleb.app import progress_api, sheet_previews, theme
from neuroceleb.app.access import is_loopback
from neuroceleb.app.faces import SHIPPED_MODEL
from neuroceleb.app.generate_tab import TRAIN_COMMAND
from neuroceleb.app.requests import Wishes
from neuroceleb.app.timelapse_files import Studio
from neuroceleb.errors import UserError
from neuroceleb.runs import import_2017
from neuroceleb.runs.workspace import Workspace

SCRIPTS = ("progress_sheets.js", "progress_charts.js", "progress_tour.js", "progress.js")


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={"command": TRAIN_COMMAND, "shipped": SHIPPED_MODEL},
        html_template='<div class="nc-progress"></div>',
        js_on_load="\n".join(theme.asset(name) for name in SCRIPTS),
        apply_default_css=False,
        elem_id="course",
    )


def add_routes(app: FastAPI, workspace: Workspace, host: str) -> None:
    """The tab's addresses, all under `progress`."""
    is_local = is_loopback(host)
    studio = Studio(workspace)

    @app.get("/progress")
    def watch(run: str = "", other: str = "", stamp: str = "") -> Response:
        value = progress_api.watch(workspace, run, other)
        if value["stamp"] == stamp:
            return Response(status_code=204)
        return JSONResponse({**value, "may_import": is_local})

    @app.get("/progress/reel")
    def reel(run: str, epochs: str) -> StreamingResponse:
        wanted = sheet_previews.read_epochs(epochs)
        pictures = sheet_previews.pack(progress_api.read_run(workspace, run), wanted)
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(pictures, headers=headers, media_type="application/octet-stream")

    @app.get("/progress/strip")
    def strip(run: str, face: int) -> dict[str, Any]:
        return sheet_previews.strip(progress_api.read_run(workspace, run), face)

    @app.post("/progress/seed")
    def seed(wishes: Wishes) -> dict[str, Any]:
        run = progress_api.read_run(workspace, wishes.get("run"))
        return sheet_previews.seed_strip(run, wishes.get("face"))

    @app.post("/progress/film")
    def start_film(wishes: Wishes) -> dict[str, str]:
        return {"film": studio.start(wishes)}

    @app.get("/progress/film/{key}")
    def look_at_film(key: str) -> dict[str, Any]:
        return studio.look(key)

    @app.post("/progress/film/{key}/give-up")
    def give_up_film(key: str) -> dict[str, str]:
        studio.give_up(key)
        return {}

    @app.get("/progress/film/{key}/file")
    def film_file(key: str) -> FileResponse:
        path, name = studio.file(key)
        headers = {"Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}"}
        return FileResponse(path, headers=headers)

    @app.post("/progress/import")
    def import_run(wishes: Wishes) -> dict[str, str]:
        return {"run": _import(workspace, is_local, wishes)}


def _import(workspace: Workspace, is_local: bool, wishes: dict[str, Any]) -> str:
    """Import a folder of this machine, for whoever sits at it; returns the new run's name."""
    if not is_local:
        raise UserError(
            "A folder of this machine can be imported only by who sits at it: use the verb import."
        )
    folder, name = wishes.get("folder"), wishes.get("name")
    if not isinstance(folder, str) or not folder.strip():
        raise UserError("No folder is named: write where the original script's files are.")
    if not isinstance(name, str) or not name.strip():
        raise UserError("The run has no name yet: give it one.")
    return import_2017.import_folder(Path(folder.strip()), workspace, name.strip()).name
