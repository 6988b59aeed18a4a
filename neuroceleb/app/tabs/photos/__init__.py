"""The Photos tab: from photos to a dataset of faces."""

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, gettext_noop, label
from neuroceleb.app.components.choice import Choice
from neuroceleb.app.components.text import Text
from neuroceleb.app.cropping import FINISHED, RUNNING, Status, cropper_of
from neuroceleb.app.downloads import save_on_click
from neuroceleb.app.shared import PHOTOS, Address, Chosen, Lead, Shared, Updates, new_inbox
from neuroceleb.app.tabs.photos import bring, changes, review
from neuroceleb.app.tabs.photos.bring import Bring
from neuroceleb.app.tabs.photos.review import JUDGED, Reviewed
from neuroceleb.data.faces import report
from neuroceleb.data.faces.listing import ALL
from neuroceleb.settings import IMAGE_SIZE

NEW = ""  # chosen in the list for a new dataset
GONE = gettext_noop("That dataset is not here any more.")


@dataclass(frozen=True)
class Photos(Bring, Reviewed):
    """The components that are set when a dataset is chosen."""

    dataset: Choice
    add: gr.Button
    delete: gr.Button
    confirm: gr.Column
    incoming: gr.Textbox


NAMES = tuple(
    spec.name for spec in fields(Photos) if spec.name not in {"incoming", "upload", "batch"}
)


def build(shared: Shared, tab: gr.Tab) -> Photos:
    """Lay out the tab and connect its listeners."""
    inbox = new_inbox()
    with gr.Row(elem_classes="nc-controls"):
        dataset = Choice(
            [(label("New dataset"), NEW)],
            value=NEW,
            label=label("Dataset"),
            filterable=False,
            elem_id="dataset-of-photos",
        )
        add = gr.Button(label("Add photos"), visible=False, elem_id="add-photos")
        delete = gr.Button(label("Delete the dataset"), visible=False, elem_id="delete-dataset")
    with gr.Column(visible=False, elem_id="photos-confirm") as confirm:
        question, doing = Text(elem_id="photos-question"), gr.Textbox(visible=False)
        with gr.Row(elem_classes="nc-bar"):
            keep = gr.Button(label("Keep it"), elem_id="keep-photos")
            yes = gr.Button(label("Delete"), elem_id="delete-photos")
    new = bring.lay_out(shared.context)
    reviewed, tools = review.lay_out(shared.context)
    ui = Photos(
        **vars(new),
        **vars(reviewed),
        **{
            "dataset": dataset,
            "add": add,
            "delete": delete,
            "confirm": confirm,
            "incoming": inbox.incoming,
        },
    )
    removed = shared.listen(yes.click, changes.remove, [doing], [confirm, dataset], is_long=True)
    script = "() => document.dispatchEvent(new CustomEvent('neuroceleb:untick'))"
    removed.success(None, js=script, api_visibility="private")
    chosen = [
        *_connect_new(shared, ui),
        *_connect_review(shared, ui, tools),
        removed,
        shared.receive(inbox, receive, [], [dataset]),
    ]
    asked: list[Any] = [confirm, question, doing]
    for button, what in (
        (tools["remove"], changes.PHOTOS),
        (tools["remove_person"], changes.PERSON),
        (delete, changes.DATASET),
    ):
        target = gr.Textbox(what, visible=False)
        where = [dataset, ui.ticked, ui.view, ui.person, target]
        opened = shared.listen(button.click, changes.ask, where, asked)
        script = "() => window.neuroceleb.showSoon('photos-confirm')"
        opened.success(None, js=script, api_visibility="private")
    shared.listen(keep.click, hide, [], asked[:1])
    where = [dataset, ui.view, ui.person, ui.page]
    shown = [getattr(ui, name) for name in NAMES]
    shared.refresh(tab, PHOTOS, show, where, shown, inbox, order=PHOTOS)
    shared.listen(dataset.input, show, where, shown, order=PHOTOS)
    shared.poll(ui.timer, show, where, shown, order=PHOTOS)
    for event in chosen:
        shared.listen(event.success, show, where, shown, order=PHOTOS)
    shared.listen(dataset.change, review.rules_of, [dataset], tools["rules"])
    shared.address(dataset, "dataset", NEW, is_step=True, after=[one.success for one in chosen])
    return ui


