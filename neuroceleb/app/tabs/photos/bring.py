"""Bringing photos: upload, a crop in the background, its progress."""

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb.app import counts, cropping
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label, ngettext, translate
from neuroceleb.app.components.meter import Meter
from neuroceleb.app.components.photo_upload import PhotoUpload
from neuroceleb.app.components.text import Text
from neuroceleb.app.cropping import RUNNING, Cropper, CropRequest, Status, cropper_of
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.parameters import read_object, read_text
from neuroceleb.app.uploads import MAX_ZIP_BYTES
from neuroceleb.data.faces import align, crop_photos, google_consent, report
from neuroceleb.data.faces.crop_photos import Progress
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.sources import is_passed_over
from neuroceleb.errors import Message, UserError
from neuroceleb.runs.workspace import check_name
from neuroceleb.settings import IMAGE_SIZE

ACTION = Message("see photos or crop them")
MAX_TAKEN = 1_000  # files in one call
GOOGLE = "google-vision"


@dataclasses.dataclass(frozen=True)
class Bring:
    """The components of a new batch of photos, and of the one that is being cropped."""

    new: gr.Column
    heading: Text
    upload: PhotoUpload
    name: gr.Textbox
    size: gr.Dropdown
    detector: gr.Dropdown
    by_person: gr.Checkbox
    path: gr.Textbox
    crop: gr.Button
    batch: gr.Textbox  # hidden: the batch that has arrived
    consent: gr.Column
    question: Text
    asked: gr.Number  # hidden: the number of photos that the question was about
    yes: gr.Button
    no: gr.Button
    task: gr.Column
    progress: Text
    meter: Meter
    stop: gr.Button
    resume: gr.Button
    discard: gr.Button
    timer: gr.Timer


def lay_out(context: Context) -> Bring:
    """The components, in the column that is being built."""
    detectors = [
        (label("YuNet: on this machine, no key"), "yunet"),
        (label("Google Vision: sends the photos to Google"), GOOGLE),
    ]
    with gr.Column(visible=False, elem_id="photos-task") as task:
        progress, meter = Text(elem_id="task-facts"), Meter()
        with gr.Row(elem_classes="nc-bar"):
            stop = gr.Button(label("Stop"), elem_id="stop-task")
            resume = gr.Button(label("Continue"), variant="primary", elem_id="resume-task")
            discard = gr.Button(label("Delete the sent photos"), elem_id="discard-task")
    with gr.Column(visible=False, elem_id="photos-new") as new:
        heading = Text()
        upload = PhotoUpload(
            take=bind_server_function(context, take),
            max_bytes=MAX_ZIP_BYTES,
            elem_id="photo-upload",
        )
        with gr.Row(elem_classes="nc-controls"):
            name = gr.Textbox(label=label("Name of the dataset"), max_lines=1, elem_id="crop-name")
            size = gr.Dropdown(
                [(f"{px} × {px} px", px) for px in align.SIZES],
                value=IMAGE_SIZE,
                label=label("Size of a face"),
                elem_id="crop-size",
            )
            detector = gr.Dropdown(
                detectors, value="yunet", label=label("Detector"), elem_id="detector"
            )
            by_person = gr.Checkbox(
                label=label("Group by person"),
                info=label("Photos in folders stay in them."),
                elem_id="by-person",
            )
        path = gr.Textbox(
            label=label("or a folder or zip on this machine"),
            visible=context.access.is_local,
            max_lines=1,
            elem_id="photos-path",
        )
        crop = gr.Button(label("Crop the faces"), variant="primary", elem_id="crop")
        with gr.Column(visible=False, elem_id="google-question") as consent:
            question = Text()
            with gr.Row(elem_classes="nc-bar"):
                no = gr.Button(label("No, send nothing"), elem_id="no-google")
                yes = gr.Button(label("Yes, send them to Google"), elem_id="yes-google")
    batch, asked = gr.Textbox(visible=False), gr.Number(0, visible=False)
    timer = gr.Timer(1.0, active=False)
    form = (new, heading, upload, name, size, detector, by_person, path, crop, batch)
    asking = (consent, question, asked, yes, no)
    return Bring(*form, *asking, task, progress, meter, stop, resume, discard, timer)


# Upload -------------------------------------------------------------------------------------


