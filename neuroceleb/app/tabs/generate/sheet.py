"""What the sheet of the Generate tab shows: faces of seeds, favourites, or left-out ones."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from neuroceleb.app import faces, select_best
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _
from neuroceleb.app.face_items import items_of_faces, items_of_seeds
from neuroceleb.app.shared import no_faces_yet
from neuroceleb.errors import UserError

SEEDS, FAVOURITES, LEFT_OUT = "seeds", "favourites", "left_out"  # the views


class SheetInputs(NamedTuple):
    """The values of the components that make the sheet, in the order of the listeners' inputs."""

    model: str | None
    epoch: int | None
    seeds: str
    how_many: float
    best: bool
    truncation: float
    view: str
    left_out: str  # "7,72 of …", see `_left_out`
    favourites: Any  # a list of faces, as the browser has stored it


def show_faces(context: Context, *inputs: Any) -> tuple[Any, str, Any, str]:
    """The contact sheet, a sentence about it, the choices of view, and what best-of left out.

    `inputs` are `SheetInputs`.
    """
    given = SheetInputs(*inputs)
    model, epoch, seeds, count, best, truncation, view, *_rest = given
    if not model:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    if view == FAVOURITES:
        return _show_favourites(context, given)
    views = _views("", SEEDS if view == LEFT_OUT else None)
    if note := no_faces_yet(context, model):
        return {"faces": [], "note": note, "of": [model, None]}, "", views, ""
    if best:
        return _show_best(context, given)
    request = faces.read_request(context.workspace, model, epoch, seeds, count, truncation)
    return items_of_seeds(request), _described(request), views, ""


def _show_favourites(context: Context, given: SheetInputs) -> tuple[Any, str, Any, str]:
    kept = _read_favourites(given.favourites)
    newest = kept[-faces.MAX_COUNT :]
    left_out = given.left_out if given.best else ""
    facts = _favourites(len(newest), len(kept))
    return items_of_faces(context.workspace, newest), facts, _views(left_out), left_out


def _show_best(context: Context, given: SheetInputs) -> tuple[Any, str, Any, str]:
    """The faces that best-of keeps, or those that it leaves out, as the view says."""
    if given.view == LEFT_OUT:
        request, facts = _left_out_request(context, given), _("Left out")
        left_out: Sequence[int] = request.seeds
    else:
        selection = _select(context, given)
        request, facts, left_out = selection.kept, _chosen(selection), selection.left_out
    rest = ",".join(map(str, left_out))
    return items_of_seeds(request), facts, _views(rest), f"{rest} of {_asked(given)}"


def show_seeds(context: Context, *inputs: Any) -> tuple[Any, str, Any, str]:
    """As `show_faces`, after other seeds were typed: favourites give way to them."""
    given = SheetInputs(*inputs)
    if given.view != FAVOURITES:
        return show_faces(context, *given)
    sheet, facts, views, left_out = show_faces(context, *given._replace(view=SEEDS))
    return sheet, facts, {**views, "value": SEEDS}, left_out


def show_stepped(context: Context, *inputs: Any) -> tuple[Any, str, Any, str]:
    """As `show_faces`, after a step to other seeds; raises UserError where they are a list."""
    if not SheetInputs(*inputs).seeds.strip().isdecimal():
        raise UserError("A list of seeds has no seeds before or after it: write one seed.")
    return show_faces(context, *inputs)


def show_typed(context: Context, *inputs: Any) -> Any:
    """As `show_faces`, while seeds are typed: nothing changes until they are complete.

    Enter reports what is wrong with them. An error here, as for 20-2 on the way to 20-29, would
    also drop the call for what was typed meanwhile: Gradio makes none after an error.
    """
    skipped = [gr.skip()] * 4
    if not re.fullmatch(r"\s*\d[\d\s,–-]*\d|\s*\d\s*", SheetInputs(*inputs).seeds, re.ASCII):
        return skipped
    try:
        return show_seeds(context, *inputs)
    except UserError:
        return skipped


