"""The photo grid alone: twelve faces that a click leaves out or keeps.

.venv/bin/python -m uvicorn docs.components.photo_grid:app --port 7861
"""

from typing import Any

import gradio as gr
from fastapi import FastAPI

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.components import module_html
from neuroceleb.app.components.photo_grid import PhotoGrid
from neuroceleb.app.payloads import data_url
from neuroceleb.runs.workspace import Workspace, default_workspace

COLUMNS = 6
workspace = Workspace(default_workspace())
drawn = faces.draw(faces.read_request(workspace, "celeba-mini-classic", None, "0-11", 12, 1))
one: dict[str, Any] = {"label": "", "kept": True, "by_hand": False, "note": "", "title": ""}
found = [
    one | {"id": str(seed), "name": f"{seed}.jpg", "photo": ["set", str(seed)], "boxes": []}
    for seed in range(len(drawn))
]
sprite = data_url(images.sprite(drawn, COLUMNS), "webp")
place = {"key": "all", "first": 0, "total": len(found), "page": 0, "pages": 1, "live": False}


def toggle(value: dict[str, Any], event: gr.EventData) -> dict[str, Any]:
    for face in value["faces"]:
        if face["id"] == event.face:
            face.update(kept=not face["kept"], by_hand=not face["by_hand"])
    return value


with gr.Blocks() as demo:
    grid = PhotoGrid({"faces": found, "sprite": sprite, "columns": COLUMNS, **place})
    grid.toggle(toggle, grid, grid)

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
