"""The Progress tab: how a run learned, or is learning."""

import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb.app import html_export, sheets
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.choice import Choice
from neuroceleb.app.components.epoch_reel import EpochReel
from neuroceleb.app.components.live_chart import LiveChart
from neuroceleb.app.components.text import Text
from neuroceleb.app.downloads import save_on_click
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.parameters import read_object, read_text, read_whole
from neuroceleb.app.shared import (
    PROGRESS,
    Address,
    Chosen,
    Lead,
    Shared,
    Updates,
    list_epochs,
    list_models,
    new_inbox,
)
from neuroceleb.app.tabs.progress import figures, tour_panel
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import import_2017, timelapse
from neuroceleb.runs.run import Run

POLL_S = 2.0
ITSELF = "."  # compared with another epoch of the same run
SHOWN = 9  # the first components of the tab, which `show` sets

Shown = tuple[Any, ...]  # for the outputs of `show`


@dataclass(frozen=True)
class Progress:
    """The components of the tab."""

    reel: EpochReel
    charts: LiveChart
    status: Text
    verdict: Text
    beside: gr.Dropdown
    generate: gr.Button
    film: gr.Button
    timer: gr.Timer
    stamp: gr.Textbox  # of what is shown
    sheet: gr.Textbox  # the epoch shown; "" for the newest
    incoming: gr.Textbox


def build(shared: Shared, tab: gr.Tab) -> Progress:
    """Lay out the tab and connect its listeners."""
    with gr.Row(elem_classes="nc-controls"):
        beside = Choice(
            label=label("Compare with"), elem_id="beside", filterable=False, min_width=200
        )
        generate = gr.Button(label("Generate from this epoch"), elem_id="generate-epoch")
        film = gr.Button(label("Watch its film"), elem_id="watch-film", visible=False)
        start = gr.Button(label("Guided tour"), elem_id="tour")
        quiz = gr.Button(label("Which is later?"), elem_id="quiz")
        html_export.add_button(shared)
    status, verdict = Text(elem_id="run-status"), Text(elem_id="run-verdict")
    guide = tour_panel.lay_out()
    with gr.Row(elem_classes="nc-columns"):
        with gr.Column(min_width=320, elem_id="reel-column"):
            reel = EpochReel(elem_id="reel", **_functions(shared.context))
            with gr.Row(elem_classes="nc-controls"):
                seed = gr.Number(777, label=label("Any seed"), precision=0, elem_id="life-seed")
                strip = gr.Button(label("Its epochs"), elem_id="seed-epochs")
            _lay_out_timelapse(shared)
            imported = _lay_out_import(shared)
        with gr.Column(min_width=320):
            charts = LiveChart(elem_id="charts")
    timer = gr.Timer(POLL_S, active=False)
    stamp, sheet, inbox = gr.Textbox(visible=False), gr.Textbox(visible="hidden"), new_inbox()
    shown = (reel, charts, status, verdict, beside, generate, film, timer, stamp)
    ui = Progress(*shown, sheet, inbox.incoming)

    inputs = [shared.model, shared.epoch, beside, sheet, stamp]
    outputs = outputs_of(ui)
    shared.refresh(tab, PROGRESS, show, inputs, outputs, inbox, order=PROGRESS)
    shared.receive(inbox, receive, inputs[:3], outputs)
    for event in (beside.input, imported.success):
        shared.listen(event, show, inputs, outputs, order=PROGRESS)
    shared.poll(timer, poll, [shared.shown, *inputs], outputs, order=PROGRESS)
    noted = shared.listen(reel.rest, note_epoch, [], [sheet])
    shared.listen(generate.click, lead_to_generate, [shared.model, sheet], [shared.handover])
    for button, name in ((film, "play"), (quiz, "quiz")):
        script = f"() => document.dispatchEvent(new CustomEvent('neuroceleb:{name}'))"
        button.click(None, js=script, api_visibility="private")
    shared.listen(strip.click, show_seed, [shared.model, beside, seed], [reel])
    tour_panel.connect(shared, guide, start, reel)
    ended = shared.listen(guide.end.click, tour_panel.end_tour, [], [guide.box, stamp])
    shared.listen(ended.success, show, inputs, outputs, order=PROGRESS)
    shared.address(beside, "beside", "", is_step=True)
    shared.address(sheet, "sheet", None, is_step=False, after=[noted.success])
    return ui


