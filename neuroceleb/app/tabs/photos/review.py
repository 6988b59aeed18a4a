"""Reviewing the faces of a dataset: views, thresholds, choices by hand, persons, saving."""

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from neuroceleb import images
from neuroceleb.app import counts
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label, sentence, translate
from neuroceleb.app.components.choice import Choice
from neuroceleb.app.components.photo_grid import PhotoGrid
from neuroceleb.app.components.text import Text
from neuroceleb.app.cropping import Status, cropper_of, photo_key
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.payloads import data_url
from neuroceleb.app.tabs.photos.bring import ACTION
from neuroceleb.app.tabs.photos.words import LIMITS, REASONS, SEVERAL, VIEWS
from neuroceleb.data.faces import draft, listing, report
from neuroceleb.data.faces.draft import Draft
from neuroceleb.data.faces.listing import ALL, LIKE, Review
from neuroceleb.data.faces.manifest import KEPT, FaceSet, Row
from neuroceleb.data.faces.rules import Rules, message_of
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import check_name

PAGE = 96  # faces
COLUMNS = 12  # of the sprite
WHOLE_VIEW = "*"  # ticked
SPECS = {spec.name: spec for spec in dataclasses.fields(Rules)}
DEFAULTS: dict[str, Any] = dataclasses.asdict(Rules())
WIDEST = 4  # a slider reaches so many times the default, unless the rule is set to more


@dataclasses.dataclass(frozen=True)
class Reviewed:
    """The components of the review that its listeners set."""

    review: gr.Column
    body: gr.Row
    bar: gr.Row
    levels: gr.Column
    facts: Text
    verdict: Text
    view: Choice
    person: Choice
    page: gr.Number  # hidden
    grid: PhotoGrid
    ticked: gr.JSON  # hidden: ids of faces, or WHOLE_VIEW
    selected: Text
    save_name: gr.Textbox
    save: gr.Button
    undo: gr.Button
    train: gr.Button
    who: gr.Dropdown  # the persons, and a name to give


# What `judge` returns.
JUDGED = ("facts", "verdict", "view", "person", "page", "grid", "save", "undo", "train")

CHOICES = {
    "keep": (label("Keep"), "keep"),
    "reject": (label("Leave out"), "reject"),
    "by_rules": (label("As the rules decide"), ""),
}


def lay_out(context: Context) -> tuple[Reviewed, dict[str, Any]]:
    """The components, in the column that is being built; and those that no listener sets."""
    tools: dict[str, Any] = {"choices": {name: choice for name, (_t, choice) in CHOICES.items()}}
    with gr.Column(visible=False, elem_id="photos-review") as review:
        facts, verdict = Text(elem_id="photos-facts"), Text(elem_id="photos-verdict")
        with gr.Row(elem_classes="nc-controls"):
            name = gr.Textbox(label=label("Name of the dataset"), max_lines=1, elem_id="save-name")
            save = gr.Button(label("Save the dataset"), elem_id="save-dataset")
            undo = gr.Button(label("Undo since saving"), visible=False, elem_id="undo-photos")
            train = gr.Button(label("Train on this"), variant="primary", elem_id="train-on-this")
            tools["card"] = gr.Button(label("Report card"), elem_id="report-card")
        tools["note"] = Text(elem_id="save-note")
    with gr.Row(visible=False, elem_classes="nc-columns") as body:
        with gr.Column(scale=1, min_width=250, elem_id="levels") as levels:
            with gr.Accordion(label("What is left out"), open=True):
                tools["rules"] = _lay_out_rules()
                tools["defaults"] = gr.Button(label("Recommended thresholds"), elem_id="defaults")
            with gr.Accordion(label("Persons"), open=False, elem_id="persons"):
                who = _lay_out_persons(tools)
        with gr.Column(scale=4, min_width=300):
            with gr.Row(elem_classes="nc-controls") as bar:
                view = Choice(
                    [(label("All faces"), ALL)],
                    value=ALL,
                    label=label("View"),
                    filterable=False,
                    elem_id="photos-view",
                )
                person = Choice(
                    [(label("Everybody"), "")],
                    value="",
                    label=label("Person"),
                    elem_id="person",
                )
                for tool, (text, _choice) in CHOICES.items():
                    tools[tool] = gr.Button(text, elem_id=f"ticked-{tool}", min_width=80)
                tools["find"] = gr.Button(label("Find this person"), elem_id="find-person")
                tools["remove"] = gr.Button(label("Delete the photos"), elem_id="ticked-remove")
            selected = Text(elem_id="selected")
            grid = PhotoGrid(photo=bind_server_function(context, photo), elem_id="photo-grid")
    page, ticked = gr.Number(0, visible=False), gr.JSON([], visible=False)
    return Reviewed(
        *(review, body, bar, levels, facts, verdict, view, person, page, grid, ticked, selected),
        *(name, save, undo, train, who),
    ), tools


