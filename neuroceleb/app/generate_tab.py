"""The Generate tab: a model, an epoch, seeds; a contact sheet of faces. Drawn by `generate.js`."""

import gradio as gr

from neuroceleb.app import faces, select_best, theme

TRAIN_COMMAND = "python -m neuroceleb train FOLDER --run NAME"
ROLLED_SEEDS = 1_000_000  # short enough to read out


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={
            "seed": faces.FIRST_SEED,
            "count": faces.FIRST_COUNT,
            "max_count": faces.MAX_COUNT,
            "max_best": select_best.MAX_BEST,
            "drawn_per_kept": select_best.DRAWN_PER_KEPT,
            "best_ms": select_best.DOCUMENTED_MS,
            "rolled": ROLLED_SEEDS,
            "command": TRAIN_COMMAND,
        },
        html_template='<div class="nc-generate"></div>',
        js_on_load=theme.asset("generate.js"),
        apply_default_css=False,
        elem_id="faces",
    )
