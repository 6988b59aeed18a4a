"""The Generate tab: faces from seeds."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from neuroceleb.app import faces, html_export, provenance, select_best
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.choice import RadioChoice
from neuroceleb.app.components.contact_sheet import ContactSheet
from neuroceleb.app.components.text import Text
from neuroceleb.app.downloads import save_on_click
from neuroceleb.app.face_items import items_of_faces, items_of_seeds
from neuroceleb.app.parameters import read_number, read_whole
from neuroceleb.app.shared import (
    GENERATE,
    Address,
    Chosen,
    Inbox,
    Lead,
    Shared,
    Updates,
    new_inbox,
    no_faces_yet,
)
from neuroceleb.errors import Message, UserError

NEW_SEEDS = 1_000_000  # short enough to read out
SEEDS, FAVOURITES, LEFT_OUT = "seeds", "favourites", "left_out"


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


class SheetInputs(NamedTuple):
    """The values of the components that make the sheet, in the order of the listeners' inputs."""

    model: str | None
    epoch: int | None
    seeds: str
    how_many: float
    best: bool
    truncation: float
    view: str
    left_out: str  # "7,72 of …", see `_left_out`
    favourites: Any  # a list of faces, as the browser has stored it


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
    shared.refresh(tab, GENERATE, show_faces, shown, results, inbox)
    shared.listen(ui.seeds.input, show_typed, shown, results)
    changed = [ui.seeds.submit, ui.count.input, ui.best.input, ui.truncation.input, ui.view.input]
    shared.listen(changed, show_faces, shown, results)
    steps, set_by_listeners = [], []
    for button, step in ((ui.back, earlier_seeds), (ui.on, later_seeds), (ui.dice, new_seeds)):
        stepped = shared.listen(
            button.click, step, [ui.seeds, ui.count, ui.best, ui.view], [ui.seeds, ui.view]
        )
        shared.listen(stepped.success, show_faces, shown, results)
        steps.append(stepped.success)
    ui.sheet.favourite(
        None,
        None,
        shared.favourites,
        js="() => [window.neuroceleb.favourites()]",
        api_visibility="private",
    )
    drawn = [ui.seeds, ui.count, ui.best, ui.view]
    from_png = [shared.model, shared.epoch, *drawn, ui.truncation, shared.handover]
    for opened in (
        shared.listen(ui.png.upload, open_uploaded, [ui.png], from_png),
        shared.listen(ui.sheet.drop, open_dropped, [], from_png),
    ):
        shared.listen(opened.success, show_faces, shown, results)
        shared.name_model(opened.success)
        set_by_listeners.append(opened.success)
    received = shared.receive(inbox, receive, [], drawn)
    shared.listen(received.success, show_faces, shown, results)
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
        ui.truncation: _truncation(truncation),
        ui.view: SEEDS,
    }
    if chosen is None or chosen.model is None:
        return updates
    request = (chosen.model, chosen.epoch, seeds, count, best, truncation)
    sheet, facts, views, left_out = show_faces(context, *request, SEEDS, "", [])
    shown = {ui.sheet: sheet, ui.facts: facts, ui.left_out: left_out}
    return updates | shown | {ui.view: {**views, "value": SEEDS}}


def show_faces(context: Context, *inputs: Any) -> tuple[Any, str, Any, str]:
    """The contact sheet, a sentence about it, the choices of view, and what best-of left out.

    `inputs` are `SheetInputs`.
    """
    given = SheetInputs(*inputs)
    model, epoch, seeds, count, best, truncation, view, *_rest = given
    if not model:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    if view == FAVOURITES:
        return _show_favourites(context, given)
    views = _views("", SEEDS if view == LEFT_OUT else None)
    if note := no_faces_yet(context, model):
        return {"faces": [], "note": note, "of": [model, None]}, "", views, ""
    if best:
        return _show_best(context, given)
    request = faces.read_request(context.workspace, model, epoch, seeds, count, truncation)
    return items_of_seeds(request), _described(request), views, ""


def _show_favourites(context: Context, given: SheetInputs) -> tuple[Any, str, Any, str]:
    kept = _read_favourites(given.favourites)
    newest = kept[-faces.MAX_COUNT :]
    left_out = given.left_out if given.best else ""
    facts = _favourites(len(newest), len(kept))
    return items_of_faces(context.workspace, newest), facts, _views(left_out), left_out


