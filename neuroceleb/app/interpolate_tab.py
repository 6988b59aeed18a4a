"""The Interpolate tab: interpolations between faces, scrubbed. Drawn by `interpolate.js`."""

import gradio as gr

from neuroceleb import video
from neuroceleb.app import interpolate_api, theme
from neuroceleb.app.generate_tab import TRAIN_COMMAND
from neuroceleb.latent import interpolation

FIRST_KEYS = (12, 57)
FIRST_FRAMES = 63  # of a leg: 64 in all


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={
            "keys": FIRST_KEYS,
            "min_keys": interpolation.MIN_KEYS,
            "max_keys": interpolation.MAX_KEYS,
            "frames": FIRST_FRAMES,
            "max_frames": interpolate_api.MAX_FRAMES_PER_LEG,
            "methods": list(interpolation.METHODS),
            "easings": list(interpolation.EASINGS),
            "suffixes": list(video.SUFFIXES),
            "scales": interpolate_api.SCALES,
            "columns": interpolate_api.COLUMNS,
            "piece": interpolate_api.PIECE,
            "command": TRAIN_COMMAND,
        },
        html_template='<div class="nc-walk"></div>',
        js_on_load=theme.asset("interpolate.js"),
        apply_default_css=False,
        elem_id="walk",
    )
