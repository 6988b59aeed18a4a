"""The Train tab: runs that go on, wait or have ended, and a form for a new one."""

import dataclasses
import json
from typing import Any

import gradio as gr

from neuroceleb.app import counts, run_status
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.choice import Choice
from neuroceleb.app.components.run_list import RunList
from neuroceleb.app.components.text import Text
from neuroceleb.app.downloads import save_on_click
from neuroceleb.app.shared import (
    TRAIN,
    Address,
    Chosen,
    Lead,
    Shared,
    Updates,
    list_epochs,
    list_models,
    new_inbox,
)
from neuroceleb.app.tabs.train import form, view
from neuroceleb.app.tabs.train.view import View
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import jobs, trash
from neuroceleb.settings import AUTO

NEW = ""  # chosen in the list for a new run


@dataclasses.dataclass(frozen=True)
class Train(View):
    """The components that are set when a run is chosen: those of the run, and of the form."""

    runs: RunList
    new: gr.Column
    dataset: gr.Dropdown
    no_dataset: gr.Column
    start_from: gr.Dropdown
    start_note: Text
    bin: gr.Accordion
    deleted: gr.Dropdown
    incoming: gr.Textbox


NAMES = tuple(field.name for field in dataclasses.fields(Train) if field.name != "incoming")


def build(shared: Shared, tab: gr.Tab) -> Train:
    """Lay out the tab and connect its listeners."""
    inbox = new_inbox()
    with gr.Row(elem_classes="nc-columns"):
        with gr.Column(scale=1, min_width=230):
            runs = RunList(
                [(label("New run"), NEW)], value=NEW, label=label("Runs"), elem_id="runs"
            )
            with gr.Accordion(label("Trash"), open=False, visible=False, elem_id="trash") as bin_:
                deleted = Choice(label=label("Deleted"), elem_id="deleted", filterable=False)
                restore_ = gr.Button(label("Restore"), elem_id="restore-deleted")
                sure = gr.Checkbox(label=label("Delete all of it for good"), elem_id="empty-sure")
                empty = gr.Button(label("Empty the trash"), interactive=False, elem_id="empty")
        with gr.Column(scale=3, min_width=320):
            with gr.Column() as new:
                fields = form.lay_out(shared.context)
            with gr.Column(visible=False) as box:
                run = view.lay_out(box)
    ui = Train(
        **vars(run),
        **{"runs": runs, "new": new, "dataset": fields.dataset, "no_dataset": fields.no_dataset},
        **{"start_from": fields.settings["start_from"], "start_note": fields.start_note},
        **{"bin": bin_, "deleted": deleted, "incoming": inbox.incoming},
    )
    parts = [getattr(ui, name) for name in NAMES]
    inputs = [runs, ui.dataset, ui.start_from]
    shared.refresh(tab, TRAIN, show, inputs, parts, inbox, order=TRAIN)
    shared.listen([runs.input, ui.keep.click], show, inputs, parts, order=TRAIN)
    ticked = [shared.shown, *inputs, ui.stamp]
    shared.poll(shared.timer, tick, ticked, parts, order=TRAIN)
    # The report that no training goes on ends the ticks: the last one may have been before the end.
    ended = shared.training.change
    shared.listen(ended, tick, ticked, parts, order=TRAIN, trigger_mode="multiple")
    chosen = [
        *_connect_form(shared, fields, ui, inbox),
        *_connect_changes(shared, ui),
        shared.listen(
            restore_.click,
            restore_deleted,
            [deleted, runs, shared.model],
            [runs, shared.model],
            order=TRAIN,
        ),
    ]
    resumed = _resume_on_click(shared, ui)
    changed = [
        shared.listen(ui.force.click, view.force, [ui.title]),
        resumed,
        shared.listen(empty.click, empty_trash, [sure], [sure]),
    ]
    for event in (*chosen, *changed):
        drawn = shared.listen(event.success, show, inputs, parts, order=TRAIN)
        shared.follow_trainings(drawn.success)
    stopped = shared.listen(ui.stop.click, view.stop, [ui.title])
    drawn = shared.listen(stopped.success, tick, ticked, parts, order=TRAIN)
    shared.follow_trainings(drawn.success)
    asking: list[Any] = [ui.confirm, ui.question, ui.asked]
    asked = shared.listen(ui.delete.click, view.ask, [ui.title], asking)
    # Once the page has drawn it: it may be below the window.
    script = "() => window.neuroceleb.showSoon('confirm')"
    asked.success(None, js=script, api_visibility="private")
    shared.listen(sure.input, enable, [sure], [empty])
    for button, to in ((ui.watch, "epochs"), (ui.generate, "generate")):
        target = gr.Textbox(to, visible=False)
        led = shared.listen(button.click, view.lead, [ui.title, target], [shared.handover])
        _put_into_address(ui.title, led)
    save_on_click(shared, ui.card, view.save_card, [ui.title])
    shared.address(runs, "run", NEW, is_step=True, after=[one.success for one in chosen])
    return ui