def _show_best(context: Context, given: SheetInputs) -> tuple[Any, str, Any, str]:
    """The faces that best-of keeps, or those that it leaves out, as the view says."""
    if given.view == LEFT_OUT:
        request, facts = _left_out_request(context, given), _("Left out")
        left_out: Sequence[int] = request.seeds
    else:
        selection = _select(context, given)
        request, facts, left_out = selection.kept, _chosen(selection), selection.left_out
    rest = ",".join(map(str, left_out))
    return items_of_seeds(request), facts, _views(rest), f"{rest} of {_asked(given)}"


def show_seeds(context: Context, *inputs: Any) -> tuple[Any, str, Any, str]:
    """As `show_faces`, after other seeds were typed: favourites give way to them."""
    given = SheetInputs(*inputs)
    if given.view != FAVOURITES:
        return show_faces(context, *given)
    sheet, facts, views, left_out = show_faces(context, *given._replace(view=SEEDS))
    return sheet, facts, {**views, "value": SEEDS}, left_out


def show_typed(context: Context, *inputs: Any) -> Any:
    """As `show_faces`, while seeds are typed: nothing changes until they are complete.

    Enter reports what is wrong with them. An error here, as for 20-2 on the way to 20-29, would
    also drop the call for what was typed meanwhile: Gradio makes none after an error.
    """
    skipped = [gr.skip()] * 4
    if not re.fullmatch(r"\s*\d[\d\s,–-]*\d|\s*\d\s*", SheetInputs(*inputs).seeds, re.ASCII):
        return skipped
    try:
        return show_seeds(context, *inputs)
    except UserError:
        return skipped


def earlier_seeds(
    context: Context, seeds: str, count: float, best: bool, view: str
) -> tuple[str, Any]:
    """The seed before which those lie that are shown, or that the shown ones were chosen from."""
    return _stepped(seeds, -_drawn(count, best)), _seeds_for(view)


def later_seeds(
    context: Context, seeds: str, count: float, best: bool, view: str
) -> tuple[str, Any]:
    """The seed after those that are shown, or that the shown ones were chosen from."""
    return _stepped(seeds, _drawn(count, best)), _seeds_for(view)


def _drawn(count: float, best: bool) -> int:
    return int(count) * (select_best.DRAWN_PER_KEPT if best else 1)


def new_seeds(context: Context, seeds: str, count: float, best: bool, view: str) -> tuple[str, Any]:
    """A seed that nobody chose."""
    return str(random.randrange(NEW_SEEDS)), _seeds_for(view)


def _seeds_for(view: str) -> Any:
    """The view that other seeds are shown in: favourites give way to them."""
    return SEEDS if view == FAVOURITES else gr.skip()


def open_uploaded(context: Context, png: str) -> tuple[Any, ...]:
    """Model, epoch, seeds, count, best-of, view and truncation that draw what a saved PNG shows.

    A face without a seed is led to Explore instead.
    """
    return _opened(context, context.upload({"path": png}))


def open_dropped(context: Context, event: gr.EventData) -> tuple[Any, ...]:
    """As `open_uploaded`, for a PNG that was dropped on the sheet."""
    return _opened(context, context.upload({"path": event.path}))


def receive(context: Context, lead: Lead) -> tuple[Any, Any, Any, str]:
    """The seed of a face that another tab sends; a lead without one keeps the seeds."""
    seed = lead.face.get("seed")
    if seed is None:
        return gr.skip(), gr.skip(), gr.skip(), SEEDS
    return str(seed), 1, False, SEEDS


def lead_events(ui: Generate) -> list[Any]:
    """The events that send a face to another tab."""
    return [ui.sheet.lead]


def archive(context: Context, *inputs: Any) -> str:
    """A zip of the PNGs of all faces that are shown. `inputs` are `SheetInputs`."""
    given = SheetInputs(*inputs)
    model, epoch, seeds, count, best, truncation, view, _text, favourites = given
    if view == FAVOURITES:
        path = context.new_file("favourites.zip")
        newest = _read_favourites(favourites)[-faces.MAX_COUNT :]
        path.write_bytes(faces.archive_of_faces(context.workspace, newest))
        return str(path)
    if best and view == LEFT_OUT:
        request = _left_out_request(context, given)
    elif best:
        request = _select(context, given).kept
    else:
        request = faces.read_request(context.workspace, model, epoch, seeds, count, truncation)
    path = context.new_file(faces.archive_name(request))
    path.write_bytes(faces.archive(request))
    return str(path)


def _select(context: Context, given: SheetInputs) -> select_best.Selection:
    model, epoch, seeds, count, _is_best, truncation, *_rest = given
    wanted = select_best.read_request(context.workspace, model, epoch, seeds, count, truncation)
    return select_best.select(context.workspace, wanted)