def take(context: Context, wanted: Any) -> dict[str, Any]:
    """Move uploaded files into a batch, for the upload: `{batch, refused}`. Raises UserError.

    `wanted`: `{"batch": id or null, "files": [[name, path], …], "drop": false}`.
    """
    context.access.check(ACTION)
    request = read_object(wanted)
    uploads = cropper_of(context.workspace).uploads
    files = _read_files(request.get("files"))
    paths = [context.upload({"path": path}) for _name, path in files]
    if request.get("drop"):  # what was cleared while it was sent
        for path in paths:
            path.unlink(missing_ok=True)
        return {"batch": None, "refused": []}
    batch = uploads.batch(str(request["batch"])) if request.get("batch") else uploads.new()
    refused = []
    for (name, _path), path in zip(files, paths, strict=True):
        if is_passed_over(str(name)):
            path.unlink(missing_ok=True)
            refused.append([name, _("it is no photo and was passed over")])
            continue
        try:
            uploads.take(batch, str(name), path)
        except UserError as error:
            refused.append([name, translate(error.message)])
    return {"batch": batch.id, "refused": refused}


def _read_files(files: Any) -> list[list[Any]]:
    is_list = isinstance(files, list) and all(
        isinstance(one, list) and len(one) == 2 for one in files
    )
    if not is_list:
        raise UserError("What was sent is no list of files: reload the page.")
    return list(files[:MAX_TAKEN])


def follow_upload(context: Context, name: str, event: gr.EventData) -> tuple[Any, Any, Any]:
    """The batch, its suggested name where there is none yet, and the button that crops it."""
    suggested = gr.skip() if name else str(event.suggested)[:60]
    return event.batch, suggested, gr.update(interactive=bool(event.done))


def clear_upload(context: Context, event: gr.EventData) -> tuple[str, Any]:
    """Remove what was sent; what has been cropped since then stays."""
    context.access.check(ACTION)
    cropper = cropper_of(context.workspace)
    with suppress(UserError):  # nothing has arrived yet, or it is gone already
        cropper.discard(cropper.uploads.batch(event.batch))
    return "", gr.update(interactive=True)


# Crop ---------------------------------------------------------------------------------------


def start(
    context: Context,
    batch: str,
    name: str,
    size: int,
    detector: str,
    by_person: bool,
    path: str,
    agreed: float = 0,
) -> tuple[Any, ...]:
    """Start to crop, or ask first whether the photos may be sent to Google.

    Returns the dataset, the question's column, its text and number, the upload, batch and name.
    """
    context.access.check(ACTION)
    cropper = cropper_of(context.workspace)
    source = _path(context, path)
    request = _request(cropper, name.strip(), size, detector, by_person, source, int(agreed))
    if source is None and not batch:
        raise UserError("There are no photos yet: drop some first.")
    sent = None if source else cropper.uploads.batch(batch)
    photos = cropping.count(sent.sources() if sent else [Path(str(source))])
    if not photos:
        raise UserError("There are no photos yet: drop some first.")
    if detector == GOOGLE and agreed != photos:
        unchanged = [gr.skip()] * 3
        return gr.skip(), gr.update(visible=True), _question(photos), photos, *unchanged
    sent = sent or cropper.uploads.new()
    cropper.start(sent, request)
    return request.dataset, gr.update(visible=False), "", 0, sent.id, "", ""


def refuse(context: Context) -> tuple[Any, str, int]:
    """Nothing is sent to Google."""
    return gr.update(visible=False), "", 0


def _question(photos: int) -> str:
    from neuroceleb.data.faces import google_vision  # half a second

    google_vision.check_credentials()
    return _(
        "{photos:,} photos would leave this machine and be sent to Google Cloud Vision, reduced "
        "and without their EXIF: {calls:,} calls, about {usd:,.2f} USD at the list price of {year} "
        "(the first {free:,} a month are free; check yours)."
    ).format(
        photos=photos,
        calls=google_consent.calls(photos),
        usd=google_consent.estimate_usd(photos),
        year=google_consent.PRICE_YEAR,
        free=google_consent.FREE_CALLS,
    )


def _request(
    cropper: Cropper,
    name: str,
    size: int,
    detector: str,
    by_person: bool,
    path: str | None,
    agreed: int,
) -> CropRequest:
    named = read_text(name, Message("The dataset has no name yet: give it one."))
    face_set = cropper.face_set(check_name(named))
    before = report.read(face_set)
    if face_set.exists():
        size = before.get("size", size)
    elif face_set.path.exists():
        raise UserError(
            "There is already something named '{name}': use another.", name=face_set.name
        )
    if size not in align.SIZES:
        raise UserError("The size of the crops must be 64, 96 or 128.")
    if detector not in crop_photos.DETECTORS:
        raise UserError("Choose one of the detectors: yunet or google-vision.")
    how = before.get("align", "landmarks")
    return CropRequest(name, size, detector, path, agreed, how, by_person)


