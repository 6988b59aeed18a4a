"""Changes of a dataset: choices for ticked faces, persons, removal, saving, its report card."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from neuroceleb.app import sandboxes
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, ngettext, translate
from neuroceleb.app.cropping import cropper_of, photo_key
from neuroceleb.app.shared import Lead
from neuroceleb.app.tabs.photos.bring import ACTION
from neuroceleb.app.tabs.photos.review import WHOLE_VIEW, choose, face_set_of
from neuroceleb.data.faces import card, draft, edit, listing, persons
from neuroceleb.data.faces.listing import LIKE
from neuroceleb.data.faces.manifest import KEPT, FaceSet, Row
from neuroceleb.data.faces.removal import Selection
from neuroceleb.errors import UserError
from neuroceleb.runs import removal, trash
from neuroceleb.runs.workspace import check_name

MAX_REMOVED = 200  # photos at once
PHOTOS, PERSON, DATASET = "photos", "person", "dataset"


def describe_ticked(context: Context, event: gr.EventData) -> str:
    """How many faces are ticked, in words."""
    faces = list(event.faces)
    if faces == [WHOLE_VIEW]:
        return _("All of this view are selected.")
    count = len(faces)
    if not count:
        return ""
    return ngettext("{n:,} is selected.", "{n:,} are selected.", count).format(n=count)


def _ticked(
    found: listing.Review, ticked: Sequence[str] | None, view: str, person: str | None
) -> list[Row]:
    """The rows that are ticked. Raises UserError where there are none."""
    listed = listing.select(found, view, person)
    if ticked != [WHOLE_VIEW]:
        wanted = set(ticked or ())
        listed = [row for row in listed if _key(row) in wanted]
    if not listed:
        raise UserError("No face is selected: tick some first.")
    return listed


def _key(row: Row) -> str:
    return row.id or photo_key(row)


def choose_ticked(
    context: Context,
    dataset: str,
    ticked: list[str] | None,
    view: str,
    person: str | None,
    choice: str,
) -> None:
    """Keep the ticked faces, leave them out, or let the rules decide."""
    found = listing.read(face_set_of(context, dataset))
    rows = [row for row in _ticked(found, ticked, view, person) if row.crop]
    choose(found, rows, choice or None)


# Persons -------------------------------------------------------------------------------------


def sort(context: Context, dataset: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
    """Group the faces by person; the person that is then shown (everybody)."""
    face_set = face_set_of(context, dataset)
    found = persons.sort(face_set, progress=lambda done, total: progress((done, total)))
    text = ngettext(
        "{n:,} person found. Choose one beside the view.",
        "{n:,} persons found. Choose one beside the view.",
        len(found),
    )
    gr.Info(text.format(n=len(found)))
    return ""


def find(
    context: Context,
    dataset: str,
    ticked: list[str] | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[str, str]:
    """The view of the faces that are like the ticked one, of everybody."""
    face_set = face_set_of(context, dataset)
    if not ticked or len(ticked) != 1 or ticked == [WHOLE_VIEW]:
        raise UserError("Tick one face: those like it are shown then.")
    persons.find(face_set, ticked[0], lambda done, total: progress((done, total)))
    return LIKE + ticked[0], ""


def name_person(context: Context, dataset: str, person: str | None, name: str | None) -> str:
    """Give a person another name, or make it one with the person of that name."""
    face_set, wanted = face_set_of(context, dataset), (name or "").strip()
    if not person:
        raise UserError("Choose a person first, of whom only the faces are shown then.")
    if wanted in dict(listing.groups(listing.read(face_set).rows)) and wanted != person:
        return persons.merge(face_set, [person, wanted], wanted)
    persons.rename(face_set, person, wanted)
    return wanted


def assign(
    context: Context,
    dataset: str,
    ticked: list[str] | None,
    view: str,
    person: str | None,
    name: str | None,
) -> None:
    """Give the ticked faces to a person, who may be new."""
    face_set = face_set_of(context, dataset)
    found = listing.read(face_set)
    rows = [row for row in _ticked(found, ticked, view, person) if row.crop]
    wanted = (name or "").strip() or None
    groups = list(dict.fromkeys(row.group for row in rows))
    if wanted is None and len(groups) > 1:
        raise UserError(
            "The selected faces are of {count} persons: write the name that they share.",
            count=len(groups),
        )
    for group in groups:
        faces = [row.id for row in rows if row.group == group]
        if group != wanted:
            whole = sum(row.group == group and bool(row.crop) for row in found.rows)
            if wanted is not None and len(faces) == whole:
                known = dict(listing.groups(listing.read(face_set).rows))
                merged = [group, wanted] if wanted in known else [group]
                persons.merge(face_set, merged, wanted)
            else:
                wanted = persons.split(face_set, group, faces, wanted)


def thin(context: Context, dataset: str, person: str | None, count: float) -> str:
    """Leave out all faces of a person but the most varied, in the draft; the person."""
    if not person:
        raise UserError("Choose a person first, of whom only the faces are shown then.")
    found = listing.read(face_set_of(context, dataset))
    kept = {row.id for row in found.rows if row.group == person and row.verdict == KEPT}
    saved = [row for row in found.face_set.iter_rows() if row.id in kept]
    surplus = {row.id for row in persons.surplus(found.face_set, saved, int(count))}
    choose(found, [row for row in found.rows if row.id in surplus], "reject")
    gone = len(surplus)
    gr.Info(ngettext("{n:,} face left out.", "{n:,} faces left out.", gone).format(n=gone))
    return person


# Removal -------------------------------------------------------------------------------------


def ask(
    context: Context,
    dataset: str,
    ticked: list[str] | None,
    view: str,
    person: str | None,
    what: str,
) -> tuple[Any, str, str]:
    """Ask before something is removed: the question's column, its text, and what to do."""
    face_set = face_set_of(context, dataset)
    photos: list[tuple[str, str | None]] = []
    if what == DATASET:
        text = _(
            "Move the dataset '{name}' with all its faces to the trash? It can be restored in "
            "Train for 30 days."
        ).format(name=dataset)
    elif what == PERSON:
        if not person:
            raise UserError("Choose a person first, of whom only the faces are shown then.")
        text = _("Delete all faces of {name} for good?").format(name=person)
    else:
        rows = _ticked(listing.read(face_set), ticked, view, person)
        photos = list(dict.fromkeys(row.photo for row in rows))
        if len(photos) > MAX_REMOVED:
            raise UserError("These are over {most} photos: select fewer.", most=MAX_REMOVED)
        names = ", ".join(source for source, _sha in photos[:3]) + (" …" if photos[3:] else "")
        text = _("Delete the faces of these photos for good: {names}?").format(names=names)
    doing = {"what": what, "dataset": dataset, "person": person, "photos": photos}
    return gr.update(visible=True), f"{text} {_trained(context, face_set)}", json.dumps(doing)