def _left_out_request(context: Context, given: SheetInputs) -> faces.FaceRequest:
    """The request for the faces that best-of leaves out; they are chosen anew where others were."""
    rest = _left_out(given) or ",".join(map(str, _select(context, given).left_out))
    model, epoch, truncation = given.model, given.epoch, given.truncation
    return faces.read_request(context.workspace, model, epoch, rest, 1, truncation)


def _asked(given: SheetInputs) -> str:
    """What best-of chooses from, as a text."""
    return " ".join(map(str, (*given[:4], given.truncation)))


def _left_out(given: SheetInputs) -> str:
    """The seeds that best-of left out, "7,72"; "" where those are of other faces."""
    rest, _of, asked = given.left_out.partition(" of ")
    return rest if asked == _asked(given) else ""


def _read_favourites(value: Any) -> list[Any]:
    """The favourites that the page sends; none where it is no list. Each is still unchecked."""
    return value if isinstance(value, list) else []


def _described(request: faces.FaceRequest) -> str:
    seeds = list(request.seeds)
    first, last = seeds[0], seeds[-1]
    is_range = seeds == list(range(first, last + 1))
    if len(seeds) == 1:
        of = _("seed {seed}").format(seed=first)
    elif is_range:
        of = _("seeds {first}–{last}").format(first=first, last=last)
    else:
        of = _("{count:,} seeds").format(count=len(seeds))
    epoch = _("epoch {epoch:,}").format(epoch=request.epoch)
    return f"{request.model} · {epoch} · {of}"


def _favourites(shown: int, kept: int) -> str:
    facts = _("Favourites, kept in this browser only.")
    if shown == kept:
        return facts
    more = _("The newest {shown:,} of {kept:,} are shown.").format(shown=shown, kept=kept)
    return f"{facts} {more}"


def _chosen(selection: select_best.Selection) -> str:
    kept, left_out = len(selection.kept.seeds), len(selection.left_out)
    return _(
        "The best {kept} of {drawn} by flaw score, {ms:.0f} ms a face. Flawed, as far as measured: "
        "{flawed} of all, {flawed_kept} of those kept."
    ).format(
        kept=kept,
        drawn=kept + left_out,
        ms=selection.ms_a_face,
        flawed=selection.flawed,
        flawed_kept=selection.flawed_kept,
    )


def _views(left_out: str, chosen: str | None = None) -> dict[str, Any]:
    """The choices of view; another one is `chosen` only where it must be, lest it undo a click."""
    choices = [(_("Seeds"), SEEDS), (_("Favourites"), FAVOURITES)]
    shown: dict[str, Any] = gr.update(
        choices=[*choices, (_("Left out"), LEFT_OUT)] if left_out else choices
    )
    return shown if chosen is None else {**shown, "value": chosen}


def _stepped(seeds: str, by: int) -> str:
    if not seeds.strip().isdecimal():
        raise UserError("A list of seeds has no seeds before or after it: write one seed.")
    return str(max(0, read_whole(seeds, Message("The seed")) + by))


def _opened(context: Context, png: Path) -> tuple[Any, ...]:
    if png.stat().st_size > provenance.MAX_BYTES:
        raise UserError("The file is over 8 MB: choose a PNG that was saved here.")
    restored = provenance.restore(context.workspace, png.read_bytes())
    face, request = restored.face, restored.request
    if request is not None:
        model, epoch, truncation = request.model, request.epoch, request.truncation
        seeds = list(request.seeds)
    elif face is not None and "seed" in face:
        model, epoch, truncation = face["model"], face["epoch"], face["truncation"]
        seeds = [face["seed"]]
    else:
        unchanged = [gr.skip()] * 7
        return *unchanged, Lead("explore", face or {}).to_text()
    kept = sorted(context.workspace.run(model).kept(), reverse=True)
    return (
        model,
        gr.update(choices=kept, value=epoch),
        ",".join(map(str, seeds)),
        len(seeds),
        False,
        SEEDS,
        _truncation(truncation),
        gr.skip(),
    )


def _visible(is_visible: bool) -> Any:
    return gr.update(visible=is_visible)


def _truncation(scale: float) -> Any:
    return gr.update(value=scale, visible=scale != 1)


def _number(text: str | None, usual: float) -> float:
    """A number of the address; the usual one where it is none."""
    try:
        return read_number(text, Message("The number")) if text is not None else usual
    except UserError:
        return usual
