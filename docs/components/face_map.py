"""The face map alone: 100 faces of a model; one that is clicked is named.

.venv/bin/python -m uvicorn docs.components.face_map:app --port 7861
"""

import gradio as gr
from fastapi import FastAPI

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.components import module_html
from neuroceleb.app.components.face_map import FaceMap
from neuroceleb.app.payloads import data_url
from neuroceleb.latent import face_map
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.runs.workspace import Workspace, default_workspace

COLUMNS = 10
run = Workspace(default_workspace()).run("celeba-mini-classic")
model = faces.load_model(run.weights())
drawn = model.images(z_from_seeds(range(100), model.nz))
points = face_map.compute(drawn)
value = {
    "sheet": data_url(images.sprite(drawn, COLUMNS, ".jpg"), "jpeg"),
    "columns": COLUMNS,
    "layouts": {"tsne": points.tsne.tolist(), "pca": points.pca.tolist()},
    "colours": points.colours.tolist(),
}


def describe(event: gr.EventData) -> str:
    return f"Seed {event.index}"


with gr.Blocks() as demo:
    shown = FaceMap(value, layout="tsne")
    shown.pick(describe, outputs=gr.Textbox(label="Picked", elem_id="picked"))

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