def _trained(context: Context, face_set: FaceSet) -> str:
    trained = context.workspace.runs_trained_on(face_set.path)
    if not trained:
        return _("No run of this workspace was trained with this dataset.")
    return _(
        "These runs were trained with this dataset and have learned from it: {runs}. They forget "
        "it only if you delete them or train them anew."
    ).format(runs=", ".join(trained))


def _read_question(doing: str) -> dict[str, Any]:
    """What `ask` asked about, as the page sends it back. Raises UserError."""
    try:
        wanted = json.loads(doing)
        names = {"dataset": str(wanted["dataset"]), "what": str(wanted["what"])}
        photos = [(str(source), sha and str(sha)) for source, sha in wanted["photos"]]
        return names | {"person": str(wanted["person"] or ""), "photos": photos}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UserError("The question is no longer known: select what to remove again.") from None


def remove(context: Context, doing: str) -> tuple[Any, str]:
    """Remove what was asked about; hides the question, and the dataset that is then shown."""
    context.access.check(ACTION)
    wanted = _read_question(doing)
    face_set = face_set_of(context, wanted["dataset"])
    if wanted["what"] == DATASET:
        trained_on = context.workspace.runs_trained_on(face_set.path)
        with face_set.lock():
            trash.put(context.workspace, face_set.path)
        sandboxes.close_of(trained_on)
        cropper_of(context.workspace).previews.drop(face_set.name)
        return gr.update(visible=False), ""
    if wanted["what"] == PERSON:
        selections = [Selection(person=wanted["person"])]
    else:
        selections = [Selection(photo=(source, sha)) for source, sha in wanted["photos"]]
    faces, trained, not_reached = 0, set[str](), dict[str, None]()
    for selection in selections:
        done = removal.remove(context.workspace, face_set, selection)
        faces, trained = faces + done.faces, trained | set(done.trained)
        not_reached |= dict.fromkeys(map(translate, done.not_reached()))
    sandboxes.close_of(trained)
    cropper_of(context.workspace).previews.drop(face_set.name)
    text = _("Faces removed: {n:,}.").format(n=faces)
    gr.Info(" ".join([text, *not_reached]))
    return gr.update(visible=False), face_set.name


# Saving --------------------------------------------------------------------------------------


def save(context: Context, dataset: str, name: str) -> str:
    """Save the dataset under a name; the name."""
    face_set = face_set_of(context, dataset)
    if not face_set.exists():
        raise UserError(
            "There is no dataset '{name}' to save: crop photos first.", name=face_set.name
        )
    wanted = check_name(name.strip() or face_set.name)
    problem = _problem(context, face_set, wanted)
    if problem is not None:
        raise problem
    draft.save(face_set)
    if wanted != face_set.name:
        edit.rename(face_set, wanted)
        cropper_of(context.workspace).previews.rename(face_set.name, wanted)
    return wanted


def check_new_name(context: Context, dataset: str, name: str) -> tuple[str, Any]:
    """Why the dataset cannot have this name, if so; and the button that saves it."""
    face_set = face_set_of(context, dataset)
    wanted = name.strip() or dataset
    try:
        problem = _problem(context, face_set, check_name(wanted))
    except UserError as error:
        problem = error
    is_changed = wanted != dataset or not listing.read(face_set).is_saved
    can_save = is_changed and problem is None
    note = translate(problem.message) if problem is not None else ""
    return note, gr.update(interactive=can_save)


def _problem(context: Context, face_set: FaceSet, wanted: str) -> UserError | None:
    if wanted == face_set.name:
        return None
    if cropper_of(context.workspace).face_set(wanted).path.exists():
        return UserError("There is already a dataset '{name}': use another name.", name=wanted)
    trained = context.workspace.runs_trained_on(face_set.path)
    if trained:
        return UserError(
            "'{name}' keeps its name, for runs were trained with it: {runs}.",
            name=face_set.name,
            runs=", ".join(trained[:5]),
        )
    return None


def train(context: Context, dataset: str, name: str) -> tuple[str, str]:
    """Save what is not saved yet, and lead to a training on the dataset."""
    face_set = face_set_of(context, dataset)
    is_saved = listing.read(face_set).is_saved and name.strip() in {"", dataset}
    saved = dataset if is_saved else save(context, dataset, name)
    return saved, Lead("train", {"dataset": saved}).to_text()


def save_card(context: Context, dataset: str) -> str:
    """The report card of what is saved: an HTML file that prints well."""
    face_set = face_set_of(context, dataset)
    path = context.new_file(f"{face_set.name}.html")
    path.write_text(card.html(face_set, translate), "utf-8")
    return str(path)
