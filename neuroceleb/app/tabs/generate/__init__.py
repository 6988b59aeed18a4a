"""The Generate tab: faces from seeds."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from neuroceleb.app import faces, html_export
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.components.choice import RadioChoice
from neuroceleb.app.components.contact_sheet import ContactSheet
from neuroceleb.app.components.text import Text
from neuroceleb.app.downloads import save_on_click
from neuroceleb.app.parameters import read_number
from neuroceleb.app.shared import (
    GENERATE,
    Address,
    Chosen,
    Inbox,
    Shared,
    Updates,
    new_inbox,
)
from neuroceleb.app.tabs.generate.incoming import (
    open_dropped,
    open_uploaded,
    receive,
    truncation_field,
)
from neuroceleb.app.tabs.generate.seeds import new_seeds, step_script
from neuroceleb.app.tabs.generate.sheet import (
    FAVOURITES,
    SEEDS,
    archive,
    show_faces,
    show_stepped,
    show_typed,
)
from neuroceleb.errors import Message, UserError

SHEET = "sheet"  # the order of the listeners that set the contact sheet


@dataclass(frozen=True)
class Generate:
    """The components of the tab."""

    seeds: gr.Textbox
    count: gr.Slider
    best: gr.Checkbox
    view: gr.Radio
    truncation: gr.Number
    left_out: gr.Textbox
    facts: Text
    sheet: ContactSheet
    back: gr.Button
    on: gr.Button
    dice: gr.Button
    png: gr.UploadButton
    save_all: gr.Button
    incoming: gr.Textbox


def build(shared: Shared, tab: gr.Tab) -> Generate:
    """Lay out the tab and connect its listeners."""
    with gr.Row(elem_classes="nc-controls"):
        seeds = gr.Textbox(
            str(faces.FIRST_SEED),
            label=label("Seeds: one, or a list like 3,14,20-29"),
            elem_id="seeds",
            max_lines=1,
        )
        back = gr.Button("‹", elem_id="seeds-back", min_width=40)
        on = gr.Button("›", elem_id="seeds-on", min_width=40)
        dice = gr.Button(label("New faces"), variant="primary", elem_id="dice", min_width=120)
        count = gr.Slider(
            1, faces.MAX_COUNT, faces.FIRST_COUNT, step=1, label=label("How many"), elem_id="count"
        )
        best = gr.Checkbox(
            label=label("Best of 4×"),
            info=label("Draws four times as many and keeps those with the fewest flaws."),
            elem_id="best",
        )
        truncation = gr.Number(
            1.0,
            label=label("z is scaled by"),
            minimum=0,
            maximum=2,
            visible=False,
            elem_id="truncation",
        )
    with gr.Row(elem_classes="nc-bar"):
        facts = Text(elem_id="sheet-facts")
        view = RadioChoice(
            [(label("Seeds"), SEEDS), (label("Favourites"), FAVOURITES)],
            value=SEEDS,
            label=label("What is shown"),
            show_label=False,
            container=False,
            elem_id="view",
        )
        png = gr.UploadButton(label("Open PNG …"), file_types=[".png"], elem_id="open-png")
        save_all = gr.Button(label("Save all (.zip)"), elem_id="save-all")
        html_export.add_button(shared)
    sheet = ContactSheet(elem_id="faces")
    left_out = gr.Textbox(visible=False)
    shown = (seeds, count, best, view, truncation, left_out, facts, sheet)
    inbox = new_inbox()
    ui = Generate(*shown, back, on, dice, png, save_all, inbox.incoming)
    _connect(shared, tab, ui, inbox)
    return ui


def _connect(shared: Shared, tab: gr.Tab, ui: Generate, inbox: Inbox) -> None:
    request = [shared.model, shared.epoch, ui.seeds, ui.count, ui.best, ui.truncation]
    shown = [*request, ui.view, ui.left_out, shared.favourites]
    results = [ui.sheet, ui.facts, ui.view, ui.left_out]
    shared.refresh(tab, GENERATE, show_faces, shown, results, inbox, order=SHEET)
    shared.listen(ui.seeds.input, show_typed, shown, results, order=SHEET)
    changed = [ui.seeds.submit, ui.count.input, ui.best.input, ui.truncation.input, ui.view.input]
    shared.listen(changed, show_faces, shown, results, order=SHEET)
    drawn = [ui.seeds, ui.count, ui.best, ui.view]
    steps, set_by_listeners = [], []
    for button, direction in ((ui.back, -1), (ui.on, 1)):
        script = step_script(direction)
        stepped = button.click(
            None, drawn, [ui.seeds, ui.view], js=script, api_visibility="private"
        )
        shared.listen(stepped.success, show_stepped, shown, results, order=SHEET)
        steps.append(stepped.success)
    renewed = shared.listen(ui.dice.click, new_seeds, [ui.view], [ui.seeds, ui.view])
    shared.listen(renewed.success, show_faces, shown, results, order=SHEET)
    steps.append(renewed.success)
    ui.sheet.favourite(
        None,
        None,
        shared.favourites,
        js="() => [window.neuroceleb.favourites()]",
        api_visibility="private",
    )
    from_png = [shared.model, shared.epoch, *drawn, ui.truncation, shared.handover]
    for opened in (
        shared.listen(ui.png.upload, open_uploaded, [ui.png], from_png),
        shared.listen(ui.sheet.drop, open_dropped, [], from_png),
    ):
        shared.listen(opened.success, show_faces, shown, results, order=SHEET)
        shared.name_model(opened.success)
        set_by_listeners.append(opened.success)
    received = shared.receive(inbox, receive, [], drawn)
    shared.listen(received.success, show_faces, shown, results, order=SHEET)
    set_by_listeners.append(received.success)
    save_on_click(shared, ui.save_all, archive, shown)
    changes: dict[str, Any] = {"is_step": False, "after": set_by_listeners, "steps": steps}
    shared.address(ui.seeds, "seed", faces.FIRST_SEED, **changes)
    shared.address(ui.count, "count", faces.FIRST_COUNT, is_step=False, after=set_by_listeners)
    shared.address(ui.truncation, "truncation", 1, is_step=False)
    script = "(is) => window.neuroceleb.address.put('best', is ? 'yes' : null, null, false)"
    for event in (ui.best.input, *set_by_listeners):
        event(None, ui.best, js=script, api_visibility="private")


def restore(context: Context, ui: Generate, address: Address, chosen: Chosen | None) -> Updates:
    """The components as an address names them; with the sheet where the tab is open (`chosen`)."""
    seeds = address.get("seed", str(faces.FIRST_SEED))
    count = _number(address.get("count"), faces.FIRST_COUNT)
    truncation = _number(address.get("truncation"), 1)
    best = address.get("best") == "yes"
    updates: Updates = {
        ui.seeds: seeds,
        ui.count: count,
        ui.best: best,
        ui.truncation: truncation_field(truncation),
        ui.view: SEEDS,
    }
    if chosen is None or chosen.model is None:
        return updates
    request = (chosen.model, chosen.epoch, seeds, count, best, truncation)
    sheet, facts, views, left_out = show_faces(context, *request, SEEDS, "", [])
    shown = {ui.sheet: sheet, ui.facts: facts, ui.left_out: left_out}
    return updates | shown | {ui.view: {**views, "value": SEEDS}}


def lead_events(ui: Generate) -> list[Any]:
    """The events that send a face to another tab."""
    return [ui.sheet.lead]


def _number(text: str | None, usual: float) -> float:
    """A number of the address; the usual one where it is none."""
    try:
        return read_number(text, Message("The number")) if text is not None else usual
    except UserError:
        return usual
