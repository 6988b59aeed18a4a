"""The latent palette alone: a face, and sliders that move it along the model's directions.

.venv/bin/python -m uvicorn docs.components.latent_palette:app --port 7861
"""

from typing import Any

import gradio as gr
from fastapi import FastAPI

from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.components import module_html
from neuroceleb.app.components.latent_palette import LatentPalette
from neuroceleb.app.tabs.explore import current
from neuroceleb.latent import model_cache, sheets
from neuroceleb.runs.workspace import Workspace, default_workspace

context = Context(Workspace(default_workspace()), Access(is_local=True))


def read(text: str) -> current.Current:
    return current.read(context, "celeba-mini-classic", None, text)


def move(event: gr.EventData) -> dict[str, Any]:
    shown = read(event.text)
    fine = current.frames(shown, sheets.FRAMES)
    return gr.update(value=current.palette(shown, True, can_name=False), frames=fine)


model_cache.compute_directions(read("42").model)
with gr.Blocks() as demo:
    palette = LatentPalette(current.palette(read("42"), True, can_name=False), leads=[])
    palette.move(move, None, palette)

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
