"""The Explore tab. Drawn by its scripts from what `explore_api` answers."""

import gradio as gr

from neuroceleb.app import theme

SCRIPTS = (
    "explore_requests.js",
    "explore_stage.js",
    "explore_directions.js",
    "explore_palette.js",
    "explore_arithmetic.js",
    "explore_map.js",
    "explore_photo.js",
    "explore_nearest.js",
    "explore.js",
)


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value=None,
        html_template='<div class="nc-explore"></div>',
        js_on_load="\n".join(theme.asset(name) for name in SCRIPTS),
        apply_default_css=False,
        elem_id="exploring",
    )
