"""The button that saves a model as one HTML file, which generates faces without a network."""

import gradio as gr

from neuroceleb.app import faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.downloads import save_on_click
from neuroceleb.app.shared import Shared


def add_button(shared: Shared) -> None:
    """Lay the button out here; it saves the model that is chosen for all tabs."""
    button = gr.Button(label("Take it with you (HTML)"), elem_classes="nc-export")
    save_on_click(shared, button, save_html, [shared.model, shared.epoch])


def save_html(context: Context, model: str | None, epoch: int | None) -> str:
    """The HTML file of a model, see `export.html`. Raises UserError without weights."""
    from neuroceleb.export import html

    run, number, weights = faces.read_model(context.workspace, model, epoch)
    out = context.new_file(f"{run.name}_epoch_{number:03d}.html")
    html.save(out, weights, run)
    return str(out)
