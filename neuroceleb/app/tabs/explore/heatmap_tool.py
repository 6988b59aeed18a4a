"""What D sees: its answer to the face, a heat map, and what G's gradient makes of the face."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, gettext, label
from neuroceleb.app.components.face_picker import FacePicker
from neuroceleb.app.components.text import Text
from neuroceleb.app.look_inside import WHERE_D_LOOKS
from neuroceleb.app.shared import Shared
from neuroceleb.app.tabs.explore import current, face_listeners, tool_listeners
from neuroceleb.app.tabs.explore.current import Current, Json
from neuroceleb.app.tabs.explore.panels import Parts
from neuroceleb.app.tabs.explore.tool_listeners import PROGRESS, Tile, picker
from neuroceleb.errors import UserError
from neuroceleb.latent import moved_face

if TYPE_CHECKING:
    from neuroceleb.model.networks import Discriminator

STEPS = 10


def build(shared: Shared, parts: Parts, of_heatmap: gr.Textbox) -> list[Any]:
    """The panel, drawn when `of_heatmap` changes; the events after which another is current."""
    request = [shared.model, shared.epoch, parts.face]
    Text(label(WHERE_D_LOOKS.text))
    answer = Text(elem_id="heat-answer")
    pictures = FacePicker(elem_id="heat-pictures")
    follow = gr.Button(label("Let G take ten steps"), elem_id="heat-steps")
    way = FacePicker(elem_id="heat-way")
    about = Text(elem_id="heat-about-nearest")
    nearest = FacePicker(elem_id="heat-nearest")
    filled = shared.listen(
        of_heatmap.change, fill, request, [answer, pictures, follow, way, about, nearest]
    )
    shared.listen(
        filled.success,
        fill_nearest,
        request,
        [about, nearest],
        is_long=True,
        trigger_mode="always_last",
        show_progress_on=[about],
    )
    shared.listen(follow.click, steps, request, [way], is_long=True, show_progress_on=[follow])
    taken = shared.listen(
        way.pick, face_listeners.take, [shared.model, shared.epoch, parts.tool], parts.shown
    )
    return [taken.success]


def fill(context: Context, model: str, epoch: int | None, text: str) -> tuple[Any, ...]:
    """D's answer to the face, its heat map beside it, and nothing yet of the rest."""
    from neuroceleb.latent import heatmap

    face = current.read(context, model, epoch, text)
    try:
        discriminator = _discriminator(face)
    except UserError as error:
        reason = error.message.translate(gettext)
        return reason, None, gr.update(interactive=False), None, "", None
    pixels = face.model.images(face.z[None])[0]
    heat = heatmap.explain(discriminator, pixels)
    sentence = _(
        "D is to {answer:.0%} sure that this face is a photo. D is the newest of this run, "
        "whatever the epoch of the face."
    ).format(answer=heat.answer)
    tiles: list[Tile] = [
        (pixels, None, face.title, _("The face")),
        (heat.picture(pixels), None, _("What D sees in the face"), _("Red: fake, blue: real")),
    ]
    return sentence, picker("", tiles), gr.update(interactive=True), None, "", None


def fill_nearest(
    context: Context,
    model: str,
    epoch: int | None,
    text: str,
    progress: gr.Progress = PROGRESS,
) -> tuple[str, Any]:
    """The training photo nearest to the face with its heat map, or why it is not shown."""
    from neuroceleb.metrics.nearest_heatmap import explain_nearest

    if reason := tool_listeners.why_no_photos(context, model):
        return reason, None
    face = current.read(context, model, epoch, text)
    try:
        discriminator = _discriminator(face)
    except UserError:
        return "", None  # `fill` gives the reason
    check, remark = tool_listeners.copy_check(context, model, progress)
    found = explain_nearest(discriminator, face.model.images(face.z[None])[0], check)
    colours = _("Red: fake, blue: real")
    sentence = _(
        "The training photo nearest to it: D is to {answer:.0%} sure that it is a photo."
    ).format(answer=found.heat.answer)
    tiles: list[Tile] = [
        (found.photo, None, _("Training photo"), _("Its nearest photo")),
        (found.heat.picture(found.photo), None, _("What D sees in the photo"), colours),
    ]
    return f"{sentence} {remark}" if remark else sentence, picker("", tiles)


def steps(context: Context, model: str, epoch: int | None, text: str) -> Iterator[Json]:
    """The face after each step of G's gradient on its z, with D's answers."""
    from neuroceleb.latent import heatmap

    face = current.read(context, model, epoch, text)
    title = _("Each step of G: what D answers. A click takes the face.")
    tiles: list[Tile] = []
    for step in heatmap.improve(face.model, _discriminator(face), face.z, STEPS):
        caption = f"{step.answer:.0%}"
        name = _("Step {step}: {answer:.0%}").format(step=step.step, answer=step.answer)
        tiles.append((step.face, moved_face.text_of_z(step.z), name, caption))
        yield picker(title, tiles)


def _discriminator(face: Current) -> "Discriminator":
    from neuroceleb.latent import model_cache

    return model_cache.require_discriminator(face.model, face.run)