def outputs_of(ui: Progress) -> list[Any]:
    """The components that `show` sets."""
    return list(vars(ui).values())[:SHOWN]


def _functions(context: Context) -> dict[str, Any]:
    """The functions that the reel calls from the browser."""
    return {
        "sheets": bind_server_function(context, previews),
        "strip": bind_server_function(context, strip),
    }


def previews(context: Context, wanted: Any) -> list[str]:
    """Previews of sample sheets, see `sheets.previews`."""
    return sheets.previews(context.workspace, read_object(wanted))


def strip(context: Context, wanted: Any) -> dict[str, Any]:
    """One face through the epochs, see `sheets.strip`."""
    return sheets.strip(context.workspace, read_object(wanted))


def _lay_out_timelapse(shared: Shared) -> None:
    with gr.Accordion(label("Timelapse"), open=False, elem_id="timelapse"):
        with gr.Row(elem_classes="nc-controls"):
            kind = gr.Radio(["mp4", "gif"], value="mp4", label=label("Format"))
            face = gr.Textbox(
                label=label("Face"), info=label("Its number on the sheet; empty for all faces.")
            )
            fps = gr.Dropdown([4, 8, 16, 30], value=8, label=label("Epochs a second"))
            curves = gr.Checkbox(True, label=label("Curves beneath"))
        make = gr.Button(label("Make the timelapse"), variant="primary", elem_id="timelapse-make")
    save_on_click(shared, make, film_of, [shared.model, kind, face, fps, curves])


def _lay_out_import(shared: Shared) -> Any:
    """The import of an old run; returns its event."""
    with gr.Accordion(
        label("Import an old run"),
        open=False,
        elem_id="import",
        visible=shared.context.access.is_local,
    ):
        with gr.Row(elem_classes="nc-controls"):
            folder = gr.Textbox(
                label=label("Folder on this machine"),
                info=label(
                    "What the original script of 2017 wrote: sheets, result_dict.p, netG.pth. "
                    "It is not changed, and a file that carries code is refused."
                ),
            )
            name = gr.Textbox(label=label("Name"), max_lines=1)
        start = gr.Button(label("Import"), elem_id="import-start")
    return shared.listen(
        start.click, import_run, [folder, name], [shared.model, shared.epoch], is_long=True
    )


def restore(context: Context, ui: Progress, address: Address, chosen: Chosen | None) -> Updates:
    """The comparison and the epoch of an address; with the run where the tab is open."""
    beside, sheet = address.get("beside", ""), address.get("sheet", "")[:7]
    sheet = sheet if sheet.isdecimal() else ""
    stamp = json.dumps([None, None, beside])  # nothing is shown yet
    updates: Updates = {ui.sheet: sheet, ui.stamp: stamp}
    updates[ui.beside] = _choices_beside(context, None, beside)
    if chosen is not None:
        shown = show(context, chosen.model, chosen.epoch, beside, sheet, stamp)
        updates |= dict(zip(outputs_of(ui), shown, strict=True))
    return updates


def lead_events(ui: Progress) -> list[Any]:
    """The events that send a face to another tab."""
    return [ui.reel.lead]


# Listeners -----------------------------------------------------------------------------------


