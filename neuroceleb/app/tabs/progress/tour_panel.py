"""The panel of the guided tour: a step's texts, the reel as it needs it, a lead to its tool."""

import secrets
from dataclasses import dataclass
from typing import Any

import gradio as gr

from neuroceleb.app import faces, sheets
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.components.epoch_reel import EpochReel
from neuroceleb.app.components.text import Text
from neuroceleb.app.shared import Lead, Shared
from neuroceleb.app.tabs.progress import tour
from neuroceleb.errors import UserError


@dataclass(frozen=True)
class TourPanel:
    """The components of the tour."""

    box: Any  # a column
    title: Text
    text: Text
    back: gr.Button
    on: gr.Button
    step: gr.Number
    tool: gr.Button
    end: gr.Button


def lay_out() -> TourPanel:
    """The panel, hidden until the tour is started."""
    with gr.Column(visible=False, elem_id="tour-box") as box:
        title, text = Text(elem_id="tour-title"), Text(elem_id="tour-text")
        with gr.Row(elem_classes="nc-bar"):
            back = gr.Button(label("Back"), elem_id="tour-back")
            on = gr.Button(label("Next"), variant="primary", elem_id="tour-next")
            tool = gr.Button(label("Open it in Explore"), elem_id="tour-tool", visible=False)
            end = gr.Button(label("End the tour"), elem_id="tour-end")
    return TourPanel(box, title, text, back, on, gr.Number(0, visible=False), tool, end)


def connect(shared: Shared, panel: TourPanel, start: gr.Button, reel: EpochReel) -> None:
    """Connect all buttons but the one that ends the tour, after which the tab draws all anew."""
    inputs = [shared.model, panel.step]
    texts: list[Any] = [panel.box, panel.title, panel.text, panel.back, panel.on, panel.step]
    for button, to in ((start, "0"), (panel.back, "step - 1"), (panel.on, "step + 1")):
        script = f"(model, step) => [model, {to}]"
        shared.listen(button.click, take_step, inputs, [*texts, reel, panel.tool], js=script)
    shared.listen(panel.tool.click, lead_to_tool, inputs, [shared.handover])


def take_step(context: Context, model: str | None, step: float) -> tuple[Any, ...]:
    """A step of the tour: its texts, and the reel as it needs it."""
    at = max(0, min(len(tour.STEPS) - 1, int(step)))
    title, text, value = tour.step_of(
        sheets.read_run(context.workspace, model), context.workspace.runs(), at
    )
    value["command"]["id"] = secrets.token_hex(4)
    buttons = gr.update(interactive=at > 0), gr.update(interactive=at < len(tour.STEPS) - 1)
    tool = gr.update(visible=tour.tool_of(at) is not None)
    return gr.update(visible=True), title, text, *buttons, at, value, tool


def end_tour(context: Context) -> tuple[Any, str]:
    """Close the tour; what is shown is then drawn anew."""
    return gr.update(visible=False), ""


def lead_to_tool(context: Context, model: str | None, step: float) -> str:
    """A lead to the tool of Explore that a step of the tour is about, with the first face."""
    tool = tour.tool_of(int(step))
    if tool is None:
        raise UserError("This step of the tour has no tool: go on to the next.")
    return Lead(
        tool, {"model": sheets.read_run(context.workspace, model).name, "seed": faces.FIRST_SEED}
    ).to_text()
