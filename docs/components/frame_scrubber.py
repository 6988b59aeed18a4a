"""The frame scrubber alone: 48 frames between three faces, in one sprite.

.venv/bin/python -m uvicorn docs.components.frame_scrubber:app --port 7861
"""

import gradio as gr
from fastapi import FastAPI

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.components import module_html
from neuroceleb.app.components.frame_scrubber import COLUMNS, PIECE, FrameScrubber
from neuroceleb.app.payloads import data_url
from neuroceleb.latent.interpolation import interpolate, key_frames
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.runs.workspace import Workspace, default_workspace

SEEDS, FRAMES = [3, 14, 15], 48
run = Workspace(default_workspace()).run("celeba-mini-classic")
model = faces.load_model(run.weights())
path = interpolate(z_from_seeds(SEEDS, model.nz), FRAMES)
value = {
    "frames": FRAMES,
    "keys": key_frames(len(SEEDS), FRAMES),
    "names": [f"Seed {seed}" for seed in SEEDS],
    "piece": data_url(images.sprite(model.images(path), COLUMNS), "webp"),
    "piece_frames": PIECE,
    "columns": COLUMNS,
    "fps": 24,
    "loop": False,
}

with gr.Blocks() as demo:
    FrameScrubber(value)

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