def _connect_new(shared: Shared, ui: Photos) -> list[Any]:
    """Connect upload and crop; the events after which all is drawn again."""
    shared.listen(ui.upload.sent, bring.follow_upload, [ui.name], [ui.batch, ui.name, ui.crop])
    shared.listen(ui.upload.clear, bring.clear_upload, [], [ui.batch, ui.crop])
    form = [ui.batch, ui.name, ui.size, ui.detector, ui.by_person, ui.path]
    results: list[Any] = [
        ui.dataset,
        ui.consent,
        ui.question,
        ui.asked,
        ui.upload,
        ui.batch,
        ui.path,
    ]
    shared.listen(ui.no.click, bring.refuse, [], results[1:4])
    opened: list[Any] = [ui.new, ui.heading, ui.name, ui.size, ui.review, ui.body]
    shared.listen(ui.add.click, add_photos, [ui.dataset], opened)
    events = [
        shared.listen(ui.crop.click, bring.start, form, results),
        shared.listen(ui.yes.click, bring.start, [*form, ui.asked], results),
    ]
    for button, action in ((ui.stop, "stop"), (ui.resume, "resume"), (ui.discard, "discard")):
        target = gr.Textbox(action, visible=False)
        events.append(shared.listen(button.click, bring.change, [ui.dataset, target]))
    return events


def _connect_review(shared: Shared, ui: Photos, tools: dict[str, Any]) -> list[Any]:
    """Connect what is done with faces; the events after which all is drawn again."""
    where = [ui.dataset, ui.view, ui.person, ui.page]
    saved = [ui.dataset, ui.save_name]
    first = [ui.dataset, ui.view, ui.person, gr.Number(0, visible=False)]
    judged, rules = [getattr(ui, name) for name in JUDGED], tools["rules"]
    shared.listen([rule.input for rule in rules], try_rules, [*where, *rules], judged)
    shared.listen([ui.view.input, ui.person.input], review.judge, first, judged)
    shared.listen(ui.grid.turn, turn, where[:3], judged)
    shared.listen(ui.grid.toggle, toggle, where, judged)
    # Set in the page: a button that is clicked at once acts on what is ticked now.
    script = "() => [window.neuroceleb.ticked]"
    ui.grid.tick(None, None, ui.ticked, js=script, api_visibility="private")
    shared.listen(ui.grid.tick, changes.describe_ticked, [], [ui.selected])
    for name, choice in tools["choices"].items():
        target = gr.Textbox(choice, visible=False)
        inputs = [*where, ui.ticked, target]
        shared.listen(tools[name].click, choose_ticked, inputs, judged)
    for button, function in ((tools["defaults"], review.recommend), (ui.undo, review.undo)):
        changed = shared.listen(button.click, function, [ui.dataset])
        shared.listen(changed.success, review.judge, where, judged)
        shared.listen(changed.success, review.rules_of, [ui.dataset], rules)
    shared.listen(ui.save_name.input, changes.check_new_name, saved, [tools["note"], ui.save])
    save_on_click(shared, tools["card"], changes.save_card, [ui.dataset])
    ticked = [ui.dataset, ui.ticked]
    named = [ui.dataset, ui.person, ui.who]
    sorting: dict[str, Any] = {"is_long": True, "show_progress_on": [ui.who]}  # beneath the button
    by_view = [*ticked, ui.view, ui.person, ui.who]
    return [
        shared.listen(ui.save.click, changes.save, saved, [ui.dataset], is_long=True),
        shared.listen(ui.train.click, changes.train, saved, [ui.dataset, shared.handover]),
        shared.listen(tools["sort"].click, changes.sort, [ui.dataset], [ui.person], **sorting),
        shared.listen(
            tools["find"].click, changes.find, ticked, [ui.view, ui.person], is_long=True
        ),
        shared.listen(tools["rename"].click, changes.name_person, named, [ui.person]),
        shared.listen(tools["assign"].click, changes.assign, by_view, []),
        shared.listen(
            tools["thin"].click, changes.thin, [ui.dataset, ui.person, tools["most"]], [ui.person]
        ),
    ]


def restore(context: Context, ui: Photos, address: Address, chosen: Chosen | None) -> Updates:
    """The dataset of an address, else the one that is being cropped."""
    name = address.get("dataset", NEW)
    if "dataset" not in address and context.access.is_open:
        unfinished = (one.dataset for one in _unfinished(context))
        name = next(unfinished, NEW)
    if chosen is None:
        listed = _list(context, name)
        if context.access.is_open and listed["value"] != name:
            gr.Warning(_(GONE))
        return {ui.dataset: listed}
    return dict(
        zip((getattr(ui, part) for part in NAMES), show(context, name, ALL, "", 0), strict=True)
    )


def lead_events(ui: Photos) -> list[Any]:
    """None: *Train on this* leads by `Shared.handover`."""
    return []


# Listeners -----------------------------------------------------------------------------------


def show(
    context: Context, dataset: str | None, view: str, person: str | None, page: float
) -> tuple[Any, ...]:
    """The dataset that is chosen, its crop, or the form for a new one; NAMES says what."""
    if not context.access.is_open:
        return _in_order(_for_visitors())
    dataset = dataset or NEW
    there = {face_set.name for face_set in bring.face_sets(context)}
    status = bring.status_of(context, dataset)
    updates = {"dataset": _list(context, dataset), "confirm": gr.update(visible=False)}
    updates |= bring.show_task(status)
    if status is not None and status.state != FINISHED:
        updates |= _show_crop(context, status)
    elif dataset in there:
        updates |= review.show(context, dataset, view, person, page)
        updates |= {"new": gr.update(visible=False), "add": gr.update(visible=True)}
        updates |= {"delete": gr.update(visible=True)}
        updates |= {"save_name": dataset}
        if status is not None:
            updates["facts"] = f"{updates['facts']} · {bring.describe(status)}"
    else:
        if dataset != NEW:
            gr.Warning(_(GONE))
        updates |= _show_form()
    return _in_order(updates)


