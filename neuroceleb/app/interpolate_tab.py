"""The Interpolate tab: walks between faces, scrubbed in the page. Drawn by `interpolate.js`."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse

from neuroceleb import images, video
from neuroceleb.app import faces, interpolate_api, theme
from neuroceleb.app.generate_tab import TRAIN_COMMAND, data_url
from neuroceleb.app.requests import Wishes, file_headers
from neuroceleb.errors import UserError
from neuroceleb.latent import interpolation
from neuroceleb.runs.workspace import Workspace

FIRST_KEYS = (12, 57)
FIRST_FRAMES = 63  # of a leg: 64 in all


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={
            "keys": FIRST_KEYS,
            "min_keys": interpolation.MIN_KEYS,
            "max_keys": interpolation.MAX_KEYS,
            "frames": FIRST_FRAMES,
            "max_frames": interpolate_api.MAX_FRAMES_PER_LEG,
            "methods": list(interpolation.METHODS),
            "easings": list(interpolation.EASINGS),
            "suffixes": list(video.SUFFIXES),
            "scales": interpolate_api.SCALES,
            "columns": interpolate_api.COLUMNS,
            "piece": interpolate_api.PIECE,
            "command": TRAIN_COMMAND,
        },
        html_template='<div class="nc-walk"></div>',
        js_on_load=theme.asset("interpolate.js"),
        apply_default_css=False,
        elem_id="walk",
    )


def add_routes(app: FastAPI, workspace: Workspace) -> Callable[[], None]:
    """The addresses the tab asks: frames of a walk, one of its faces, films; returns the end."""
    studio = interpolate_api.Studio()

    @app.post("/walk")
    def frames(wishes: Wishes) -> Response:
        walk = interpolate_api.read_walk(workspace, wishes)
        start = faces.read_whole(wishes.get("start", 0), "The first frame")
        count = min(interpolate_api.PIECE, len(walk.z) - start)
        headers = {
            "Walk-Frames": str(len(walk.z)),
            "Walk-Keys": ",".join(map(str, walk.key_frames)),
        }
        sprite = interpolate_api.sprite(walk, start, count)
        return Response(sprite, headers=headers, media_type="image/webp")

    @app.post("/walk/face")
    def face(wishes: Wishes) -> dict[str, Any]:
        walk = interpolate_api.read_walk(workspace, wishes)
        frame = faces.read_whole(wishes.get("frame"), "The frame")
        if not 0 <= frame < len(walk.z):
            raise UserError(f"Frame {frame} of this walk is not there: it has {len(walk.z)}.")
        picked = walk.face(frame)
        png = images.encode(faces.draw_picked([picked])[0], ".png", picked.recipe)
        return {"face": picked.as_page(), "name": picked.name, "png": data_url(png)}

    @app.post("/walk/films")
    def start(wishes: Wishes) -> dict[str, str]:
        return {"film": studio.start(interpolate_api.read_walk(workspace, wishes), wishes)}

    @app.get("/walk/films/{name}")
    def progress(name: str) -> dict[str, Any]:
        return studio.film(name).as_page()

    @app.get("/walk/films/{name}/file")
    def film(name: str) -> FileResponse:
        made = studio.film(name)
        if made.state != "ready":
            raise UserError("That film is not ready yet: wait until it is.")
        return FileResponse(made.path, headers=file_headers(made.name))

    @app.delete("/walk/films/{name}")
    def give_up(name: str) -> dict[str, str]:
        studio.give_up(name)
        return {}

    return studio.close
