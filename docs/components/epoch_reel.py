"""The epoch reel and the live chart alone: python docs/components/epoch_reel.py

Then open http://127.0.0.1:7861.
"""

import gradio as gr
import uvicorn
from fastapi import FastAPI, Response
from plotly.offline import get_plotlyjs

from neuroceleb.app import sheets
from neuroceleb.app.components import module_html
from neuroceleb.app.components.epoch_reel import EpochReel
from neuroceleb.app.components.live_chart import LiveChart
from neuroceleb.app.tabs.progress import figures
from neuroceleb.runs.workspace import Workspace, default_workspace

workspace = Workspace(default_workspace())
run = workspace.run("celeba-mini-classic")
app = FastAPI()
app.get("/plotly.js")(lambda: Response(get_plotlyjs(), media_type="text/javascript"))
module_html.add_files(app)


def previews(wanted: dict) -> list[str]:
    return sheets.previews(workspace, wanted)


def strip(wanted: dict) -> dict:
    return sheets.strip(workspace, wanted)


previews.__name__ = "sheets"
with gr.Blocks() as demo:
    EpochReel({"a": figures.side(run), "b": None}, sheets=previews, strip=strip)
    LiveChart(figures.chart_value([run]))

if __name__ == "__main__":
    gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
    uvicorn.run(app, host="127.0.0.1", port=7861, log_level="warning")
