"""The Interpolate tab: from face to face through latent space, scrubbed, and saved as a film."""

import json
import random
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from neuroceleb import images, video
from neuroceleb.app import faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.frame_scrubber import COLUMNS, PIECE, FrameScrubber
from neuroceleb.app.components.text import Text
from neuroceleb.app.downloads import save_on_click, save_on_event
from neuroceleb.app.interpolation_request import (
    MAX_FRAMES_PER_LEG,
    SCALES,
    Interpolation,
    read_interpolation,
    read_keys,
    read_vectors,
    write_film,
)
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.parameters import read_object, read_whole
from neuroceleb.app.payloads import data_url
from neuroceleb.app.shared import (
    INTERPOLATE,
    Address,
    Chosen,
    Lead,
    Shared,
    Updates,
    new_inbox,
)
from neuroceleb.errors import Message, UserError
from neuroceleb.latent import interpolation
from neuroceleb.settings import IMAGE_SIZE

FIRST_KEYS = "12, 57"
FIRST_FRAMES = 63  # between two faces: 64 in all
NEW_SEEDS = 1_000_000
FPS = (12, 24, 30, 60)
FIRST_FPS = 30
LARGE_GIF_PIXELS = 20_000_000
GIF_BYTES_A_PIXEL = 0.6  # of shipped models' interpolations: 0.45 to 0.75


@dataclass(frozen=True)
class Interpolate:
    """The components of the tab."""

    scrubber: FrameScrubber
    keys: gr.Textbox
    vectors: gr.Textbox
    incoming: gr.Textbox
    method: gr.Dropdown
    easing: gr.Dropdown
    frames: gr.Slider
    loop: gr.Checkbox
    fps: gr.Dropdown
    suffix: gr.Dropdown
    scale: gr.Dropdown
    size: Text


class PathInputs(NamedTuple):
    """The values of the components that make the path, in the order of the listeners' inputs."""

    model: str | None
    epoch: int | None
    keys: str
    vectors: str
    method: str
    easing: str
    frames: float
    loop: bool
    fps: int

    def read(self, context: Context) -> Interpolation:
        """Raises UserError where they are wrong."""
        keys = read_keys(self.keys, self.vectors)
        return read_interpolation(context.workspace, self._asdict() | {"keys": keys})


def build(shared: Shared, tab: gr.Tab) -> Interpolate:
    """Lay out the tab and connect its listeners."""
    with gr.Row(elem_classes="nc-columns"):
        with gr.Column(scale=6):
            scrubber = FrameScrubber(
                frames=bind_server_function(shared.context, more_frames), elem_id="scrubber"
            )
        with gr.Column(scale=5):
            keys, add, reverse, new = _build_keys()
            method, easing, frames, loop = _build_path()
            fps, suffix, scale, save, size = _build_film()
    vectors = gr.Textbox("{}", visible=False)
    inbox = new_inbox()
    path_inputs = (method, easing, frames, loop)
    film_inputs = (fps, suffix, scale, size)
    ui = Interpolate(scrubber, keys, vectors, inbox.incoming, *path_inputs, *film_inputs)

    path = [shared.model, shared.epoch, keys, vectors, method, easing, frames, loop, fps]
    shown = [scrubber]
    shared.refresh(tab, INTERPOLATE, draw, path, shown, inbox)
    changed = [keys.submit, keys.blur, method.input, easing.input, frames.release, loop.input]
    drawn = shared.listen([*changed, fps.input], draw, path, shown)
    edits = []
    for event, edit, inputs in (
        (add.click, add_face, [keys]),
        (reverse.click, reverse_faces, [keys]),
        (new.click, new_faces, [keys]),
        (scrubber.edit, edit_key, [keys]),
    ):
        edits.append(shared.listen(event, edit, inputs, [keys]))
    edits.append(shared.receive(inbox, receive, [keys, vectors], [keys, vectors]))
    for edited in edits:
        shared.listen(edited.success, draw, path, shown)
    shared.listen(scrubber.lead, send_frame, path, [shared.handover])
    save_on_event(shared, scrubber.save, save_frame, path)
    film = [*path, suffix, scale]
    save_on_click(shared, save, save_film, film)
    size_of = [keys, frames, suffix, scale]
    sized: list[Any] = [[suffix.input, scale.input], drawn.success]
    for event in sized:
        shared.listen(event, warn_of_size, size_of, [size])
    _connect_address(shared, ui, [edited.success for edited in edits])
    return ui


def _build_keys() -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
    keys = gr.Textbox(
        FIRST_KEYS,
        label=label("Faces, in order: two to twelve seeds"),
        elem_id="keys",
        max_lines=2,
    )
    with gr.Row(elem_classes="nc-bar"):
        add = gr.Button(label("Add a face"), elem_id="keys-add")
        reverse = gr.Button(label("Reverse"), elem_id="keys-reverse")
        new = gr.Button(label("New faces"), variant="primary", elem_id="keys-new")
    return keys, add, reverse, new


