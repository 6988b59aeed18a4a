"""The epoch reel and the live chart together: the chart marks the epoch that the reel shows.

.venv/bin/python -m uvicorn docs.components.epoch_reel:app --port 7861
"""

from typing import Any

import gradio as gr
from fastapi import FastAPI, Response
from plotly.offline import get_plotlyjs

from neuroceleb.app import sheets as sample_sheets
from neuroceleb.app.components import module_html
from neuroceleb.app.components.epoch_reel import EpochReel
from neuroceleb.app.components.live_chart import LiveChart
from neuroceleb.app.tabs.progress import figures
from neuroceleb.runs.workspace import Workspace, default_workspace

workspace = Workspace(default_workspace())
run = workspace.run("celeba-mini-classic")


def sheets(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"value": sample_sheets.previews(workspace, wanted)}


def strip(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"value": sample_sheets.strip(workspace, wanted)}


with gr.Blocks() as demo:
    EpochReel({"a": figures.side(run), "b": None}, sheets=sheets, strip=strip)
    LiveChart(figures.chart_value([run]))

app = FastAPI()
app.get("/plotly.js")(lambda: Response(get_plotlyjs(), media_type="text/javascript"))
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