def _in_order(updates: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(updates.get(name, gr.skip()) for name in NAMES)


def _show_form() -> dict[str, Any]:
    hidden = dict.fromkeys(("review", "body", "add", "delete"), gr.update(visible=False))
    return hidden | {
        "new": gr.update(visible=True),
        "heading": _(
            "Drop photos of people. Every face is found, straightened, cropped and judged; you "
            "decide what stays, then train on it. The photos stay on the machine that runs this "
            "app and are deleted once they are cropped: only the faces are kept."
        ),
        "name": gr.update(interactive=True),
        "size": gr.update(interactive=True),
    }


def _show_crop(context: Context, status: Status) -> dict[str, Any]:
    hidden = dict.fromkeys(
        ("review", "new", "add", "delete", "levels", "bar"), gr.update(visible=False)
    )
    is_running = status.state == RUNNING
    shown = hidden | {"body": gr.update(visible=is_running)}
    return shown | ({"grid": review.show_newest(context, status)} if is_running else {})


def _for_visitors() -> dict[str, Any]:
    parts = (
        "new",
        "review",
        "body",
        "add",
        "delete",
        "dataset",
        "stop",
        "resume",
        "discard",
        "meter",
    )
    return dict.fromkeys(parts, gr.update(visible=False)) | {
        "task": gr.update(visible=True),
        "progress": _(
            "Photos and faces are shown only to those who sit at this machine or know its "
            "password: start the app on this machine alone, or with --auth."
        ),
    }


def _list(context: Context, chosen: str) -> Any:
    """The list of datasets, with what is going on with each."""
    if not context.access.is_open:
        return gr.update(visible=False)
    doing = {one.dataset: one.state for one in reversed(_unfinished(context))}
    words = {RUNNING: _("being cropped")}
    choices = [(_("New dataset"), NEW)]
    names = [face_set.name for face_set in bring.face_sets(context)]
    for name in dict.fromkeys([*names, *doing]):
        state = words.get(doing[name], _("interrupted")) if name in doing else ""
        choices.append((f"{name} · {state}" if state else name, name))
    is_there = chosen in {name for _text, name in choices}
    return gr.update(choices=choices, value=chosen if is_there else NEW)


def _unfinished(context: Context) -> list[Status]:
    return [one for one in cropper_of(context.workspace).statuses() if one.state != FINISHED]


def add_photos(context: Context, dataset: str) -> tuple[Any, ...]:
    """The form, for more photos of a dataset: its column, heading, name, size; no review."""
    face_set = review.face_set_of(context, dataset)
    hidden = gr.update(visible=False)
    size = report.readable(face_set).get("size", IMAGE_SIZE)
    heading = _("Add photos to {name}").format(name=dataset)
    fixed = gr.update(value=dataset, interactive=False)
    return (
        gr.update(visible=True),
        heading,
        fixed,
        gr.update(value=size, interactive=False),
        *[hidden] * 2,
    )


def hide(context: Context) -> Any:
    """Hide a column."""
    return gr.update(visible=False)


def receive(context: Context, lead: Lead) -> tuple[str]:
    """The dataset of a lead; a new one without."""
    dataset = lead.face.get("dataset")
    return (dataset if isinstance(dataset, str) else NEW,)


def try_rules(
    context: Context, dataset: str, view: str, person: str | None, page: float, *values: Any
) -> tuple[Any, ...]:
    """Judge the faces by other rules; JUDGED says what is returned."""
    review.try_rules(context, dataset, *values)
    return review.judge(context, dataset, view, person, page)


def turn(
    context: Context, dataset: str, view: str, person: str | None, event: gr.EventData
) -> tuple[Any, ...]:
    """Another page of the faces."""
    return review.judge(context, dataset, view, person, event.page)


def toggle(
    context: Context,
    dataset: str,
    view: str,
    person: str | None,
    page: float,
    event: gr.EventData,
) -> tuple[Any, ...]:
    """Keep or leave out the face of an event, and judge the others again."""
    review.toggle(context, dataset, event)
    return review.judge(context, dataset, view, person, page)


def choose_ticked(
    context: Context,
    dataset: str,
    view: str,
    person: str | None,
    page: float,
    ticked: list[str] | None,
    choice: str,
) -> tuple[Any, ...]:
    """Keep or leave out the ticked faces, and judge the others again."""
    changes.choose_ticked(context, dataset, ticked, view, person, choice)
    return review.judge(context, dataset, view, person, page)