def _build_path() -> tuple[gr.Dropdown, gr.Dropdown, gr.Slider, gr.Checkbox]:
    methods = [(label("on the sphere (slerp)"), "slerp"), (label("straight (linear)"), "linear")]
    easings = [
        (label("none"), "linear"),
        (label("smooth"), "smooth"),
        (label("smoother"), "smoother"),
    ]
    with gr.Row():
        method = gr.Dropdown(
            methods, value="slerp", label=label("Between faces"), elem_id="method", filterable=False
        )
        easing = gr.Dropdown(
            easings, value="linear", label=label("Easing"), elem_id="easing", filterable=False
        )
    frames = gr.Slider(
        1,
        MAX_FRAMES_PER_LEG,
        FIRST_FRAMES,
        step=1,
        label=label("Steps from face to face"),
        elem_id="leg",
    )
    loop = gr.Checkbox(label=label("Loop: from the last face back to the first"), elem_id="loop")
    return method, easing, frames, loop


def _build_film() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Button, Text]:
    formats = {".mp4": "MP4", ".gif": "GIF", ".webp": "WebP", ".png": label("PNG strip")}
    with gr.Row():
        fps = gr.Dropdown(
            [(f"{one} fps", one) for one in FPS],
            value=FIRST_FPS,
            label=label("Frames a second"),
            elem_id="fps",
            filterable=False,
        )
        suffix = gr.Dropdown(
            [(formats[one], one) for one in video.SUFFIXES],
            value=".mp4",
            label=label("File format"),
            elem_id="film-format",
            filterable=False,
        )
        scale = gr.Dropdown(
            [(f"{IMAGE_SIZE * one} px", one) for one in SCALES],
            value=4,
            label=label("Size"),
            elem_id="film-size",
            filterable=False,
        )
    save = gr.Button(label("Save film"), variant="primary", elem_id="film-save")
    size = Text(elem_id="film-warning")
    return fps, suffix, scale, save, size


def _connect_address(shared: Shared, ui: Interpolate, edits: list[Any]) -> None:
    usual = FIRST_KEYS.replace(" ", "")
    shared.address(ui.keys, "keys", usual, is_step=False, after=edits)
    shared.address(ui.method, "way", "slerp", is_step=False)
    shared.address(ui.easing, "easing", "linear", is_step=False)
    shared.address(ui.frames, "leg", FIRST_FRAMES, is_step=False)
    shared.address(ui.loop, "loop", False, is_step=False)


def restore(context: Context, ui: Interpolate, address: Address, chosen: Chosen | None) -> Updates:
    """The components as an address names them; with the frames where the tab is open."""
    keys = address.get("keys", FIRST_KEYS)
    method = address.get("way", "slerp")
    easing = address.get("easing", "linear")
    leg = address.get("leg", "")
    frames = int(leg) if leg.isdecimal() and len(leg) < 5 else FIRST_FRAMES
    loop = address.get("loop") in {"true", "yes"}
    updates: Updates = {
        ui.keys: keys,
        ui.method: method if method in interpolation.METHODS else "slerp",
        ui.easing: easing if easing in interpolation.EASINGS else "linear",
        ui.frames: min(max(frames, 1), MAX_FRAMES_PER_LEG),
        ui.loop: loop,
    }
    if chosen is not None:
        way = (updates[ui.method], updates[ui.easing], updates[ui.frames], loop)
        updates[ui.scrubber] = draw(
            context, chosen.model, chosen.epoch, keys, "{}", *way, FIRST_FPS
        )
    return updates


def lead_events(ui: Interpolate) -> list[Any]:
    """The events that send a face to another tab: its frames go by `Shared.handover`."""
    return []


# The path ------------------------------------------------------------------------------------


def draw(context: Context, *inputs: Any) -> Any:
    """The value of the scrubber, with the first piece of frames; `inputs` are `PathInputs`."""
    given = PathInputs(*inputs)
    if not given.model:
        return gr.skip()
    path = given.read(context)
    request = {
        "model": path.model,
        "epoch": path.epoch,
        "keys": path.keys,
        "frames": given.frames,
        "loop": path.loop,
        "method": path.method,
        "easing": path.easing,
    }
    return {
        "frames": len(path.z),
        "keys": path.key_frames,
        "names": _names(path.keys),
        "request": request,
        "piece": _sprite(path, 0),
        "piece_frames": PIECE,
        "columns": COLUMNS,
        "fps": given.fps,
        "loop": path.loop,
    }


