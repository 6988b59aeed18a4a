"""The form for a new run: its fields, the checks while it is filled in, the estimate."""

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb.app import catalogue, counts, faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.api.runs import read_training
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.choice import Choice
from neuroceleb.app.components.text import Text
from neuroceleb.app.parameters import read_text
from neuroceleb.app.run_status import duration, megabytes
from neuroceleb.app.setting_labels import FIRST, GROUPS, LABELS, in_words
from neuroceleb.data.sources import open_source
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import jobs, starts
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import check_name
from neuroceleb.settings import AUTO, NONE, RECIPES, Settings

SPECS = {spec.name: spec for spec in dataclasses.fields(Settings)}
BY_RECIPE = tuple(dict.fromkeys(name for recipe in RECIPES.values() for name in recipe))
MAX_NAME = 80

Values = Sequence[Any]  # of the settings, in the order of SPECS


@dataclasses.dataclass(frozen=True)
class Form:
    """The form's components. `settings` has one for each setting."""

    name: gr.Textbox
    name_note: Text
    dataset: gr.Dropdown
    no_dataset: gr.Column
    photos: gr.Button
    start_note: Text
    settings: dict[str, Any]
    check: gr.Button
    start: gr.Button
    note: Text
    estimate: Text


def lay_out(context: Context) -> Form:
    """The fields, the settings that matter first above the others."""
    is_local, settings = context.access.is_local, {}
    with gr.Column(visible=False, elem_id="no-datasets") as no_dataset:
        Text(label("There is no dataset yet: a run needs a folder of faces to learn from."))
        photos = gr.Button(label("Make one from photos"), variant="primary", elem_id="to-photos")
    with gr.Row(elem_classes="nc-controls nc-fields"):
        info = label("Or the path of a folder or zip on this machine.") if is_local else None
        dataset = Choice(
            label=label("Dataset"), info=info, allow_custom_value=is_local, elem_id="dataset"
        )
        name = gr.Textbox(
            label=label("Name"),
            info=label("A run starts under a name of its own."),
            max_lines=1,
            max_length=MAX_NAME,
            elem_id="run-name",
        )
        settings["start_from"] = Choice(
            [AUTO, NONE],
            value=AUTO,
            label=LABELS["start_from"],
            allow_custom_value=is_local,
            elem_id="set-start_from",
        )
    name_note = Text(elem_id="name-note")
    start_note = Text(elem_id="start-note")
    with gr.Row(elem_classes="nc-controls nc-fields"):
        settings |= {one: _field(one) for one in FIRST}
    for title, sentence, names in GROUPS:
        with gr.Accordion(title, open=False):
            gr.Markdown(sentence)
            with gr.Row(elem_classes="nc-controls nc-fields"):
                settings |= {one: _field(one) for one in names}
    with gr.Row(elem_classes="nc-bar"):
        check = gr.Button(label("Check and estimate"), elem_id="check")
        start = gr.Button(label("Start"), variant="primary", interactive=False, elem_id="start")
    note, estimate_ = Text(elem_id="form-note"), Text(elem_id="estimate")
    ordered = {one: settings[one] for one in SPECS}
    return Form(
        *(name, name_note, dataset, no_dataset, photos, start_note),
        *(ordered, check, start, note, estimate_),
    )


def _field(name: str) -> Any:
    spec: Any = SPECS[name]
    explanation = spec.metadata["help"]
    texts = {"label": LABELS[name], "info": label(explanation)}
    if "choices" in spec.metadata:
        choices = list(spec.metadata["choices"])
        return gr.Dropdown(
            choices, value=spec.default, filterable=False, elem_id=f"set-{name}", **texts
        )
    precision = 0 if spec.type is int else None
    return gr.Number(spec.default, precision=precision, elem_id=f"set-{name}", **texts)


# Listeners -----------------------------------------------------------------------------------


