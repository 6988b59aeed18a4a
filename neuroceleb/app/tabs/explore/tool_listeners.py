"""Listeners of Explore's tools: arithmetic, the map, from a photo, nearest photos."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
import numpy as np

from neuroceleb import images
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, gettext
from neuroceleb.app.payloads import data_url
from neuroceleb.app.tabs.explore import current
from neuroceleb.app.tabs.explore.current import Json
from neuroceleb.app.tabs.explore.face_listeners import ARITHMETIC, FIRST, PHOTO, SHOWN, shown
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import arithmetic, moved_face, projection_target
from neuroceleb.latent.arithmetic import Terms
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import memorization, training_photos
from neuroceleb.metrics.memorization import Comparison, CopyCheck
from neuroceleb.runs import evaluation

GRID = 24  # faces to pick from at a time
MAP_COLUMNS = 20
UPDATES = 24  # faces shown of a search
CLOSEST = 3
PROGRESS = gr.Progress()  # as a default value: Gradio replaces it in each call
PHOTOS_SHARE = 0.6  # of a copy check's progress: reading the photos

Tile = tuple[Pixels, Any, str, str]  # the face, what its click sends, its label, its caption


def picker(title: str, tiles: Sequence[Tile]) -> Json:
    """The value of a FacePicker."""
    names = ("png", "pick", "label", "caption")
    rows = [(data_url(images.encode(pixels)), *others) for pixels, *others in tiles]
    return {"title": title, "faces": [dict(zip(names, row, strict=True)) for row in rows]}


# Arithmetic --------------------------------------------------------------------------------


def fill_arithmetic(
    context: Context, model: str, epoch: int | None, terms: str, first: float
) -> tuple[Any, ...]:
    """The faces to pick from, the faces of each term, and the sum."""
    loaded = current.read(context, model, epoch, FIRST).model
    seeds = range(int(first), int(first) + GRID)
    drawn = loaded.images(z_from_seeds(seeds, loaded.nz))
    grid = [
        (pixels, str(seed), _label(str(seed)), "")
        for seed, pixels in zip(seeds, drawn, strict=True)
    ]
    return picker(_("Faces to pick from"), grid), *_draw_terms(loaded, Terms.read(terms))[0]


def other_faces(context: Context, first: float) -> int:
    """The first seed of the next faces to pick from."""
    return int(first) + GRID


def add(
    context: Context, model: str, epoch: int | None, terms: str, name: str, event: gr.EventData
) -> tuple[Any, ...]:
    """Add the face that was clicked to a term, and make the sum the current face."""
    return _added(context, model, epoch, terms, name, str(event.pick))


def add_current(
    context: Context, model: str, epoch: int | None, terms: str, name: str, text: str
) -> tuple[Any, ...]:
    """Add the current face to a term."""
    face = current.read(context, model, epoch, text)
    start = moved_face.text_of_z(face.z) if face.face.positions else face.face.text
    return _added(context, model, epoch, terms, name, start)


def remove(
    context: Context, model: str, epoch: int | None, terms: str, event: gr.EventData
) -> tuple[Any, ...]:
    """Take the face that was clicked out of its term."""
    name, _colon, index = str(event.pick).partition(":")
    old = Terms.read(terms)
    kept = [face for at, face in enumerate(getattr(old, name)) if str(at) != index]
    return _summed(context, model, epoch, old.with_term(name, tuple(kept)))


def clear(context: Context, model: str, epoch: int | None) -> tuple[Any, ...]:
    """No faces in any term."""
    return _summed(context, model, epoch, Terms())


def show_example(context: Context, model: str, epoch: int | None) -> tuple[Any, ...]:
    """A sum that moves faces along one of the model's directions."""
    loaded = current.read(context, model, epoch, FIRST).model
    steps = current.steps_of(loaded)[: arithmetic.EXAMPLE_DIRECTION + 1]
    z = z_from_seeds(range(arithmetic.EXAMPLE_SEEDS), loaded.nz)
    return _summed(context, model, epoch, arithmetic.example(z, steps[-1]))


