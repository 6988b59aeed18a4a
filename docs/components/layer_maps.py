"""The layers of G alone: the strongest maps for a face, over the epochs, and one of them changed.

.venv/bin/python -m uvicorn docs.components.layer_maps:app --port 7861
"""

import gradio as gr
from fastapi import FastAPI

from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.components import module_html
from neuroceleb.app.components.layer_maps import LayerMaps
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.tabs.explore import layers_tool
from neuroceleb.runs.workspace import Workspace, default_workspace

context = Context(Workspace(default_workspace()), Access(is_local=True))

with gr.Blocks() as demo:
    LayerMaps(
        layers_tool.fill(context, "celeba-mini-classic", None, "42"),
        epochs=bind_server_function(context, layers_tool.epochs),
        scaled=bind_server_function(context, layers_tool.scaled),
    )

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