def archive(context: Context, *inputs: Any) -> str:
    """A zip of the PNGs of all faces that are shown. `inputs` are `SheetInputs`."""
    given = SheetInputs(*inputs)
    model, epoch, seeds, count, best, truncation, view, _text, favourites = given
    if view == FAVOURITES:
        path = context.new_file("favourites.zip")
        newest = _read_favourites(favourites)[-faces.MAX_COUNT :]
        path.write_bytes(faces.archive_of_faces(context.workspace, newest))
        return str(path)
    if best and view == LEFT_OUT:
        request = _left_out_request(context, given)
    elif best:
        request = _select(context, given).kept
    else:
        request = faces.read_request(context.workspace, model, epoch, seeds, count, truncation)
    path = context.new_file(faces.archive_name(request))
    path.write_bytes(faces.archive(request))
    return str(path)


def _select(context: Context, given: SheetInputs) -> select_best.Selection:
    model, epoch, seeds, count, _is_best, truncation, *_rest = given
    wanted = select_best.read_request(context.workspace, model, epoch, seeds, count, truncation)
    return select_best.select(context.workspace, wanted)


def _left_out_request(context: Context, given: SheetInputs) -> faces.FaceRequest:
    """The request for the faces that best-of leaves out; they are chosen anew where others were."""
    rest = _left_out(given) or ",".join(map(str, _select(context, given).left_out))
    model, epoch, truncation = given.model, given.epoch, given.truncation
    return faces.read_request(context.workspace, model, epoch, rest, 1, truncation)


def _asked(given: SheetInputs) -> str:
    """What best-of chooses from, as a text."""
    return " ".join(map(str, (*given[:4], given.truncation)))


def _left_out(given: SheetInputs) -> str:
    """The seeds that best-of left out, "7,72"; "" where those are of other faces."""
    rest, _of, asked = given.left_out.partition(" of ")
    return rest if asked == _asked(given) else ""


def _read_favourites(value: Any) -> list[Any]:
    """The favourites that the page sends; none where it is no list. Each is still unchecked."""
    return value if isinstance(value, list) else []


def _described(request: faces.FaceRequest) -> str:
    seeds = list(request.seeds)
    first, last = seeds[0], seeds[-1]
    is_range = seeds == list(range(first, last + 1))
    if len(seeds) == 1:
        of = _("seed {seed}").format(seed=first)
    elif is_range:
        of = _("seeds {first}–{last}").format(first=first, last=last)
    else:
        of = _("{count:,} seeds").format(count=len(seeds))
    epoch = _("epoch {epoch:,}").format(epoch=request.epoch)
    return f"{request.model} · {epoch} · {of}"


def _favourites(shown: int, kept: int) -> str:
    facts = _("Favourites, kept in this browser only.")
    if shown == kept:
        return facts
    more = _("The newest {shown:,} of {kept:,} are shown.").format(shown=shown, kept=kept)
    return f"{facts} {more}"


def _chosen(selection: select_best.Selection) -> str:
    kept, left_out = len(selection.kept.seeds), len(selection.left_out)
    return _(
        "The best {kept} of {drawn} by flaw score, {ms:.0f} ms a face. Flawed, as far as measured: "
        "{flawed} of all, {flawed_kept} of those kept."
    ).format(
        kept=kept,
        drawn=kept + left_out,
        ms=selection.ms_a_face,
        flawed=selection.flawed,
        flawed_kept=selection.flawed_kept,
    )


def _views(left_out: str, chosen: str | None = None) -> dict[str, Any]:
    """The choices of view; another one is `chosen` only where it must be, lest it undo a click."""
    choices = [(_("Seeds"), SEEDS), (_("Favourites"), FAVOURITES)]
    shown: dict[str, Any] = gr.update(
        choices=[*choices, (_("Left out"), LEFT_OUT)] if left_out else choices
    )
    return shown if chosen is None else {**shown, "value": chosen}