def _added(
    context: Context, model: str, epoch: int | None, terms: str, name: str, face: str
) -> tuple[Any, ...]:
    old = Terms.read(terms)
    new = old.with_term(name, (*getattr(old, name, ()), face))
    return _summed(context, model, epoch, Terms.read(new.text))


def _summed(context: Context, model: str, epoch: int | None, terms: Terms) -> tuple[Any, ...]:
    """The terms, their faces, and the sum as the current face."""
    loaded = current.read(context, model, epoch, FIRST).model
    pickers, result = _draw_terms(loaded, terms)
    if result is None:
        return terms.text, *pickers, *[gr.skip()] * SHOWN
    face = current.read(context, model, epoch, moved_face.text_of_z(result))
    return terms.text, *pickers, *shown(context, ARITHMETIC, face)


def _draw_terms(loaded: Any, terms: Terms) -> tuple[list[Json], Any]:
    """The pickers of the three terms and of the sum; the sum's z, None without a base."""
    titles = (_("Some faces"), _("− less these"), _("+ and these"))
    latents = [[moved_face.read(face).start_z(loaded.nz) for face in term] for term in terms.all]
    pickers = []
    for name, title, texts, z in zip(arithmetic.TERMS, titles, terms.all, latents, strict=True):
        drawn = loaded.images(np.stack(z)) if z else []
        away = _("Take away: {face}")
        tiles = [
            (pixels, f"{name}:{at}", away.format(face=_label(text)), "")
            for at, (pixels, text) in enumerate(zip(drawn, texts, strict=True))
        ]
        pickers.append(picker(title, tiles))
    if not terms.base:
        return [*pickers, picker(_("Pick a face or three from the grid to begin."), [])], None
    stacked = [np.stack(z) if z else None for z in latents]
    base = np.stack(latents[0])
    result = arithmetic.combine(base, *stacked[1:])
    means = [arithmetic.mean(z) for z in stacked if z is not None]
    signs = [sign for sign, z in zip(("", "− ", "+ "), stacked, strict=True) if z is not None]
    near = arithmetic.neighbourhood(result)
    mean, whole = _("mean"), _("result")
    captions = [f"{sign}{mean}" for sign in signs] + [f"= {whole}"] + [""] * (len(near) - 1)
    zs = np.stack([*means, *near])
    tiles = [
        (pixels, moved_face.text_of_z(one), caption or _("Near the result"), caption)
        for pixels, one, caption in zip(loaded.images(zs), zs, captions, strict=True)
    ]
    return [*pickers, picker(_("The sum, and faces near it"), tiles)], result


def _label(text: str) -> str:
    seed = moved_face.read(text).seed
    return _("A face of no seed") if seed is None else _("Seed {seed}").format(seed=seed)


# Map ---------------------------------------------------------------------------------------


def fill_map(
    context: Context, model: str, epoch: int | None, progress: gr.Progress = PROGRESS
) -> tuple[Any, str]:
    """The map of the model's faces, and a sentence about it."""
    from neuroceleb.latent import model_cache

    loaded = current.read(context, model, epoch, FIRST).model
    points, pixels = model_cache.face_map_of(
        loaded, lambda done: progress(0.5 * done, desc=_("Drawing faces"))
    )
    value = {
        "layouts": {"tsne": points.tsne.round(4).tolist(), "pca": points.pca.round(4).tolist()},
        "colours": points.colours.tolist(),
        "columns": MAP_COLUMNS,
        "sheet": current.sprite_url(pixels, MAP_COLUMNS),
    }
    facts = _(
        "{count} faces. Neighbours (t-SNE): faces beside each other look alike, far distances mean "
        "nothing. Components: the two principal components of the pixels, {share:.0%} of their "
        "variance. Scroll or pinch to see the faces; a click takes one. The face that is shown has "
        "a frame, if it is one of these: the seeds from 0 on."
    )
    return value, facts.format(count=len(pixels), share=points.explained)


