"""The face picker alone: eight faces, one of which is picked.

.venv/bin/python -m uvicorn docs.components.face_picker:app --port 7861
"""

import gradio as gr
from fastapi import FastAPI

from neuroceleb.app import faces
from neuroceleb.app.components import module_html
from neuroceleb.app.components.face_picker import FacePicker
from neuroceleb.app.payloads import data_url
from neuroceleb.runs.workspace import Workspace, default_workspace

workspace = Workspace(default_workspace())
request = faces.read_request(workspace, "celeba-mini-classic", None, "0-7", 8, 1)
items = [
    {"png": data_url(png), "label": f"Seed {seed}", "pick": seed, "caption": name}
    for seed, (name, png) in zip(request.seeds, faces.pngs(request), strict=True)
]


def describe(event: gr.EventData) -> str:
    return f"Seed {event.pick}"


with gr.Blocks() as demo:
    picker = FacePicker({"title": "Pick a face", "faces": items})
    picker.pick(describe, outputs=gr.Textbox(label="Picked", elem_id="picked"))

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
