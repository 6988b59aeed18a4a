"""The Explore tab: one face, and tools to walk around it in latent space."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from neuroceleb.app import faces, html_export
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.components.latent_palette import LatentPalette
from neuroceleb.app.shared import EXPLORE, Address, Chosen, Shared, Updates
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
    of_arithmetic: gr.Textbox
    of_map: gr.Textbox
    of_nearest: gr.Textbox
    of_layers: gr.Textbox
    of_heatmap: gr.Textbox


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
    face, of_arithmetic, of_map, of_nearest, of_layers, of_heatmap, incoming = (
        gr.Textbox(visible="hidden") for _name in range(7)
    )
    with gr.Accordion(label("Its numbers"), open=False, render=False) as accordion:
        numbers = gr.Textbox(
            label=label("z, one number after the other"),
            info=label("Paste others and press Enter to see their face."),
            max_lines=4,
            buttons=["copy"],
            elem_id="explore-z",
        )
    with gr.Row(elem_id="explore-body"):
        palette = LatentPalette(elem_id="explore-face")
        depending = [of_arithmetic, of_map, of_nearest, of_layers, of_heatmap]
        shown: Any = [palette, face, seed, numbers, *depending]
        parts = panels.Parts(tool, face, shown, of_arithmetic, of_map, of_nearest)
        with gr.Column(visible=False, elem_id="explore-tools") as side:
            with gr.Column(visible=False) as arithmetic:
                terms, changes = panels.build_arithmetic(shared, parts)
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
    ui = Explore(tool, *columns, terms, incoming, *shown)

    request = [shared.model, shared.epoch, tool]
    shared.refresh(tab, EXPLORE, face_listeners.show, [*request, face], shown)
    listen, on = shared.listen, face_listeners
    opened = listen(tool.input, open_tool, [*request, face], [*columns, *shown])
    received = listen(incoming.change, receive, [*request, incoming], [tool, *columns, *shown])
    chosen = [
        listen(dice.click, on.new_face, request, shown),
        listen(average.click, on.average_face, request, shown),
        listen(numbers.submit, on.use_numbers, [*request, numbers], shown),
        received,
    ]
    moved = [
        listen(palette.move, on.move, request, shown),
        listen(seed.input, on.use_seed, [*request, seed], shown),
        opened,
    ]
    listen(palette.refine, on.refine, [shared.model, shared.epoch, face], [palette])
    listen(palette.rename, on.rename, [shared.model, shared.epoch, face])
    steps = [*changes, *(one.success for one in chosen)]
    shared.address(tool, "tool", DIRECTIONS, is_step=True, after=[received.success])
    shared.address(face, "face", FIRST, is_step=True, after=steps)
    shared.address(face, "face", FIRST, is_step=False, after=[one.success for one in moved])
    shared.address(terms, "sum", "", is_step=False, after=changes)
    return ui


def restore(context: Context, ui: Explore, address: Address, chosen: Chosen | None) -> Updates:
    """The components as an address names them; with the face where the tab is open (`chosen`)."""
    wanted = address.get("tool", DIRECTIONS)
    tool = wanted if wanted in TOOLS else DIRECTIONS
    text = address.get("face", FIRST)
    updates: Updates = {ui.tool: tool, ui.face: text, ui.terms: address.get("sum", "")}
    columns = [ui.side, ui.arithmetic, ui.map, ui.photo, ui.nearest]
    columns += [ui.layers, ui.heatmap, ui.sandbox]
    updates |= dict(zip(columns, visible(tool), strict=True))
    if chosen is None:
        return updates
    shown = face_listeners.show(context, chosen.model, chosen.epoch, tool, text)
    outputs = [ui.palette, ui.face, ui.seed, ui.numbers, ui.of_arithmetic, ui.of_map]
    outputs += [ui.of_nearest, ui.of_layers, ui.of_heatmap]
    return updates | dict(zip(outputs, shown, strict=True))


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
    context: Context, model: str, epoch: int | None, tool: str, incoming: str
) -> tuple[Any, ...]:
    """Show a face that another tab sends, with the tool that it is sent to."""
    wanted, *shown = face_listeners.receive(context, model, epoch, tool, incoming)
    return wanted, *visible(wanted), *shown


def lead_events(ui: Explore) -> list[Any]:
    """The events that send a face to another tab."""
    return [ui.palette.lead]