def more_frames(context: Context, wanted: Any) -> str:
    """A sprite of the frames of `{"request": …, "start": …}` from the start on, for the scrubber.

    Raises UserError.
    """
    values = read_object(wanted)
    path = read_interpolation(context.workspace, read_object(values.get("request")))
    return _sprite(path, read_whole(values.get("start"), Message("The frame")))


def _sprite(path: Interpolation, start: int) -> str:
    if not 0 <= start < len(path.z):
        raise UserError("The interpolation has no such frame: reload the page.")
    frames = np.stack(list(path.frames(start, start + PIECE)))
    return data_url(images.sprite(frames, COLUMNS), "webp")


def _names(keys: list[dict[str, Any]]) -> list[str]:
    names = []
    for place, key in enumerate(keys):
        face = _("Seed {seed}").format(seed=key["seed"]) if "seed" in key else "z"
        if place == 0:
            face = _("Start: {face}").format(face=face)
        elif place == len(keys) - 1:
            face = _("End: {face}").format(face=face)
        names.append(face)
    return names


# Changing the faces --------------------------------------------------------------------------


def add_face(context: Context, keys: str) -> str:
    """The list with one more face at its end."""
    if len(_split(keys)) >= interpolation.MAX_KEYS:
        raise UserError(
            "An interpolation has at most {most} faces: remove one.", most=interpolation.MAX_KEYS
        )
    return _joined([*_split(keys), _new_seed()])


def reverse_faces(context: Context, keys: str) -> str:
    """The list from its end to its start."""
    return _joined(_split(keys)[::-1])


def new_faces(context: Context, keys: str) -> str:
    """As many faces that nobody chose."""
    return _joined([_new_seed() for _name in _split(keys)])


def edit_key(context: Context, keys: str, event: gr.EventData) -> str:
    """The list after an action on one of its faces, see `FrameScrubber`."""
    names, place = _split(keys), int(event.index)
    if not 0 <= place < len(names):
        raise UserError("That is no face: pick one again.")
    if event.action == "roll":
        names[place] = _new_seed()
    elif event.action == "remove" and len(names) > interpolation.MIN_KEYS:
        del names[place]
    elif event.action in {"left", "right"}:
        names.insert(max(0, place + (1 if event.action == "right" else -1)), names.pop(place))
    return _joined(names)


def receive(context: Context, lead: Lead, keys: str, vectors: str) -> tuple[str, str]:
    """The list with a face that another tab sends, at its start or its end."""
    known, face = read_vectors(vectors), lead.face
    if "z" in face:
        name = f"z{len(known) + 1}"
        known[name] = face["z"]
    elif face.get("truncation", 1) != 1:
        raise UserError("A face with a scaled z cannot be a key here: reset its scale to 1.")
    else:
        name = str(face.get("seed"))
    names = _split(keys)
    names[0 if lead.to == "start" else -1] = name
    return _joined(names), json.dumps(known)


def _split(keys: str) -> list[str]:
    return [name.strip() for name in keys.split(",") if name.strip()]


def _joined(names: list[str]) -> str:
    return ", ".join(names)


def _new_seed() -> str:
    return str(random.randrange(NEW_SEEDS))


# Frames and films ----------------------------------------------------------------------------


def send_frame(context: Context, event: gr.EventData, *path: Any) -> str:
    """The lead that sends the frame of an event to another tab."""
    return Lead(event.to, PathInputs(*path).read(context).face(event.frame).to_json()).to_text()


def save_frame(context: Context, event: gr.EventData, *path: Any) -> str:
    """The PNG of the frame of an event."""
    face = PathInputs(*path).read(context).face(event.frame)
    file = context.new_file(f"{face.model}_{face.name}")
    images.save(file, faces.draw_faces([face])[0], face.provenance)
    return str(file)


def save_film(
    context: Context,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
    *inputs: Any,
) -> str:
    """The film of the interpolation; `inputs` are `PathInputs`, the suffix and the scale."""
    *path, suffix, scale = inputs
    given = PathInputs(*path)
    film = write_film(
        given.read(context),
        context.new_file,
        suffix=suffix,
        scale=scale,
        fps=given.fps,
        progress=lambda done, total: progress((done, total)),
    )
    return str(film)


def warn_of_size(context: Context, keys: str, frames: float, suffix: str, scale: int) -> str:
    """A sentence about a film that will be large, before it is made."""
    count = frames * max(1, len(_split(keys)) - 1)
    pixels = count * (IMAGE_SIZE * scale) ** 2
    if suffix != ".gif" or pixels < LARGE_GIF_PIXELS:
        return ""
    megabytes = round(pixels * GIF_BYTES_A_PIXEL / 1e6)
    return _(
        "A GIF of this size takes about {megabytes} MB: an MP4 is a tenth of it, a smaller size "
        "or fewer frames help, too."
    ).format(megabytes=megabytes)
