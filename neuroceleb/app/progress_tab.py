"""The Progress tab: how a run learned. Drawn by `progress.js` from what `progress_api` answers."""

import gradio as gr

from neuroceleb.app import theme
from neuroceleb.app.faces import SHIPPED_MODEL
from neuroceleb.app.generate_tab import TRAIN_COMMAND

SCRIPTS = ("progress_sheets.js", "progress_charts.js", "progress_tour.js", "progress.js")


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={"command": TRAIN_COMMAND, "shipped": SHIPPED_MODEL},
        html_template='<div class="nc-progress"></div>',
        js_on_load="\n".join(theme.asset(name) for name in SCRIPTS),
        apply_default_css=False,
        elem_id="course",
    )