def show(
    context: Context,
    model: str | None,
    epoch: int | None,
    beside: str | None,
    sheet: str,
    stamp: str,
) -> Shown:
    """The run, at the epoch `sheet` or `epoch` where another one was chosen; only what changed."""
    if not model:
        return (gr.skip(),) * SHOWN
    run = context.workspace.run(model)
    before = _read_stamp(stamp)
    is_newest = epoch == max(run.kept(), default=None)
    # The first kept epoch of a run that goes on is chosen by the page, not by a visitor.
    if before[:2] == [model, epoch] or (before[:2] == [model, None] and is_newest):
        return _shown(context, run, epoch, beside, None, stamp)
    wanted = None if before[0] != model and is_newest else epoch
    if before[0] is None:  # opened by an address, which may name what is not there
        wanted, beside = _epoch_of(sheet) if sheet else wanted, beside or before[2]
    nearest, note = _nearest(run, wanted)
    return _shown(context, run, epoch, beside, {"epoch": nearest}, stamp, note)


def poll(context: Context, shown: str, *values: Any) -> Shown:
    """As `show`, where the tab is in view."""
    return show(context, *values) if shown == PROGRESS else (gr.skip(),) * SHOWN


def receive(
    context: Context, lead: Lead, model: str | None, epoch: int | None, beside: str | None
) -> Shown:
    """The run of a lead from another tab: at an epoch, playing, or one face through the epochs."""
    run = sheets.read_run(context.workspace, lead.face.get("model") or model)
    command: dict[str, Any] = {"epoch": _nearest(run, lead.face.get("epoch"))[0]}
    if lead.to == "film":
        command = {"epoch": min(run.sheets(), default=None), "play": True}
    elif "seed" in lead.face or "z" in lead.face:
        command["face"] = lead.face
    if "model" in lead.face:  # the page may still show another one's epoch
        epoch = _chosen_with(run, lead.face.get("epoch"))
    return _shown(context, run, epoch, beside, command, "")


def _chosen_with(run: Run, wanted: Any) -> int | None:
    """The kept epoch that a lead to a run chooses for all tabs."""
    kept = list(run.kept())
    return _nearest_of(kept, wanted) if kept and type(wanted) is int else max(kept, default=None)


def _nearest_of(epochs: list[int], wanted: int) -> int:
    return min(epochs, key=lambda epoch: abs(epoch - wanted))


def note_epoch(context: Context, event: gr.EventData) -> str:
    """The epoch that the reel shows, "" for the newest."""
    return "" if event.is_newest else str(read_whole(event.epoch, Message("The epoch")))


def lead_to_generate(context: Context, model: str | None, sheet: str) -> str:
    """A lead to Generate, with the weights that were kept nearest to the epoch shown."""
    kept = list(sheets.read_run(context.workspace, model).kept())
    if not kept:
        raise UserError("The run '{run}' has kept no weights yet: wait for them.", run=model)
    wanted = _epoch_of(sheet) if sheet else kept[-1]
    epoch = _nearest_of(kept, wanted)
    if sheet and epoch != wanted:
        gr.Warning(
            _("Epoch {wanted} was not kept: this is epoch {nearest}, the nearest.").format(
                wanted=wanted, nearest=epoch
            )
        )
    return Lead("generate", {"model": model, "epoch": epoch}).to_text()


def _epoch_of(sheet: str) -> int:
    """The epoch that the page says it shows; raises UserError where it is no whole number."""
    return read_whole(sheet, Message("The epoch"), 0)


def show_seed(
    context: Context, model: str | None, beside: str | None, seed: float | None
) -> dict[str, Any]:
    """The reel, with the face of a seed through the epochs."""
    face = {"seed": read_whole(seed, Message("The seed"), 0), "truncation": 1.0}
    run = sheets.read_run(context.workspace, model)
    return _reel(run, _beside(context, run, beside), {"face": face})


def film_of(
    context: Context,
    model: str | None,
    kind: str,
    face: str,
    fps: float,
    curves: bool,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio finds it by this default
) -> str:
    """The timelapse of a run as a file, of all faces or of one."""
    run = sheets.read_run(context.workspace, model)
    if kind not in ("mp4", "gif"):
        raise UserError("A timelapse is an MP4 or a GIF: choose one of them.")
    place = read_whole(face, Message("The face")) if str(face or "").strip() else None
    plan = timelapse.plan(run, f".{kind}", face=place, fps=float(fps), curves=bool(curves))
    part = "" if place is None else f"_face_{place}"
    path = context.new_file(f"{run.name}{part}.{kind}")
    timelapse.write(plan, path, lambda done, count: progress((done, count)))
    return str(path)


