"""One run on the Train tab: its state while it goes on, and what can be done with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb import images
from neuroceleb.app import run_status
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.text import Text
from neuroceleb.app.parameters import read_whole
from neuroceleb.app.setting_labels import in_words
from neuroceleb.app.shared import Lead, list_epochs, list_models
from neuroceleb.data import dataset
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import card, jobs, starts, trash, verdict
from neuroceleb.runs.run import ACTIVE, Run

LOG_LINES = 60
BUTTONS = ("stop", "force", "resume", "watch", "generate", "duplicate", "card", "rename", "delete")

Shown = dict[str, Any]  # updates by the name of the component


@dataclass(frozen=True)
class View:
    """The components of a run. Those named in BUTTONS are its buttons."""

    box: gr.Column
    title: Text
    facts: Text
    meter: gr.HTML
    message: Text
    verdict: Text
    watch: gr.Button
    generate: gr.Button
    stop: gr.Button
    force: gr.Button
    resume: gr.Button
    epochs: gr.Textbox
    duplicate: gr.Button
    card: gr.Button
    why: Text
    sheet: gr.Image
    log: gr.Textbox
    new_name: gr.Textbox
    rename: gr.Button
    delete: gr.Button
    confirm: gr.Column
    question: Text
    asked: gr.Textbox  # the run that the question names
    keep: gr.Button
    yes: gr.Button
    stamp: gr.Textbox  # of what is shown


def lay_out(box: gr.Column) -> View:
    """The components, in the column `box`."""
    title, facts = Text(elem_id="run-title"), Text(elem_id="run-facts")
    meter = gr.HTML(
        0,
        html_template='<progress class="nc-meter" max="1" value="{{value}}" '
        'aria-labelledby="run-facts"></progress>',
        apply_default_css=False,
        elem_id="run-meter",
    )
    message, judged = Text(elem_id="run-message"), Text(elem_id="train-verdict")
    with gr.Row(elem_classes="nc-controls"):
        watch = gr.Button(label("Watch its film"), elem_id="watch")
        generate = gr.Button(label("Generate from it"), elem_id="generate-from")
        stop = gr.Button(label("Stop"), elem_id="stop")
        force = gr.Button(label("End it by force"), elem_id="force")
        # Not a Number: Gradio's page shows one that is emptied as 0.
        epochs = gr.Textbox(label=label("Epochs in all"), max_lines=1, elem_id="more-epochs")
        resume = gr.Button(label("Resume"), elem_id="resume")
        duplicate = gr.Button(label("Duplicate"), elem_id="duplicate")
        card_ = gr.Button(label("Card to print"), elem_id="card")
    why = Text(elem_id="run-why")
    sheet = gr.Image(
        label=label("Newest sheet"), interactive=False, format="png", elem_id="newest", buttons=[]
    )
    with gr.Accordion(label("Log"), open=False):
        log = gr.Textbox(
            label=label("The end of the run's log"), lines=14, max_lines=14, elem_id="run-log"
        )
    manage = gr.Accordion(label("Rename or delete"), open=False, elem_id="manage")
    with manage:
        with gr.Row(elem_classes="nc-controls"):
            new_name = gr.Textbox(label=label("New name"), max_lines=1, elem_id="new-name")
            rename = gr.Button(label("Rename"), elem_id="rename")
            delete = gr.Button(label("Delete …"), elem_id="delete")
        with gr.Column(visible=False, elem_id="confirm") as confirm:
            question = Text(elem_id="question")
            with gr.Row(elem_classes="nc-bar"):
                keep = gr.Button(label("Keep it"), elem_id="keep")
                yes = gr.Button(label("Move to the trash"), elem_id="delete-yes")
    asked, stamp = gr.Textbox(visible=False), gr.Textbox(visible=False)
    return View(
        *(box, title, facts, meter, message, judged, watch, generate, stop, force, resume, epochs),
        *(duplicate, card_, why, sheet, log, new_name, rename, delete),
        *(confirm, question, asked, keep, yes, stamp),
    )


def show(context: Context, name: str, stamp: str = "") -> Shown:
    """What the components show of a run; where the stamp is still true, only what moves."""
    run = context.workspace.run(name)
    status, rows = run.status(), run.stats()
    moving = {
        "facts": run_status.facts(run, status, run_status.places(context.workspace).get(name)),
        "meter": run_status.share_done(status),
        "log": _log(run) if context.access.is_open else gr.update(visible=False),
    }
    sheets = run.sheets()
    actions = actions_of(context, run, status)
    now = json.dumps([name, status["state"], len(rows), max(sheets, default=-1), actions])
    if now == stamp:
        return moving
    judgement = verdict.judge(rows)
    advice = in_words(judgement.advice) if judgement and judgement.advice else ""
    is_ended = status["state"] not in ACTIVE and "resume" in actions
    # What has been typed stays, so that a tick does not undo it.
    typed = {} if _is_of(stamp, name) else {"value": ""}
    return moving | {
        "box": gr.update(visible=True),
        "title": name,
        "message": run_status.message(status) if context.access.is_open else "",
        "verdict": f"{in_words(judgement.sentence)} {advice}" if judgement else "",
        "epochs": gr.update(placeholder=str(_more_epochs(status)), visible=is_ended, **typed),
        "why": " ".join(dict.fromkeys(filter(None, actions.values()))),
        "sheet": _newest(sheets),
        "new_name": gr.skip() if _is_of(stamp, name) else name,  # it may be being typed
        "stamp": now,
        **{button: _button(button, actions, status["state"]) for button in BUTTONS},
    }


def _is_of(stamp: str, name: str) -> bool:
    """Whether a stamp of `show` is of the run of that name."""
    return stamp.startswith(json.dumps([name])[:-1] + ",")


def _more_epochs(status: dict[str, Any]) -> int:
    """To how many epochs a run is resumed if nothing is typed: half as many more if finished."""
    epochs = status.get("epochs") or 1
    return int(epochs + max(1, epochs // 2) if status["state"] == "finished" else epochs)


def _log(run: Run) -> str:
    return "\n".join(jobs.log_tail(run, LOG_LINES))


def _newest(sheets: dict[int, Path]) -> Any:
    """The last of the sample sheets, by epoch."""
    if not sheets:
        return gr.update(value=None, visible=False)
    epoch = max(sheets)
    text = _("Newest sheet: epoch {epoch}").format(epoch=epoch)
    return gr.update(value=images.load(sheets[epoch]), label=text, visible=True)


def _button(name: str, actions: dict[str, str], state: str) -> Any:
    primary = {"finished": "generate"}.get(state, "watch" if state in ACTIVE else "resume")
    update = gr.update(
        visible=name in actions,
        interactive=not actions.get(name),
        variant="primary" if name == primary else "secondary",
    )
    if name == "resume":
        update["value"] = _("Train longer") if state == "finished" else _("Resume")
    return update


def actions_of(context: Context, run: Run, status: dict[str, Any]) -> dict[str, str]:
    """The buttons of a run in its state, each with the reason why it is disabled, or ""."""
    is_shipped = bool(starts.shipped(run))
    is_active = status["state"] in ACTIVE | {"suspended"}
    watching = "" if context.access.is_open else _("Visitors may only watch here.")
    found = {
        "watch": "" if run.sheets() else _("Its film begins with its first epoch."),
        "generate": "" if run.kept() else _("Its faces come with its first kept epoch."),
        "card": "",
    }
    if is_active or status["state"] == "queued":
        asked = _("It was asked to stop and is finishing its step.")
        found["stop"] = watching or (asked if run.stop_file.exists() else "")
        if jobs.may_force(run):
            found["force"] = watching
    else:
        found["resume"] = watching or _no_photos(context, run)
    found["duplicate"] = watching
    busy = _("It can be renamed or deleted when it has stopped.") if is_active else ""
    shipped = _("It ships with Neuro-celeb and cannot be deleted.") if is_shipped else ""
    return found | {"rename": watching or busy, "delete": watching or busy or shipped}


def _no_photos(context: Context, run: Run) -> str:
    """Why a run cannot be resumed: its photos are not there; "" where they are."""
    try:
        dataset.locate(jobs.origin(context.workspace, run.name)[0], context.workspace.datasets)
    except UserError:
        return _("It cannot be trained on: its photos are not here.")
    return ""


# Listeners -----------------------------------------------------------------------------------


def stop(context: Context, name: str) -> None:
    """Ask a run to stop, or take it out of the queue."""
    context.access.check(Message("train"))
    jobs.stop(context.workspace, name)


def force(context: Context, name: str) -> None:
    """Kill a run that was asked to stop and has not."""
    context.access.check(Message("train"))
    jobs.force_stop(context.workspace, name)


def resume(context: Context, name: str, text: str) -> None:
    """Train a run on, to so many epochs in all; "" for those that their field proposes."""
    context.access.check(Message("train"))
    status = context.workspace.run(name).status()
    epochs = read_whole(text, Message("Epochs in all")) if text.strip() else None
    if epochs is None and status["state"] == "finished":
        epochs = _more_epochs(status)
    jobs.resume(context.workspace, name, epochs)


def rename(context: Context, name: str, new: str, model: str | None) -> tuple[str, Any]:
    """Rename a run; its name, and the models, of which the chosen one stays so."""
    context.access.check(Message("train"))
    renamed = jobs.rename(context.workspace, name, new.strip()).name
    return renamed, list_models(context, renamed if model == name else model)


def delete(context: Context, name: str, model: str | None) -> tuple[str, Any, Any]:
    """Move a run to the trash; that none is chosen then, the models, and a new one's epochs."""
    context.access.check(Message("train"))
    jobs.delete(context.workspace, name)
    models = list_models(context, model)
    epochs = gr.skip() if models["value"] == model else list_epochs(context, models["value"])
    return "", models, epochs


def ask(context: Context, name: str) -> tuple[Any, str, str]:
    """The question whether to delete a run, and the run that it names."""
    question = _(
        "Move '{name}' with its weights, sheets and figures to the trash? It can be restored from "
        "there for {days} days."
    ).format(name=name, days=trash.KEPT_DAYS)
    return gr.update(visible=True), question, name


def lead(context: Context, name: str, to: str) -> str:
    """A lead to another tab, with the run's newest faces."""
    return Lead(to, {"model": name}).to_text()


def save_card(context: Context, name: str) -> str:
    """The run's card: a page of HTML that prints well."""
    path = context.new_file(f"{name}.html")
    path.write_text(card.html(context.workspace.run(name), in_words), "utf-8")
    return str(path)