def choose_layout(context: Context, layout: str) -> Any:
    """The layout of the map."""
    return gr.update(layout=layout)


def take_of_map(
    context: Context, model: str, epoch: int | None, tool: str, event: gr.EventData
) -> Any:
    """The face that was clicked on the map."""
    return shown(context, tool, current.read(context, model, epoch, str(int(event.index))))


# From a photo ------------------------------------------------------------------------------


def crop(context: Context, photo: str | None) -> tuple[Any, str, Any, str]:
    """Cut the faces out of an uploaded photo, which is deleted; the only one is chosen."""
    if photo is None:
        return gr.skip(), "", gr.skip(), gr.skip()
    path = context.upload({"path": photo})
    try:
        found = projection_target.crops_of_file(path)
    finally:
        path.unlink(missing_ok=True)
    urls = [data_url(images.encode(face)) for face in found]
    tiles = [
        (face, url, _("Face {number}").format(number=number), "")
        for number, (face, url) in enumerate(zip(found, urls, strict=True), start=1)
    ]
    if len(found) == 1:
        return None, urls[0], picker(_("The photo's face"), [(found[0], None, tiles[0][2], "")]), ""
    title = _("There are {count} faces in this photo: choose one.").format(count=len(found))
    return None, "", picker(title, tiles), ""


def choose_crop(context: Context, event: gr.EventData) -> str:
    """The face that was chosen among those of the photo."""
    return str(event.pick)


def search(
    context: Context, model: str, epoch: int | None, chosen: str
) -> Iterator[tuple[Any, ...]]:
    """Search for the face most like the chosen one; yields it, and *Stop*, as it grows alike."""
    from neuroceleb.latent import model_cache, projection

    if not chosen:
        yield gr.skip(), gr.update(visible=False), gr.skip(), *[gr.skip()] * SHOWN
        return
    target = projection_target.read_crop(chosen)
    loaded = current.read(context, model, epoch, FIRST).model
    way: list[Tile] = []
    for step in projection.search(loaded.network, model_cache.discriminator_of(loaded), target):
        if step.done < len(way) / UPDATES and step.done < 1:
            continue
        face = current.read(context, model, epoch, moved_face.text_of_z(step.z))
        levels = _("{levels:.0f} levels").format(levels=step.pixel_error)
        way.append((loaded.images(step.z[None])[0], face.face.text, levels, levels))
        is_done = step.done == 1
        facts = _result(step.pixel_error) if is_done else _("Searching …")
        stop = gr.update(visible=not is_done)
        yield facts, stop, picker(_("The way of the search"), way), *shown(context, PHOTO, face)


def stopped(context: Context) -> tuple[str, Any]:
    """The sentence after a search was stopped, and no button to stop it."""
    return _("Stopped. Every step of the way can be taken."), gr.update(visible=False)


def _result(levels: float) -> str:
    from neuroceleb.latent import projection

    grades = {
        "close": _("A close match: the model can make nearly this very picture."),
        "loose": _("A loose match: a look-alike, as photos come out of a model of this size."),
        "none": _(
            "No match: no nearer than two faces of the model by chance. It has learned nothing "
            "like it."
        ),
    }
    about = _("Its pixels differ by {levels:.0f} of 255 grey levels. It is not the person.")
    return f"{grades[projection.grade(levels)]} {about.format(levels=levels)}"


# Nearest photos ----------------------------------------------------------------------------