def import_run(context: Context, folder: str, name: str) -> tuple[Any, Any]:
    """Import a folder of this machine, for visitors on it only; the run is chosen."""
    if not context.access.is_local:
        raise UserError(
            "A folder of this machine can be imported only by who sits at it: use the verb import."
        )
    place = read_text(
        folder, Message("No folder is named: write where the original script's files are.")
    )
    named = read_text(name, Message("The run has no name yet: give it one."))
    run = import_2017.import_folder(Path(place), context.workspace, named)
    return list_models(context, run.name), list_epochs(context, run.name)


# Parts ---------------------------------------------------------------------------------------


def _shown(
    context: Context,
    run: Run,
    epoch: int | None,
    beside: str | None,
    command: dict[str, Any] | None,
    stamp: str,
    note: str = "",
) -> Shown:
    """What `outputs_of` lists; where the stamp is that of what is shown, only the status."""
    other = _beside(context, run, beside)
    if beside and other is None and beside != run.name:
        note += " " + _("There is no run '{run}' to compare with.").format(run=beside[:80])
    reel = _reel(run, other, None)
    charts = figures.chart_value([run] if other in (None, run) else [run, other])
    active = figures.is_active(run)
    kept = "" if reel["a"]["kept"] else _("no weights kept yet")
    status = " · ".join(
        filter(None, [figures.status(run, has_message=context.access.is_open), kept, note])
    )
    content = hashlib.sha256(json.dumps([reel, charts, active]).encode()).hexdigest()
    now = json.dumps([run.name, epoch, beside, content])
    if now == stamp and command is None:
        return gr.skip(), gr.skip(), status, *(gr.skip(),) * (SHOWN - 3)
    return (
        _reel(run, other, command),
        charts,
        status,
        figures.judged(run),
        _choices_beside(context, run.name, beside or ""),
        gr.update(visible=True, interactive=not kept, variant="secondary" if active else "primary"),
        gr.update(visible=active),
        gr.Timer(active=active or (other is not None and figures.is_active(other))),
        now,
    )


def _read_stamp(stamp: str) -> list[Any]:
    """Run, epoch and other run of a stamp of `_shown`; None for each where there is none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(stamp)
        if isinstance(found, list) and len(found) > 2:
            return found
    return [None, None, ""]


def _reel(run: Run, other: Run | None, command: dict[str, Any] | None) -> dict[str, Any]:
    value = {"a": figures.side(run), "b": figures.side(other) if other else None}
    return value | ({"command": {"id": secrets.token_hex(4), **command}} if command else {})


def _beside(context: Context, run: Run, beside: str | None) -> Run | None:
    """The run that is compared with `run`, which may be itself; None for none."""
    names = [one.name for one in context.workspace.runs() if one != run]
    if beside == ITSELF:
        return run
    return context.workspace.run(beside) if beside in names else None


def _choices_beside(context: Context, model: str | None, value: str) -> Any:
    names = [run.name for run in context.workspace.runs() if run.name != model]
    choices = [(_("Nothing"), ""), (_("This run, another epoch"), ITSELF)]
    value = value if value in (ITSELF, *names) else ""
    return gr.update(choices=[*choices, *((name, name) for name in names)], value=value)


def _nearest(run: Run, wanted: Any) -> tuple[int | None, str]:
    """The epoch of the sheet nearest to an epoch, and a note where it is another.

    None, for the newest, where no epoch is wanted or there are no sheets.
    """
    there = list(run.sheets())
    if type(wanted) is not int or not there:
        return None, ""
    nearest = _nearest_of(there, wanted)
    text = _("Epoch {wanted} has no sample sheet: this is epoch {nearest}, the nearest.")
    return nearest, "" if nearest == wanted else text.format(wanted=wanted, nearest=nearest)