def list_datasets(context: Context, chosen: str | None) -> tuple[Any, Any]:
    """The dropdown of the datasets, and the hint where there is none."""
    names = context.workspace.dataset_names()
    is_there = chosen in names or (bool(chosen) and context.access.is_local)
    value = chosen if is_there else next(iter(names), None)
    # A choice that stands is left alone: a visitor may have made another one meanwhile.
    stands = (value or "") == (chosen or "")
    update = gr.update(choices=names) if stands else gr.update(choices=names, value=value)
    return update, gr.update(visible=not value)


def list_starts(context: Context, dataset: str | None, chosen: str | None) -> tuple[Any, str]:
    """The models to start from, and why the recommended one is recommended."""
    recommended, reason = _recommendation(context, dataset)
    names = [run.name for run in faces.models(context.workspace)]
    text = _("Recommended: {model}").format(model=recommended)
    choices = [(text, AUTO), (_("Noise"), NONE), *((name, name) for name in names)]
    update = gr.update(choices=choices) if chosen else gr.update(choices=choices, value=AUTO)
    return update, reason


def choose_dataset(
    context: Context, dataset: str | None, chosen: str | None
) -> tuple[Any, str, Any]:
    """The models to start from, as `list_starts`, and no hint where a dataset is named."""
    is_missing = not dataset and not context.workspace.dataset_names()
    return *list_starts(context, dataset, chosen), gr.update(visible=is_missing)


def _recommendation(context: Context, dataset: str | None) -> tuple[str, str]:
    """What `auto` will start from, as far as it is known before it is measured, and why."""
    names = [run.name for run in starts.candidates(context.workspace)]
    count = _count(context, dataset)
    if count is not None and count >= starts.FEW_FACES:
        return _("Noise"), _("{count:,} photos are enough to start from noise.").format(count=count)
    if not names:
        return _("Noise"), _("No shipped model is here to start from.")
    model = names[0] if len(names) == 1 else _("the nearest model")
    few = _("Few photos") if count is None else _("{count:,} photos are few").format(count=count)
    reason = _(
        "{few}: from a model of other faces, recognisable ones come within minutes. {models}: "
        "Check and estimate measures which is nearest. Its terms hold for what is made from it."
    )
    return model, reason.format(few=few, models=_(" or ").join(names))


def _count(context: Context, dataset: str | None) -> int | None:
    """The number of files of a dataset; None where it cannot be read, or not be named."""
    if not dataset:
        return None
    try:
        source, _settings = read_training(context, dataset, None)
        with open_source(source) as files:
            return len(files.entries())
    except (UserError, OSError):
        return None


def settings_by_recipe() -> dict[str, list[Any]]:
    """The settings that the recipes differ in, BY_RECIPE, as each recipe has them."""
    return {
        recipe: [own.get(name, SPECS[name].default) for name in BY_RECIPE]
        for recipe, own in RECIPES.items()
    }


def review(
    context: Context, name: str, dataset: str | None, *values: Any
) -> tuple[str, str, str, Any]:
    """What is wrong with the name, what else is in the way, no estimate, whether it can start.

    A name that is not there yet is no mistake: the hint of its field says that one is needed.
    """
    found = ["", ""]
    if not context.access.is_open:
        found[1] = _("Visitors may only watch here: start the server with --auth USER:PASSWORD.")
    checks: list[tuple[int, Callable[[], Any]]] = [(1, partial(_read, context, dataset, values))]
    if name.strip():
        checks.append((0, partial(_read_name, context, name)))
    for at, check in checks:
        try:
            check()
        except UserError as error:
            found[at] = found[at] or in_words(error.message)
    can_start = bool(name.strip()) and not any(found)
    # A button that goes off while a number is written, and on again, would swallow a click.
    is_half_written = None in values
    button = gr.skip() if is_half_written else gr.update(interactive=can_start)
    return found[0], found[1], "", button


