"""The list of faces of the Interpolate tab, and what is done to it."""

import json
import random

import gradio as gr

from neuroceleb.app.api.context import Context
from neuroceleb.app.interpolation_request import read_vectors
from neuroceleb.app.shared import Lead
from neuroceleb.errors import UserError
from neuroceleb.latent import interpolation

NEW_SEEDS = 1_000_000


def add_face(context: Context, keys: str) -> str:
    """The list with one more face at its end."""
    if len(split(keys)) >= interpolation.MAX_KEYS:
        raise UserError(
            "An interpolation has at most {most} faces: remove one.", most=interpolation.MAX_KEYS
        )
    return _joined([*split(keys), _new_seed()])


def reverse_faces(context: Context, keys: str) -> str:
    """The list from its end to its start."""
    return _joined(split(keys)[::-1])


def new_faces(context: Context, keys: str) -> str:
    """As many faces that nobody chose."""
    return _joined([_new_seed() for _name in split(keys)])


def edit_key(context: Context, keys: str, event: gr.EventData) -> str:
    """The list after an action on one of its faces, see `FrameScrubber`."""
    names, place = split(keys), event.index
    if not isinstance(place, int) or not 0 <= place < len(names):
        raise UserError("That is no face: pick one again.")
    if event.action == "roll":
        names[place] = _new_seed()
    elif event.action == "remove" and len(names) > interpolation.MIN_KEYS:
        del names[place]
    elif event.action in ("left", "right"):
        names.insert(max(0, place + (1 if event.action == "right" else -1)), names.pop(place))
    return _joined(names)


def receive(context: Context, lead: Lead, keys: str, vectors: str) -> tuple[str, str]:
    """The list with a face that another tab sends, at its start or its end.

    A list of too few faces is filled up with new ones."""
    known, face = read_vectors(vectors), lead.face
    if "z" in face:
        name = f"z{len(known) + 1}"
        known[name] = face["z"]
    elif face.get("truncation", 1) != 1:
        raise UserError("A face with a scaled z cannot be a key here: reset its scale to 1.")
    else:
        name = str(face.get("seed"))
    names = split(keys)
    missing = max(0, interpolation.MIN_KEYS - len(names))
    names += [_new_seed() for _face in range(missing)]
    names[0 if lead.to == "start" else -1] = name
    return _joined(names), json.dumps(known)


def split(keys: str) -> list[str]:
    """The names in a list of faces."""
    return [name.strip() for name in keys.split(",") if name.strip()]


def _joined(names: list[str]) -> str:
    return ", ".join(names)


def _new_seed() -> str:
    return str(random.randrange(NEW_SEEDS))