def _path(context: Context, text: str) -> str | None:
    """A folder, zip or photo on this machine, which only those who sit at it may name."""
    if not text.strip():
        return None
    if not context.access.is_local:
        raise UserError("Photos of the server's machine can only be named there: drop some.")
    path = Path(text.strip()).expanduser()
    if not path.is_absolute() or not path.exists():
        raise UserError("{path} is not there: write the whole path.", path=text.strip()[:200])
    return str(path)


# Task ---------------------------------------------------------------------------------------


def status_of(context: Context, dataset: str) -> Status | None:
    """What is done with a dataset's photos: going on or interrupted, else what ended last."""
    found = [one for one in cropper_of(context.workspace).statuses() if one.dataset == dataset]
    return next((one for one in found if one.state != cropping.FINISHED), next(iter(found), None))


def change(context: Context, dataset: str, action: str) -> None:
    """Stop the crop of a dataset, resume it, or remove its uploaded photos."""
    context.access.check(ACTION)
    cropper, status = cropper_of(context.workspace), status_of(context, dataset)
    if status is None:
        raise UserError("These photos are no longer here: drop them again.")
    if action == "stop":
        cropper.cancel()
    elif action == "resume":
        cropper.resume(cropper.uploads.batch(status.batch))
    else:
        cropper.discard(cropper.uploads.batch(status.batch))


def show_task(status: Status | None) -> dict[str, Any]:
    """The components of the task, by name."""
    is_shown = status is not None and status.state != cropping.FINISHED
    if status is None or not is_shown:
        return {"task": gr.update(visible=False), "timer": gr.update(active=False)}
    is_running = status.state == RUNNING
    done = status.progress
    share = done.done / max(done.total, 1) if done else None
    return {
        "task": gr.update(visible=True),
        "progress": describe(status),
        "meter": gr.update(value=share, visible=is_running),
        "stop": gr.update(visible=is_running),
        "resume": gr.update(visible=not is_running),
        "discard": gr.update(
            visible=not is_running,
            value=_("Delete the sent photos") if status.is_upload else _("Cancel"),
        ),
        "timer": gr.update(active=is_running),
    }


def describe(status: Status) -> str:
    """A sentence on how far a batch is."""
    done = status.progress
    if status.state != RUNNING:
        return _ended(status)
    if status.sorted_faces is not None:
        text = _("Grouping by person: {done:,} of {total:,} faces")
        return text.format(done=status.sorted_faces[0], total=status.sorted_faces[1])
    if done is None:
        return _("Looking through the photos …")
    return _going_on(done, status.seconds)


def _ended(status: Status) -> str:
    if status.state == cropping.FAILED:
        error = translate(status.error) if status.error else ""
        return _("Cropping failed: {reason}").format(reason=error)
    if status.state == cropping.STOPPED:
        return _("Stopped before all photos were cropped. Nothing is lost.")
    made = ngettext("{n:,} new face", "{n:,} new faces", status.new_faces)
    sentences = [
        _("Done: {faces} from {photos}.").format(
            faces=made.format(n=status.new_faces), photos=counts.photos(status.photos)
        )
    ]
    if status.passed_over:
        sentences.append(counts.passed_over(status.passed_over))
    if status.removed:
        sentences.append(counts.removed_photos(status.removed))
    if status.is_upload:
        sentences.append(_("The photos are deleted."))
    return " ".join(sentences)


def _going_on(done: Progress, seconds: float) -> str:
    if done.done == done.total:
        return _("Judging the faces, making the report …")
    rate = max(done.done / max(seconds, 0.1), 1e-3)
    seconds_left = (done.total - done.done) / rate
    minutes = round(seconds_left / 60)
    left = _("{n} s left").format(n=round(seconds_left))
    if seconds_left >= 90:
        left = ngettext("{n} minute left", "{n} minutes left", minutes).format(n=minutes)
    return _(
        "Cropping: {done:,} of {total:,} photos · {kept:,} kept, {rejected:,} left out · no face "
        "{no_face:,} · unreadable {unreadable:,} · {rate:.0f} photos/s · {left}"
    ).format(**{**dataclasses.asdict(done), "rate": rate, "left": left})


def face_sets(context: Context) -> list[FaceSet]:
    """The datasets that were made of photos."""
    names = context.workspace.dataset_names()
    found = (cropper_of(context.workspace).face_set(name) for name in names)
    return [face_set for face_set in found if face_set.exists()]