def _lay_out_persons(tools: dict[str, Any]) -> gr.Dropdown:
    tools["sort"] = gr.Button(label("Group the faces by person"), elem_id="sort-persons")
    who = gr.Dropdown(
        label=label("Name"),
        info=label("A person that is here, or a new name."),
        allow_custom_value=True,
        elem_id="who",
    )
    tools["rename"] = gr.Button(label("Name the shown person"), elem_id="rename-person")
    tools["assign"] = gr.Button(label("The selected faces are this person"), elem_id="assign")
    tools["most"] = gr.Number(
        50, label=label("Faces to keep"), minimum=1, maximum=100_000, precision=0, elem_id="most"
    )
    tools["thin"] = gr.Button(label("Keep the most varied"), elem_id="thin-person")
    tools["remove_person"] = gr.Button(label("Remove the shown person"), elem_id="remove-person")
    return who


def _lay_out_rules() -> list[Any]:
    """A control for each rule, in their order."""
    controls: list[Any] = []
    for name, spec in SPECS.items():
        explanation = spec.metadata["help"]
        text, info = label(LIMITS[name]), label(explanation)
        if "low" not in spec.metadata:
            choices = [(label(text), choice) for choice, text in SEVERAL.items()]
            value = DEFAULTS[name]
            controls.append(
                gr.Dropdown(choices, value=value, label=text, info=info, elem_id=_id(name))
            )
            continue
        controls.append(
            gr.Slider(
                spec.metadata["low"],
                _reach(name),
                DEFAULTS[name],
                step=0.01 if spec.metadata["high"] <= 1 else 1,
                label=text,
                info=info,
                elem_id=_id(name),
            )
        )
    return controls


def _reach(name: str) -> float:
    bounds = SPECS[name].metadata
    high = float(bounds["high"])
    is_whole = high <= 1 or high == 255 or bounds["low"] < 0
    return high if is_whole else min(high, WIDEST * DEFAULTS[name])


def _id(name: str) -> str:
    return f"rule-{name.replace('_', '-')}"


# What is shown -------------------------------------------------------------------------------


def face_set_of(context: Context, dataset: str | None) -> FaceSet:
    """The dataset of that name, for visitors who may see it. Raises UserError."""
    context.access.check(ACTION)
    return cropper_of(context.workspace).face_set(check_name(dataset or ""))


