"""The path of the Interpolate tab: its settings, and its frames for the scrubber."""

from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from neuroceleb import images
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _
from neuroceleb.app.components.frame_scrubber import COLUMNS, PIECE
from neuroceleb.app.interpolation_request import Interpolation, read_interpolation, read_keys
from neuroceleb.app.parameters import read_object, read_whole
from neuroceleb.app.payloads import data_url
from neuroceleb.app.shared import no_faces_yet
from neuroceleb.errors import Message, UserError


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


def draw(context: Context, *inputs: Any) -> Any:
    """The value of the scrubber, with the first piece of frames, or why there are none.

    `inputs` are `PathInputs`.
    """
    given = PathInputs(*inputs)
    if not given.model:
        return gr.skip()
    if note := no_faces_yet(context, given.model):
        return {"note": note}
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
