"""The Explore tab: one face, and tools to walk around it in latent space."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from neuroceleb.app import faces, html_export
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.components.face_map import FaceMap
from neuroceleb.app.components.latent_palette import LatentPalette
from neuroceleb.app.shared import (
    EXPLORE,
    Address,
    Chosen,
    Inbox,
    Lead,
    Shared,
    Updates,
    new_inbox,
)
from neuroceleb.app.tabs.explore import (
    face_listeners,
    heatmap_tool,
    layers_tool,
    panels,
    sandbox_tool,
)
from neuroceleb.app.tabs.explore.face_listeners import DIRECTIONS, FIRST, TOOLS

TITLES = {
    "directions": label("Directions"),
    "arithmetic": label("Arithmetic"),
    "map": label("Map"),
    "photo": label("From a photo"),
    "nearest": label("Is it a copy?"),
    "layers": label("Through the layers"),
    "heatmap": label("What D sees"),
    "sandbox": label("One step at a time"),
}


@dataclass(frozen=True)
class Explore:
    """The components of the tab that its address or another tab sets."""

    tool: gr.Radio
    side: gr.Column
    arithmetic: gr.Column  # a column for each tool but Directions, whose sliders are the palette's
    map: gr.Column
    photo: gr.Column
    nearest: gr.Column
    layers: gr.Column
    heatmap: gr.Column
    sandbox: gr.Column
    terms: gr.Textbox
    incoming: gr.Textbox
    palette: LatentPalette
    face: gr.Textbox
    seed: gr.Number
    numbers: gr.Textbox
    face_map: FaceMap
    of_arithmetic: gr.Textbox
    of_map: gr.Textbox
    of_nearest: gr.Textbox
    of_layers: gr.Textbox
    of_heatmap: gr.Textbox

    def columns(self) -> list[Any]:
        """The column beside the face, and one for each tool within it (see `visible`)."""
        tools = [self.arithmetic, self.map, self.photo, self.nearest]
        return [self.side, *tools, self.layers, self.heatmap, self.sandbox]

    def of_face(self) -> list[Any]:
        """What shows the face: the outputs of `face_listeners.show`."""
        depending = [self.of_arithmetic, self.of_map, self.of_nearest]
        shown = [self.palette, self.face, self.seed, self.numbers, self.face_map]
        return [*shown, *depending, self.of_layers, self.of_heatmap]


def build(shared: Shared, tab: gr.Tab) -> Explore:
    """Lay out the tab and connect its listeners."""
    with gr.Row(elem_classes="nc-controls"):
        tool = gr.Radio(
            [(TITLES[name], name) for name in TOOLS],
            value=DIRECTIONS,
            label=label("Tool"),
            elem_id="explore-tool",
        )
        seed = gr.Number(
            faces.FIRST_SEED, label=label("Seed"), precision=0, minimum=0, elem_id="explore-seed"
        )
        dice = gr.Button(label("New face"), variant="primary", elem_id="explore-dice")
        average = gr.Button(label("Average face"), elem_id="explore-average")
        html_export.add_button(shared)
    # Not in a column of a tool: Gradio shows what is hidden in one when it opens it again.
    face, of_arithmetic, of_map, of_nearest, of_layers, of_heatmap, terms = (
        gr.Textbox(visible="hidden") for _name in range(7)
    )
    inbox = new_inbox()
    with gr.Accordion(label("Its numbers"), open=False, render=False) as accordion:
        numbers = gr.Textbox(
            label=label("z, one number after the other"),
            info=label("Paste others and press Enter to see their face."),
            max_lines=4,
            buttons=["copy"],
            elem_id="explore-z",
        )
    face_map = FaceMap(elem_id="map", render=False)
    with gr.Row(elem_id="explore-body"):
        palette = LatentPalette(elem_id="explore-face")
        depending = [of_arithmetic, of_map, of_nearest, of_layers, of_heatmap]
        shown: Any = [palette, face, seed, numbers, face_map, *depending]
        drawn = (of_arithmetic, of_map, of_nearest)
        parts = panels.Parts(tool, face, shown, face_map, *drawn, terms)
        with gr.Column(visible=False, elem_id="explore-tools") as side:
            with gr.Column(visible=False) as arithmetic:
                changes = panels.build_arithmetic(shared, parts)
            with gr.Column(visible=False) as map_:
                changes += panels.build_map(shared, parts)
            with gr.Column(visible=False) as photo:
                changes += panels.build_photo(shared, parts)
            with gr.Column(visible=False) as nearest:
                changes += panels.build_nearest(shared, parts)
            with gr.Column(visible=False) as layers:
                layers_tool.build(shared, face, of_layers)
            with gr.Column(visible=False) as heatmap:
                changes += heatmap_tool.build(shared, parts, of_heatmap)
            with gr.Column(visible=False) as sandbox:
                sandbox_tool.build(shared)
    accordion.render()
    columns = (side, arithmetic, map_, photo, nearest, layers, heatmap, sandbox)
    ui = Explore(tool, *columns, terms, inbox.incoming, *shown)
    _connect(shared, tab, ui, inbox, (dice, average), changes)
    return ui


def _connect(
    shared: Shared,
    tab: gr.Tab,
    ui: Explore,
    inbox: Inbox,
    new: tuple[gr.Button, gr.Button],
    changes: list[Any],
) -> None:
    """Connect the listeners; `changes` are the events by which tools change the face."""
    listen, on, (dice, average) = shared.listen, face_listeners, new
    request = [shared.model, shared.epoch, ui.tool]
    shown, columns = ui.of_face(), ui.columns()
    shared.refresh(tab, EXPLORE, on.show, [*request, ui.face], shown, inbox)
    opened = listen(ui.tool.input, open_tool, [*request, ui.face], [*columns, *shown])
    received = shared.receive(inbox, receive, request, [ui.tool, *columns, *shown])
    chosen = [
        listen(dice.click, on.new_face, request, shown),
        listen(average.click, on.average_face, request, shown),
        listen(ui.numbers.submit, on.use_numbers, [*request, ui.numbers], shown),
    ]
    moved = [
        listen(ui.palette.move, on.move, request, shown),
        listen(ui.seed.input, on.type_seed, [*request, ui.seed], shown),
        listen(ui.seed.submit, on.use_seed, [*request, ui.seed], shown),
        opened,
        received,
    ]
    listen(ui.palette.refine, on.refine, [shared.model, shared.epoch, ui.face], [ui.palette])
    listen(ui.palette.rename, on.rename, [shared.model, shared.epoch, ui.face])
    steps = [*changes, *(one.success for one in chosen)]
    shared.address(ui.tool, "tool", DIRECTIONS, is_step=True)
    shared.address(ui.tool, "tool", DIRECTIONS, is_step=False, after=[received.success])
    shared.address(ui.face, "face", FIRST, is_step=True, after=steps)
    shared.address(ui.face, "face", FIRST, is_step=False, after=[one.success for one in moved])
    shared.address(ui.terms, "sum", "", is_step=False, after=changes)


def restore(context: Context, ui: Explore, address: Address, chosen: Chosen | None) -> Updates:
    """The components as an address names them; with the face where the tab is open (`chosen`)."""
    wanted = address.get("tool", DIRECTIONS)
    tool = wanted if wanted in TOOLS else DIRECTIONS
    text = address.get("face", FIRST)
    updates: Updates = {ui.tool: tool, ui.face: text, ui.terms: address.get("sum", "")}
    updates |= dict(zip(ui.columns(), visible(tool), strict=True))
    if chosen is None:
        return updates
    shown = face_listeners.show(context, chosen.model, chosen.epoch, tool, text)
    return updates | dict(zip(ui.of_face(), shown, strict=True))


def visible(tool: str) -> list[Any]:
    """Show the column of a tool, and none beside the palette's own sliders."""
    others = [name for name in TOOLS if name != DIRECTIONS]
    shown = [tool != DIRECTIONS, *(name == tool for name in others)]
    return [gr.update(visible=is_visible) for is_visible in shown]


def open_tool(
    context: Context, model: str | None, epoch: int | None, tool: str, text: str
) -> tuple[Any, ...]:
    """Show a tool."""
    return *visible(tool), *face_listeners.show(context, model, epoch, tool, text)


def receive(
    context: Context, lead: Lead, model: str, epoch: int | None, tool: str
) -> tuple[Any, ...]:
    """Show a face that another tab sends, with the tool that it is sent to."""
    wanted, *shown = face_listeners.receive(context, lead, model, epoch, tool)
    return wanted, *visible(wanted), *shown


def lead_events(ui: Explore) -> list[Any]:
    """The events that send a face to another tab."""
    return [ui.palette.lead]
