"""The Interpolate tab: from face to face through latent space, scrubbed, and saved as a film."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from neuroceleb import video
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.components.frame_scrubber import FrameScrubber
from neuroceleb.app.components.text import Text
from neuroceleb.app.downloads import save_on_click, save_on_event
from neuroceleb.app.interpolation_request import MAX_FRAMES_PER_LEG, SCALES
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.shared import INTERPOLATE, Address, Chosen, Shared, Updates, new_inbox
from neuroceleb.app.tabs.interpolate.films import save_film, save_frame, send_frame, warn_of_size
from neuroceleb.app.tabs.interpolate.keys import (
    add_face,
    edit_key,
    new_faces,
    receive,
    reverse_faces,
)
from neuroceleb.app.tabs.interpolate.path import draw, more_frames
from neuroceleb.latent import interpolation
from neuroceleb.settings import IMAGE_SIZE

EDITS = "edits"  # the queue of changes of the list of faces
FIRST_KEYS = "12, 57"
FIRST_FRAMES = 63  # between two faces: 64 in all
FPS = (12, 24, 30, 60)
FIRST_FPS = 30


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


def build(shared: Shared, tab: gr.Tab) -> Interpolate:
    """Lay out the tab and connect its listeners."""
    with gr.Row(elem_classes="nc-columns"):
        with gr.Column(scale=6):
            scrubber = FrameScrubber(
                frames=bind_server_function(shared.context, more_frames),
                edit_queue=EDITS,
                elem_id="scrubber",
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
    for button, edit in ((add, add_face), (reverse, reverse_faces), (new, new_faces)):
        edits.append(shared.listen(button.click, edit, [keys], [keys]))
    edits.append(shared.listen(scrubber.edit, edit_key, [keys], [keys], event_queue=EDITS))
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
