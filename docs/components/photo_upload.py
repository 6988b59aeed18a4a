"""The photo upload alone: takes all files but those that are no JPEG.

.venv/bin/python -m uvicorn docs.components.photo_upload:app --port 7861
"""

from typing import Any

import gradio as gr
from fastapi import FastAPI

from neuroceleb.app.components import module_html
from neuroceleb.app.components.photo_upload import PhotoUpload


def take(wanted: dict[str, Any]) -> dict[str, Any]:
    names = [name for name, _path in wanted["files"]]
    refused = [[name, "no JPEG"] for name in names if not name.lower().endswith(".jpg")]
    return {"value": {"batch": "1", "refused": refused}}


def describe(event: gr.EventData) -> str:
    return f"{event.sent} are here, {event.failed} are not"


with gr.Blocks() as demo:
    upload = PhotoUpload(take=take)
    sent = gr.Textbox(label="Sent", elem_id="sent")
    upload.sent(describe, outputs=sent, trigger_mode="always_last")

app = FastAPI()
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