def show(
    context: Context, dataset: str | None, view: str, person: str | None, page: float
) -> dict[str, Any]:
    """The components of the review, by name. Raises UserError where there is no such dataset."""
    found = listing.read(face_set_of(context, dataset))
    views = listing.views(found)
    listed = [(f"{_name_of(name)} ({number:,})", name) for name, number in views]
    if view.startswith(LIKE):
        listed.append((_("Like the chosen face"), view))
    groups = listing.groups(found.rows)
    view = view if view in {name for _text, name in listed} else ALL
    person = person if person in dict(groups) else ""
    rows = listing.select(found, view, person)
    pages = max(1, -(-len(rows) // PAGE))
    page = min(max(0, int(page)), pages - 1)
    everybody = [(_("Everybody"), "")]
    choices = everybody + [(f"{name} ({faces:,})", name) for name, faces in groups]
    sentences = report.assess(dataclasses.asdict(found.counts))["sentences"]
    return {
        "review": gr.update(visible=True),
        "body": gr.update(visible=True),
        "bar": gr.update(visible=True),
        "levels": gr.update(visible=True),
        "facts": _facts(found),
        "verdict": " ".join(sentence(one, "text") for one in sentences),
        "view": gr.update(choices=listed, value=view),
        "person": gr.update(choices=choices, value=person, visible=len(groups) > 1),
        "page": page,
        "grid": _grid(found, rows, view, person, page),
        "save": gr.update(interactive=not found.is_saved),
        "undo": gr.update(visible=not found.is_saved),
        "train": gr.update(interactive=found.counts.kept > 0),
        "who": gr.update(choices=[name for name, _faces in groups]),
    }


def judge(
    context: Context, dataset: str | None, view: str, person: str | None, page: float
) -> tuple[Any, ...]:
    """What changes where the faces are judged again; JUDGED says what."""
    shown = show(context, dataset, view, person, page)
    return tuple(shown[name] for name in JUDGED)


def _facts(found: Review) -> str:
    here = f"{counts.photos(found.counts.photos)}, {counts.faces(found.counts.faces)}"
    chosen = _("{kept:,} kept, {rejected:,} left out").format(
        kept=found.counts.kept, rejected=found.counts.rejected
    )
    saved = report.readable(found.face_set)
    parts = [f"{saved.get('size', '?')} px", str(saved.get("detector", "?"))]
    return " · ".join([here, chosen, *parts, _("all saved") if found.is_saved else _("not saved")])


def _name_of(view: str) -> str:
    return _(VIEWS.get(view) or REASONS.get(view, view))


def _grid(
    found: Review, rows: Sequence[Row], view: str, person: str | None, page: int
) -> dict[str, Any]:
    some = rows[page * PAGE : (page + 1) * PAGE]
    notes = {}
    if view.startswith(LIKE):
        notes = listing.distances(found.face_set, view.removeprefix(LIKE))
    return _items(found.face_set, some, notes) | {
        "key": f"{found.face_set.name}|{view}|{person}|{page}",
        "first": page * PAGE,
        "total": len(rows),
        "page": page,
        "live": False,
    }


def show_newest(context: Context, status: Status) -> dict[str, Any]:
    """The photos that were cropped last, with their faces, for the grid."""
    cropper = cropper_of(context.workspace)
    rows = [row for photo in cropper.newest() for row in photo]
    shown = _items(cropper.face_set(status.dataset), rows, {})
    return shown | {"key": "live", "first": 0, "total": len(rows), "page": 0, "live": True}


def _items(face_set: FaceSet, rows: Sequence[Row], notes: dict[str, float]) -> dict[str, Any]:
    by_photo: dict[str, list[Row]] = {}
    for row in rows:
        by_photo.setdefault(photo_key(row), []).append(row)
    faces = [_item(face_set, row, by_photo[photo_key(row)], notes) for row in rows]
    crops = tuple(face_set.crop_file(row) for row in rows if row.crop)
    columns = max(1, min(COLUMNS, len(crops)))
    return {"faces": faces, "sprite": _sprite(crops), "columns": columns}


def _item(
    face_set: FaceSet, row: Row, faces: Sequence[Row], notes: dict[str, float]
) -> dict[str, Any]:
    is_kept = row.verdict == KEPT
    reasons = [] if is_kept else [one for one in row.reasons if one.name in REASONS]
    reasons = [one for one in reasons if one.name != "overruled"]
    why = ", ".join(_(REASONS[reason.name]) for reason in reasons)
    if row.id in notes:
        why = f"{notes[row.id]:.2f} {why}".strip()
    long = "; ".join(translate(message_of(reason)) for reason in row.reasons)
    note = why if row.crop else f"{_name_of(row.verdict)}. {long}".strip()
    return {
        "id": row.id or photo_key(row),
        "name": row.source,
        "label": why if row.crop else None,
        "kept": is_kept,
        "by_hand": row.overruled is not None,
        "note": note,
        "title": long,
        "photo": [face_set.name, photo_key(row)],
        "size": row.photo_px,
        "boxes": [[*one.box, one.verdict == KEPT] for one in faces if one.box],
    }


@lru_cache(maxsize=16)
def _sprite(crops: tuple[Path, ...]) -> str:
    """A data URL of crops side by side; what cannot be read is grey."""
    found: list[Any] = []
    for path in crops:
        try:
            found.append(images.load(path))
        except UserError:
            found.append(None)
    sizes = [pixels.shape for pixels in found if pixels is not None]
    if not sizes:
        return ""
    cells = np.full((len(found), *max(sizes, key=sizes.count)), 128, np.uint8)
    for cell, pixels in zip(cells, found, strict=True):
        if pixels is not None and pixels.shape == cell.shape:
            cell[:] = pixels
    return data_url(images.sprite(cells, COLUMNS), "webp")


def photo(context: Context, wanted: Any) -> str | None:
    """A preview of a photo `[dataset, name]` that was cropped lately, for the grid."""
    if not isinstance(wanted, list) or len(wanted) != 2:
        raise UserError("That is no photo: reload the page.")
    face_set = face_set_of(context, str(wanted[0]))
    jpeg = cropper_of(context.workspace).previews.get(face_set.name, str(wanted[1]))
    return data_url(jpeg, "jpeg") if jpeg else None


# Rules and choices ---------------------------------------------------------------------------


def rules_of(context: Context, dataset: str | None) -> list[Any]:
    """The rules of the draft, as their controls show them."""
    if not dataset or not context.access.is_open:
        return [gr.skip()] * len(SPECS)
    rules = draft.read(face_set_of(context, dataset)).rules
    updates: list[Any] = []
    for name, spec in SPECS.items():
        value = getattr(rules, name)
        is_high = "low" in spec.metadata and value > _reach(name)
        wider = {"maximum": spec.metadata["high"]} if is_high else {}
        updates.append(gr.update(value=value, **wider))
    return updates


def try_rules(context: Context, dataset: str | None, *values: Any) -> None:
    """Judge by other rules, which are not saved yet."""
    face_set = face_set_of(context, dataset)
    rules = dict(zip(SPECS, values, strict=True))
    _write(face_set, draft.read(face_set).with_rules(**rules))


def recommend(context: Context, dataset: str | None) -> None:
    """The rules of the draft as they are recommended."""
    face_set = face_set_of(context, dataset)
    _write(face_set, Draft(Rules(), draft.read(face_set).choices))


def undo(context: Context, dataset: str | None) -> None:
    """Go back to what is saved."""
    draft.discard(face_set_of(context, dataset))


def toggle(context: Context, dataset: str | None, event: gr.EventData) -> None:
    """Keep a face that is left out, leave out one that is kept, or take such a choice back."""
    found = listing.read(face_set_of(context, dataset))
    row = next((row for row in found.rows if row.crop and row.id == event.face), None)
    if row is None:
        raise UserError("There is no such face in '{name}': reload the page.", name=dataset)
    choice = None if row.overruled else "reject" if row.verdict == KEPT else "keep"
    choose(found, [row], choice)


def choose(found: Review, rows: Sequence[Row], choice: str | None) -> None:
    """Keep or reject faces by hand, or leave them to the rules, in the draft."""
    choices = dict(found.draft.choices)
    saved = {row.id: row.overruled for row in found.face_set.iter_rows() if row.crop}
    for row in rows:
        choices.pop(row.id, None)
        if saved.get(row.id) != choice:
            choices[row.id] = choice
    if len(choices) > draft.MAX_CHOICES:
        raise UserError("There are too many choices: save the dataset first.")
    _write(found.face_set, Draft(found.draft.rules, choices))


def _write(face_set: FaceSet, edited: Draft) -> None:
    if edited != draft.read(face_set):
        draft.write(face_set, edited)