def fill_nearest(
    context: Context,
    model: str,
    epoch: int | None,
    text: str,
    progress: gr.Progress = PROGRESS,
) -> tuple[str, Any, Any]:
    """The verdict on the current face, its nearest photos, and whether the model can be surveyed.

    Without the photos the stored figures of the model's evaluation take their place.
    """
    face = current.read(context, model, epoch, text)
    is_off = gr.update(interactive=False)
    if reason := why_no_photos(context, model):
        return f"{_stored(context, model, face.epoch)} {reason}", None, is_off
    check, remark = copy_check(context, model, progress)
    [comparison] = check.compare(face.model.images(face.z[None]))
    verdict = comparison.sentence.translate(gettext)
    if remark:
        verdict = f"{verdict} {remark}"
    return verdict, _photos(check, comparison), gr.update(interactive=True)


def survey(
    context: Context, model: str, epoch: int | None, progress: gr.Progress = PROGRESS
) -> tuple[str, Any]:
    """The share of suspected copies among many faces of the model, and the closest."""
    from neuroceleb.latent import model_cache

    context.access.check(Message("see training photos"))
    loaded = current.read(context, model, epoch, FIRST).model
    check, _remark = copy_check(context, model, progress)
    sample = model_cache.sample(loaded)
    comparisons = check.compare(sample)
    facts = _(
        "{share:.1%} of {count} faces are suspects; among the photos themselves {expected:.0%} "
        "would be."
    ).format(
        share=memorization.share_of_suspects(comparisons),
        count=len(comparisons),
        expected=memorization.SUSPECTED_BY_CHANCE,
    )
    order = sorted(range(len(sample)), key=lambda index: comparisons[index].sort_key)[:CLOSEST]
    tiles: list[Tile] = []
    for seed in order:
        photo = np.asarray(check.photos[comparisons[seed].indices[0]])
        tiles += [
            (sample[seed], str(seed), _label(str(seed)), _label(str(seed))),
            (photo, None, _("Training photo"), _("Its nearest photo")),
        ]
    return facts, picker(_("The closest"), tiles)


def why_no_photos(context: Context, model: str) -> str | None:
    """The reason why nearest photos cannot be shown; None where they can."""
    if not context.access.is_open:
        return _(
            "Training photos are shown only where the app listens on this machine alone or asks "
            "for a password (--auth)."
        )
    try:
        training_photos.locate(context.workspace.run(model), context.workspace)
    except UserError:
        return _(
            "The photos themselves are not on this machine, so that the nearest to this face "
            "cannot be shown."
        )
    return None


def copy_check(
    context: Context, model: str, progress: Callable[..., Any]
) -> tuple[CopyCheck, str | None]:
    """The check against a run's photos, and a remark where they have changed since."""

    def report(done: int, count: int) -> None:
        progress(PHOTOS_SHARE * done / max(1, count), desc=_("Reading the training photos"))

    run = context.workspace.run(model)
    check, remark = training_photos.check_of_run(run, context.workspace, report)
    return check, remark.translate(gettext) if remark else None


def _photos(check: CopyCheck, comparison: Comparison) -> Json:
    return picker(
        _("Nearest training photos"),
        [
            (
                np.asarray(check.photos[index]),
                None,
                _("Training photo"),
                _("distance {distance:.2f}").format(distance=distance),
            )
            for index, distance in zip(comparison.indices, comparison.distances, strict=True)
        ],
    )


def _stored(context: Context, model: str, epoch: int) -> str:
    """The figures on copies in a model's evaluation."""
    entry = evaluation.readable(context.workspace.run(model).path).get(epoch, {})
    try:
        figures = entry["copies"]
        return _(
            "From the evaluation of epoch {epoch}: {suspects:.1%} of {count:,} faces were "
            "suspected copies, and {suspects_real:.1%} of the photos themselves. The median "
            "distance to the nearest of {photos:,} training photos was {nearest:.2f}; between "
            "photos it is {nearest_real:.2f}."
        ).format(epoch=epoch, count=entry["n_fake"], photos=figures["n_pool"], **figures)
    except (KeyError, TypeError, ValueError):
        return _("This epoch was not evaluated, so that no figures on copies are stored.")
