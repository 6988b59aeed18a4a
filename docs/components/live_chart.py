"""The live chart alone: the figures of a run. It needs Plotly's script at `plotly.js`.

.venv/bin/python -m uvicorn docs.components.live_chart:app --port 7861
"""

import gradio as gr
from fastapi import FastAPI, Response
from plotly.offline import get_plotlyjs

from neuroceleb.app.components import module_html
from neuroceleb.app.components.live_chart import LiveChart
from neuroceleb.app.tabs.progress import figures
from neuroceleb.runs.workspace import Workspace, default_workspace

run = Workspace(default_workspace()).run("celeba-mini-classic")

with gr.Blocks() as demo:
    LiveChart(figures.chart_value([run]))

app = FastAPI()
app.get("/plotly.js")(lambda: Response(get_plotlyjs(), media_type="text/javascript"))
module_html.add_files(app)
gr.mount_gradio_app(app, demo, path="/", head=module_html.head())
