"""The Train tab: start, watch and stop trainings. Drawn by `train.js` from `train_api`."""

import gradio as gr

from neuroceleb.app import theme, train_api
from neuroceleb.settings import RECIPES


def build(_: gr.Tab) -> None:
    """Lay out the tab."""
    gr.HTML(
        value={"settings": train_api.settings_spec(), "recipes": RECIPES},
        html_template='<div class="nc-train"></div>',
        js_on_load=theme.asset("train.js"),
        apply_default_css=False,
        elem_id="training",
    )
