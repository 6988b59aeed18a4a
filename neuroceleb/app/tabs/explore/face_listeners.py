"""Listeners of Explore that choose the face: seeds, sliders, names, a face of another tab."""

import random
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from neuroceleb.app import faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, gettext
from neuroceleb.app.look_inside import HEATMAP, LAYERS, SANDBOX
from neuroceleb.app.parameters import read_whole
from neuroceleb.app.shared import Lead, no_faces_yet
from neuroceleb.app.tabs.explore import current
from neuroceleb.app.tabs.explore.current import Current
from neuroceleb.errors import Message, UserError
from neuroceleb.latent import moved_face, saved_directions

NEW_SEEDS = 1_000_000  # short enough to read out
FIRST = str(faces.FIRST_SEED)
DIRECTIONS, ARITHMETIC, MAP, PHOTO, NEAREST = "directions", "arithmetic", "map", "photo", "nearest"
TOOLS = (DIRECTIONS, ARITHMETIC, MAP, PHOTO, NEAREST, LAYERS, HEATMAP, SANDBOX)

# The palette, the face's text, its seed, its z, the mark on the map; and what the contents of
# Arithmetic, Map, Nearest, Through the layers and What D sees depend on, skipped for tools that are
# not open.
Shown = tuple[Any, ...]
SHOWN = 10
SEED = 2  # its place


def show(context: Context, model: str | None, epoch: int | None, tool: str, text: str) -> Shown:
    """The face of a text; that of the first seed where the text is none of this model."""
    note = no_faces_yet(context, model) if model else ""
    if not model or note:
        return (
            {"empty": note} if note else gr.skip(),
            text,
            *(gr.skip() for _skipped in range(SHOWN - 2)),
        )
    try:
        face = current.read(context, model, epoch, text)
    except UserError as error:
        gr.Warning(error.message.translate(gettext))
        face = current.read(context, model, epoch, FIRST)
    return shown(context, tool, face)


def shown(context: Context, tool: str, face: Current) -> Shown:
    """The outputs for a face."""
    is_seed = face.to_send.seed is not None
    return (
        current.palette(face, tool == DIRECTIONS, context.access.is_open),
        face.face.text,
        face.face.seed if is_seed else None,
        ", ".join(f"{value:.3f}" for value in face.z),
        gr.update(marked=_index_on_map(face)) if tool == MAP else gr.skip(),
        face.model.sha256 if tool == ARITHMETIC else gr.skip(),
        face.model.sha256 if tool == MAP else gr.skip(),
        face.key if tool == NEAREST else gr.skip(),
        face.key if tool == LAYERS else gr.skip(),
        face.key if tool == HEATMAP else gr.skip(),
    )


def _index_on_map(face: Current) -> int:
    """The map shows the first seeds, each at its own index; -1 for another face."""
    seed = face.to_send.seed
    return seed if seed is not None and face.to_send.truncation == 1 else -1


def refine(context: Context, model: str, epoch: int | None, text: str) -> dict[str, Any]:
    """Find the directions first, where they are not known; then fine frames for the sliders."""
    from neuroceleb.latent import model_cache, sheets

    face = current.read(context, model, epoch, text)
    if model_cache.has_directions(face.model):
        return gr.update(frames=current.frames(face, sheets.FRAMES))
    model_cache.compute_directions(face.model)
    return gr.update(value=current.palette(face, True, context.access.is_open))


def move(context: Context, model: str, epoch: int | None, tool: str, event: gr.EventData) -> Shown:
    """The face of the sliders, or of Undo."""
    return shown(context, tool, current.read(context, model, epoch, str(event.text)))


def take(context: Context, model: str, epoch: int | None, tool: str, event: gr.EventData) -> Shown:
    """A face that was picked in a tool."""
    return shown(context, tool, current.read(context, model, epoch, str(event.pick)))


def use_seed(
    context: Context, model: str, epoch: int | None, tool: str, seed: float | None
) -> Shown:
    """The face of a seed."""
    text = "" if seed is None else f"{seed:.0f}"
    return shown(context, tool, current.read(context, model, epoch, text))


def type_seed(
    context: Context, model: str, epoch: int | None, tool: str, seed: float | None
) -> Shown:
    """As `use_seed`, while the seed is typed: its field stays as it is; Enter reports errors.

    An error here would also drop the call for what was typed meanwhile.
    """
    skipped = [gr.skip()] * SHOWN
    try:
        updates = skipped if seed is None else [*use_seed(context, model, epoch, tool, seed)]
    except UserError:
        updates = skipped
    updates[SEED] = gr.skip()
    return tuple(updates)


def new_face(context: Context, model: str, epoch: int | None, tool: str) -> Shown:
    """A face of a seed that nobody chose."""
    return use_seed(context, model, epoch, tool, random.randrange(NEW_SEEDS))


def average_face(context: Context, model: str, epoch: int | None, tool: str) -> Shown:
    """The face of z = 0."""
    nz = current.read(context, model, epoch, FIRST).model.nz
    return use_numbers(context, model, epoch, tool, ",".join("0" * nz))


def use_numbers(context: Context, model: str, epoch: int | None, tool: str, numbers: str) -> Shown:
    """The face of a latent vector, written as numbers."""
    text = moved_face.text_of_z(moved_face.read_numbers(numbers))
    return shown(context, tool, current.read(context, model, epoch, text))


def receive(
    context: Context, lead: Lead, model: str, epoch: int | None, tool: str
) -> tuple[Any, ...]:
    """The tool, and a face that another tab sends."""
    wanted = lead.to if lead.to in TOOLS else tool
    face = lead.face
    if isinstance(face.get("z"), list):
        text = moved_face.text_of_z(np.array(faces.read_z(face, len(face["z"]))))
    else:
        text = moved_face.text_of_seed(face.get("seed", FIRST), face.get("truncation", 1))
    return wanted, *show(context, model, epoch, wanted, text)


def rename(context: Context, model: str, epoch: int | None, text: str, event: gr.EventData) -> None:
    """Name a direction, and save all of them with the run."""
    from neuroceleb.latent import model_cache

    context.access.check(Message("name directions"))
    loaded = current.read(context, model, epoch, text).model
    found = list(model_cache.usable_directions(loaded)[0])
    index = read_whole(event.index, Message("The direction"), 0, len(found) - 1)
    found[index] = replace(found[index], name=saved_directions.check_name(event.name))
    path = saved_directions.write(loaded.path, loaded.sha256, found)
    gr.Info(_("The names are saved with the run, in {file}.").format(file=path.name))