def _connect_changes(shared: Shared, ui: Train) -> list[Any]:
    """Connect *Rename* and *Delete*, after which the model of all tabs may be another one."""
    named, asked = [ui.title, ui.new_name, shared.model], [ui.asked, shared.model]
    deleted: list[Any] = [ui.runs, shared.model, shared.epoch]
    events = [
        shared.listen(ui.rename.click, view.rename, named, deleted[:2], order=TRAIN),
        shared.listen(ui.yes.click, view.delete, asked, deleted, order=TRAIN),
    ]
    for event in events:
        shared.name_model(event.success)
    return events


def _resume_on_click(shared: Shared, ui: Train) -> Any:
    """Connect *Resume*; returns its event."""
    resumed = shared.listen(ui.resume.click, view.resume, [ui.title, ui.epochs])
    followed = shared.listen(resumed.success, follow, [ui.title], [shared.model, shared.epoch])
    _put_into_address(ui.title, followed)
    return resumed


def _put_into_address(run: Any, event: Any) -> None:
    """After an event that makes a run the model of all tabs, name it in the address.

    `run` is the component whose value is the run's name.
    """
    put = "window.neuroceleb.address.put"
    script = f"(run) => {{ {put}('model', run, null, false); {put}('epoch', null, null, false); }}"
    event.success(None, run, js=script, api_visibility="private")


def _connect_form(shared: Shared, fields: form.Form, ui: Train, inbox: Any) -> list[Any]:
    """Connect the form; returns the events that choose another run."""
    settings, context = fields.settings, shared.context
    request = [fields.name, fields.dataset, *settings.values()]
    reviewed = [fields.name_note, fields.note, fields.estimate, fields.start]
    # In the page: a late answer would undo what was changed meanwhile.
    recipe = settings["recipe"].input(
        None,
        settings["recipe"],
        [settings[name] for name in form.BY_RECIPE],
        js=f"(recipe) => ({json.dumps(form.settings_by_recipe())})[recipe]",
        api_visibility="private",
    )
    starts = [fields.dataset, settings["start_from"]]
    listed = [settings["start_from"], fields.start_note, fields.no_dataset]
    shared.listen(fields.dataset.input, form.choose_dataset, starts, listed)
    received = shared.receive(
        inbox, receive, [], [ui.runs, fields.dataset, fields.name, settings["start_from"]]
    )
    copied = shared.listen(ui.duplicate.click, duplicate, [ui.title], [ui.runs, *request])
    # A Textbox does not report what is pasted as an input, and a dataset is also set by the page.
    others = [one for one in request[2:] if one is not settings["recipe"]]
    inputs = [fields.name.change, fields.dataset.change, *(one.input for one in others)]
    events = [inputs, *(one.success for one in (recipe, received, copied))]
    for event in events:
        shared.listen(event, form.review, request, reviewed)
    of = gr.Textbox(visible=False)
    estimated = shared.listen(
        fields.check.click,
        form.estimate,
        request,
        [fields.estimate, fields.start, fields.note, of],
        is_long=True,
    )
    shared.listen(estimated.success, form.review_if_changed, [of, *request], reviewed)
    shared.listen(fields.photos.click, lead_to_photos, [], [shared.handover])
    if not context.access.is_open:
        fields.check.interactive = False
    started = shared.listen(
        fields.start.click, form.start, request, [ui.runs, fields.name], trigger_mode="once"
    )
    followed = shared.listen(started.success, follow, [ui.runs], [shared.model, shared.epoch])
    _put_into_address(ui.runs, followed)
    return [started, received, copied]


def restore(context: Context, ui: Train, address: Address, chosen: Chosen | None) -> Updates:
    """The run of an address; drawn where the tab is open."""
    name = _present(context, address.get("run", NEW))
    listed = {"value": name, **_list(context, name)}
    if chosen is None:
        return {ui.runs: listed}
    shown = show(context, name, None, AUTO)
    return dict(zip((getattr(ui, part) for part in NAMES), shown, strict=True)) | {ui.runs: listed}


def lead_events(ui: Train) -> list[Any]:
    """None: its buttons lead by `Shared.handover`."""
    return []