def estimate(
    context: Context, name: str, dataset: str | None, *values: Any
) -> tuple[str, Any, str, str]:
    """What the run would take, and everything in its way; whether it can start; of what it is."""
    context.access.check(Message("train"))
    named = _read_name(context, name)
    text, settings, _source = _read(context, dataset, values)
    found = jobs.estimate(context.workspace, named, text, settings)
    is_fatal = any(problem["is_fatal"] for problem in found["problems"])
    start = found["start_model"] or {}
    note = _("It cannot start like this: see below.") if is_fatal else ""
    lines = [*_facts(found), catalogue.sentence(start, "reason"), str(start.get("terms") or "")]
    for problem in found["problems"]:
        mark = "✕" if problem["is_fatal"] else "!"
        lines.append(f"{mark} {in_words(catalogue.sentence(problem, 'sentence'))}")
    text, can_start = "\n".join(filter(None, lines)), gr.update(interactive=not is_fatal)
    return text, can_start, note, _text_of(name, dataset, values)


def review_if_changed(
    context: Context, estimated: str, name: str, dataset: str | None, *values: Any
) -> tuple[Any, ...]:
    """As `review`, where the form is not any more as it was `estimated`."""
    if estimated == _text_of(name, dataset, values):
        return (gr.skip(),) * 4
    return review(context, name, dataset, *values)


def _text_of(name: str, dataset: str | None, values: Values) -> str:
    return json.dumps([name, dataset, *values])


def start(context: Context, name: str, dataset: str | None, *values: Any) -> tuple[str, str]:
    """Start the run, or put it into the queue where its device is busy; its name, and no other."""
    context.access.check(Message("train"))
    named = _read_name(context, name)
    _, settings, source = _read(context, dataset, values)
    config = jobs.new_config(context.workspace, source, settings)
    return jobs.start(context.workspace, named, config).name, ""


def free_name(context: Context, wanted: str) -> str:
    """A name for a new run like this one: with the next number that is not in use."""
    base = re.sub(r"[ _-]\d+$", "", wanted.removesuffix(".zip"))[: MAX_NAME - 8]
    taken = {run.name for run in context.workspace.runs()}
    names = (base if number == 1 else f"{base} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _read_name(context: Context, name: str) -> str:
    named = check_name(read_text(name, Message("The run has no name yet: give it one.")))
    if Run(context.workspace.checkpoints / named).exists():
        raise UserError("There is already a run '{name}': use another name.", name=named)
    return named


def _read(context: Context, dataset: str | None, values: Values) -> tuple[str, Settings, Path]:
    """The dataset and the settings, checked as far as that takes no time."""
    text = read_text(dataset, Message("No dataset is chosen: choose one."))
    given = dict(zip(SPECS, values, strict=True))
    for name, value in given.items():
        if value is None:
            raise UserError(
                "{setting} is empty: write a number.", setting=f"--{name}".replace("_", "-")
            )
    source, settings = read_training(context, text, given)
    if settings.start_from not in ("", AUTO, NONE):
        run = Run(starts.find(context.workspace, settings.start_from).parent)
        if run.exists() and not starts.has_widths_of(run, settings):
            raise UserError(
                "--start-from {name}: that model has another --nz or --ngf: take its values, or "
                "another model.",
                name=run.name,
            )
    return text, settings, source


def _facts(found: dict[str, Any]) -> list[str]:
    lines = []
    if found["faces"] is not None:
        skipped = counts.files_skipped(found["skipped"])
        lines.append(f"{counts.photos(found['faces'])}, {skipped}")
    if found["images_per_second"] is not None:
        speed = _("{images_per_second:,.1f} images a second on {device}").format(**found)
        lines.append(f"{_('Takes about {time}').format(time=duration(found['seconds']))} · {speed}")
        lines.append(_("Memory {size}").format(size=megabytes(found["memory_mb"] * 2**20)))
    if found["disk_bytes"] is not None:
        sizes = megabytes(found["disk_bytes"]), megabytes(found["disk_free_bytes"])
        lines.append(_("Disk {size} of {free} free").format(size=sizes[0], free=sizes[1]))
    return lines
