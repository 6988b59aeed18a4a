"""The Explore tab's background tasks: directions, face map, projection, copy checks."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import numpy as np

from neuroceleb import decoding, images
from neuroceleb.app import explore_model
from neuroceleb.app.access import Access
from neuroceleb.app.background import Kind, Task, Tasks
from neuroceleb.app.explore_model import Json, LoadedModel, sprite_url
from neuroceleb.app.payloads import data_url
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels, UnreadableImageError
from neuroceleb.latent import face_map
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import memorization, training_photos
from neuroceleb.metrics.memorization import Comparison, CopyCheck
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

KIND = Kind(
    "explore",
    max_pending=6,
    busy=Message("Others are waiting for their results already: try in a minute."),
    abandoned_after_s=20.0,
    kept_s=60.0,
    max_kept=8,
)
MAX_CROP_BYTES = 48 * 2**10
PROJECTION_UPDATES = 24  # faces shown while a projection runs
MAP_COLUMNS = 20
CLOSEST = 3
PHOTOS_SHARE = 0.6  # of a copy check's progress: reading the photos


def submit(workspace: Workspace, access: Access, tasks: Tasks, values: Json) -> Task:
    """Queue the task that `values["kind"]` names; raises UserError."""
    kind = values.get("kind")
    if kind not in WORKS:
        raise UserError("'{kind}' is nothing that can be asked for here.", kind=str(kind)[:40])
    if kind in SHOW_PHOTOS:
        access.check(Message("see training photos"))
    if kind == "project":
        read_crop(values.get("crop"))  # refused now rather than when the task runs

    def work(task: Task) -> Json:
        return WORKS[str(kind)](task, explore_model.load(workspace, values), values, workspace)

    return tasks.submit(KIND, work)


def _directions(_: Task, loaded: LoadedModel, __: Json, ___: Workspace) -> Json:
    from neuroceleb.latent import model_cache, sheets

    model = loaded.model
    found, remark = loaded.directions()
    strips = sheets.strips(model, found, model_cache.strip_latents(model.nz))
    columns = len(model_cache.STRIP_SEEDS) * len(sheets.STRIP_OFFSETS)
    return {
        "directions": [{"name": d.name, "explains": d.explains} for d in found],
        "remark": remark,
        "seeds": model_cache.STRIP_SEEDS,
        "at": sheets.STRIP_OFFSETS,
        "strips": sprite_url(strips, columns),
    }


def _face_map(task: Task, loaded: LoadedModel, _: Json, __: Workspace) -> Json:
    z = z_from_seeds(range(face_map.DEFAULT_FACES), loaded.model.nz)
    parts: list[Pixels] = []
    for part in loaded.model.frames(z):
        parts.append(part)
        task.report(0.5 * sum(map(len, parts)) / len(z))
    pixels = np.concatenate(parts)
    points = face_map.compute(pixels)
    return {
        "pca": points.pca.round(4).tolist(),
        "tsne": points.tsne.round(4).tolist(),
        "explained": round(points.explained, 4),
        "colours": points.colours.tolist(),
        "columns": MAP_COLUMNS,
        "sprite": sprite_url(pixels, MAP_COLUMNS),
    }


def _projection(task: Task, loaded: LoadedModel, values: Json, _: Workspace) -> Json:
    from neuroceleb.latent import model_cache, projection

    crop = read_crop(values.get("crop"))
    discriminator = model_cache.discriminator_of(loaded.model)
    updates = 0
    for step in projection.search(loaded.model.network, discriminator, crop):
        update = None
        if step.done >= updates / PROJECTION_UPDATES:
            updates += 1
            update = loaded.face_json(step.z) | {"levels": round(step.pixel_error, 2)}
        task.report(step.done, update)
    return loaded.face_json(step.z) | {"levels": round(step.pixel_error, 2)}


def _nearest(task: Task, loaded: LoadedModel, values: Json, workspace: Workspace) -> Json:
    z = loaded.z(values.get("face"))
    check, remark = _copy_check(task, loaded, workspace)
    [comparison] = check.compare(loaded.model.images(z[None]))
    return {"photos": len(check), "remark": remark} | _comparison_json(check, comparison)


def _survey(task: Task, loaded: LoadedModel, _: Json, workspace: Workspace) -> Json:
    from neuroceleb.latent import model_cache

    check, remark = _copy_check(task, loaded, workspace)
    sample = model_cache.sample(loaded.model)
    task.report(0.8)
    comparisons = check.compare(sample)
    order = sorted(range(len(sample)), key=lambda index: comparisons[index].sort_key)[:CLOSEST]
    return {
        "count": len(comparisons),
        "photos": len(check),
        "remark": remark,
        "share": memorization.share_of_suspects(comparisons),
        "expected": memorization.SUSPECTED_BY_CHANCE,
        "closest": [
            {"seed": int(seed), "png": data_url(images.encode(sample[seed]))}
            | _comparison_json(check, comparisons[seed], 1)
            for seed in order
        ],
    }


WORKS: dict[str, Callable[[Task, LoadedModel, Json, Workspace], Json]] = {
    "directions": _directions,
    "map": _face_map,
    "project": _projection,
    "nearest": _nearest,
    "survey": _survey,
}
SHOW_PHOTOS = frozenset({"nearest", "survey"})


def _copy_check(
    task: Task, loaded: LoadedModel, workspace: Workspace
) -> tuple[CopyCheck, Message | None]:
    """The check against the training photos, and a remark where they changed since."""

    def report(done: int, count: int) -> None:
        task.report(PHOTOS_SHARE * done / count)

    check = training_photos.check_of_run(loaded.run, workspace, report)
    task.report(PHOTOS_SHARE)
    return check


def _comparison_json(
    check: CopyCheck, comparison: Comparison, count: int = memorization.SHOWN
) -> Json:
    """A comparison and its nearest photos."""
    return {
        "level": comparison.level,
        "closer": round(comparison.share, 5),
        "nearest": [
            data_url(images.encode(np.asarray(check.photos[index])))
            for index in comparison.indices[:count]
        ],
    }


def read_crop(url: Any) -> Pixels:
    """The (64, 64, 3) uint8 crop in a data URL that `explore/crops` gave; raises UserError."""
    text = url.partition(";base64,")[2] if isinstance(url, str) else ""
    try:
        if not 0 < len(text) <= MAX_CROP_BYTES:
            raise ValueError
        crop = decoding.read_pixels(base64.b64decode(text, validate=True), limits=decoding.VISITOR)
    except (ValueError, binascii.Error, UnreadableImageError) as error:
        raise UserError("That is no face cut from a photo: choose the photo again.") from error
    if crop.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise UserError("A face cut from a photo has 64x64 pixels: choose the photo again.")
    return crop