# Listeners -----------------------------------------------------------------------------------


def show(
    context: Context, chosen: str, dataset: str | None, start_from: str | None, stamp: str = ""
) -> tuple[Any, ...]:
    """The run that is chosen, or the form; NAMES says which components."""
    updates: dict[str, Any] = {"runs": _list(context, chosen)}
    chosen = _present(context, chosen)
    if not stamp:
        bin_, deleted = _list_trash(context)
        updates |= {"bin": bin_, "deleted": deleted, "confirm": gr.update(visible=False)}
    if chosen != NEW:
        updates |= view.show(context, chosen, stamp)
        if "box" in updates:
            updates["new"] = gr.update(visible=False)
    else:
        updates |= {"new": gr.update(visible=True), "box": gr.update(visible=False), "stamp": ""}
        updates["dataset"], updates["no_dataset"] = form.list_datasets(context, dataset)
        named = updates["dataset"].get("value", dataset)
        listed = form.list_starts(context, named, start_from)
        updates["start_from"], updates["start_note"] = listed
    return tuple(updates.get(name, gr.skip()) for name in NAMES)


def tick(
    context: Context,
    shown: str,
    chosen: str,
    dataset: str | None,
    start_from: str | None,
    stamp: str,
) -> tuple[Any, ...]:
    """As `show`, while a run that goes on is in view, and only what has changed."""
    if shown != TRAIN:
        return (gr.skip(),) * len(NAMES)
    if chosen == NEW:
        return tuple(_list(context, NEW) if name == "runs" else gr.skip() for name in NAMES)
    if chosen not in {run.name for run in context.workspace.runs()}:  # it was just renamed
        return (gr.skip(),) * len(NAMES)
    return show(context, chosen, dataset, start_from, stamp)


def receive(context: Context, lead: Lead) -> tuple[str, Any, Any, Any]:
    """A new run on the dataset of a lead, or from its model."""
    dataset, model = lead.face.get("dataset"), lead.face.get("model")
    if not isinstance(dataset, str):
        return NEW, gr.skip(), gr.skip(), model if isinstance(model, str) else AUTO
    return NEW, dataset, form.free_name(context, dataset), AUTO


def follow(context: Context, name: str) -> tuple[Any, Any]:
    """The model and epoch of all tabs: those of the run that was started or resumed."""
    return list_models(context, name), list_epochs(context, name)


def duplicate(context: Context, name: str) -> tuple[Any, ...]:
    """The form, filled in as for this run, with another name."""
    dataset, settings = jobs.origin(context.workspace, name)
    return NEW, form.free_name(context, name), dataset, *settings.to_json().values()


def lead_to_photos(context: Context) -> str:
    """A lead to Photos."""
    return Lead("photos", {}).to_text()


def restore_deleted(
    context: Context, key: str | None, chosen: str, model: str | None
) -> tuple[str, Any]:
    """Restore something from the trash; the run that is then chosen, and the models."""
    context.access.check(Message("train"))
    path = trash.restore(context.workspace, str(key))
    is_run = path.parent == context.workspace.checkpoints
    return path.name if is_run else chosen, list_models(context, model)


def enable(context: Context, is_sure: bool) -> Any:
    """The button that empties the trash."""
    return gr.update(interactive=is_sure)


def empty_trash(context: Context, is_sure: bool) -> bool:
    """Delete everything in the trash for good."""
    context.access.check(Message("train"))
    if not is_sure:
        raise UserError("What is in the trash is deleted for good then: tick the box first.")
    trash.empty(context.workspace)
    return False


def _present(context: Context, chosen: str) -> str:
    """A run; where it is not there any more, that is reported and none is chosen."""
    if chosen == NEW or chosen in {run.name for run in context.workspace.runs()}:
        return chosen
    gr.Warning(_("That run is not here any more."))
    return NEW


def _list(context: Context, chosen: str) -> Any:
    names = run_status.choices(context)
    is_there = chosen in {NEW, *(name for _text, name in names)}
    choices = [(_("New run"), NEW), *names]
    # The choice is left alone where it stands: a visitor may have made another one meanwhile.
    return gr.update(choices=choices) if is_there else gr.update(choices=choices, value=NEW)


def _list_trash(context: Context) -> tuple[Any, Any]:
    found = trash.entries(context.workspace)
    choices = [(f"{one.name}, {counts.days_left(one.days_left)}", one.key) for one in found]
    value = found[0].key if found else None
    return gr.update(visible=bool(found)), gr.update(choices=choices, value=value)
