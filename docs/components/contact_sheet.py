"""The contact sheet alone, and the events of its buttons.

.venv/bin/python -m uvicorn docs.components.contact_sheet:app --port 7861
"""

import gradio as gr
from fastapi import FastAPI

from neuroceleb.app import faces
from neuroceleb.app.components import module_html
from neuroceleb.app.components.contact_sheet import ContactSheet
from neuroceleb.app.face_items import items_of_seeds
from neuroceleb.runs.workspace import Workspace, default_workspace

workspace = Workspace(default_workspace())
request = faces.read_request(workspace, "celeba-mini-classic", None, "0-11", 12, 1)


def describe(event: gr.EventData) -> str:
    return f"{event.to}: seed {event.face['seed']}"


with gr.Blocks() as demo:
    sheet = ContactSheet(items_of_seeds(request), leads=["start", "end"])
    sheet.lead(describe, outputs=gr.Textbox(label="A face was sent to", elem_id="sent"))

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
