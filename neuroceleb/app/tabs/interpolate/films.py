"""Single frames and films of the Interpolate tab's path."""

from typing import Any

import gradio as gr

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _
from neuroceleb.app.interpolation_request import write_film
from neuroceleb.app.parameters import read_whole
from neuroceleb.app.shared import Lead
from neuroceleb.app.tabs.interpolate.keys import split
from neuroceleb.app.tabs.interpolate.path import PathInputs
from neuroceleb.errors import Message
from neuroceleb.settings import IMAGE_SIZE

LARGE_GIF_PIXELS = 20_000_000
GIF_BYTES_A_PIXEL = 0.6  # of shipped models' interpolations: 0.45 to 0.75


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


def warn_of_size(context: Context, keys: str, frames: Any, suffix: str, scale: int) -> str:
    """A sentence about a film that will be large, before it is made."""
    between = read_whole(frames, Message("The number of frames between two faces"))
    count = between * max(1, len(split(keys)) - 1)
    pixels = count * (IMAGE_SIZE * scale) ** 2
    if suffix != ".gif" or pixels < LARGE_GIF_PIXELS:
        return ""
    megabytes = round(pixels * GIF_BYTES_A_PIXEL / 1e6)
    return _(
        "A GIF of this size takes about {megabytes} MB: an MP4 is a tenth of it, a smaller size "
        "or fewer frames help, too."
    ).format(megabytes=megabytes)
