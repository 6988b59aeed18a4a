"""Endpoints for faces of a model: generate, interpolate, directions, nearest, project."""

from typing import Any

import gradio as gr

from neuroceleb import images, video
from neuroceleb.app import faces
from neuroceleb.app.api.context import LAST_EPOCH, Context, Record, as_file, suffix_of
from neuroceleb.app.parameters import read_whole
from neuroceleb.errors import Message, UserError
from neuroceleb.latent import interpolation
from neuroceleb.latent.seeds import check_truncation, parse_seeds, z_from_seeds
from neuroceleb.model import turns
from neuroceleb.settings import IMAGE_SIZE

MAX_NEAREST = 16
SAVED_AT_ONCE = 16
MAX_FRAMES = 600
FPS = 30.0
PROJECT_S = 20.0


def generate(
    context: Context, model: str, seeds: str = "0-15", epoch: int = -1, truncation: float = 1.0
) -> list[gr.FileData]:
    """Generate one 64x64 PNG per seed; the same bytes as `neuroceleb sample` writes.

    Args:
        model: Name of a run with kept weights, see /runs.
        seeds: Seeds and ranges of seeds, for example 0-15,99; 256 at most.
        epoch: A kept epoch of the run; -1 for the last.
        truncation: Scales the latent vectors, 0 to 2. Below 1 faces turn greyer and have no fewer
            flaws.
    """
    chosen = _seeds(seeds)
    check_truncation(truncation)
    loaded = load_model(context, model, epoch)
    made = loaded.images(z_from_seeds(chosen, loaded.nz, truncation))
    results = []
    with turns.FACES.request(len(chosen)) as request:
        for start in range(0, len(chosen), SAVED_AT_ONCE):
            part = slice(start, start + SAVED_AT_ONCE)
            with request.turn(len(chosen[part])):
                for seed, face in zip(chosen[part], made[part], strict=True):
                    path = context.new_file(faces.file_name(seed))
                    recipe = {**loaded.recipe, "seed": seed, "truncation": truncation}
                    path.write_bytes(images.encode(face, path.suffix, recipe))
                    results.append(as_file(path))
    return results


def interpolate(
    context: Context,
    model: str,
    seeds: str,
    frames: int = 60,
    epoch: int = -1,
    loop: bool = False,
    method: str = "slerp",
    file_format: str = "mp4",
) -> gr.FileData:
    """Make a film that interpolates between the faces of two to twelve seeds.

    Args:
        model: Name of a run with kept weights.
        seeds: Two to twelve seeds, for example 3,14,15.
        frames: Frames in all, 2 to 600.
        epoch: A kept epoch of the run; -1 for the last.
        loop: Whether to continue from the last face to the first.
        method: slerp or lerp.
        file_format: mp4, gif, webp, or png for a strip of all frames.
    """
    keys = _seeds(seeds)
    read_whole(frames, Message("frames"), 2, MAX_FRAMES)
    interpolation.key_frames(len(keys), frames, loop=loop)
    if method not in interpolation.METHODS:
        raise UserError(
            "'{method}' is no method: use {methods}.",
            method=method[:40],
            methods=" or ".join(interpolation.METHODS),
        )
    suffix = suffix_of(file_format, video.SUFFIXES)
    scale = 1 if suffix == ".png" else 4
    video.check(suffix, frames, FPS, (IMAGE_SIZE * scale, IMAGE_SIZE * scale))
    loaded = load_model(context, model, epoch)
    z = interpolation.interpolate(
        z_from_seeds(keys, loaded.nz), frames, loop=loop, method=method, easing="linear"
    )
    shots = (frame for part in loaded.frames(z) for frame in part)
    provenance = loaded.recipe | {"keys": [{"seed": seed} for seed in keys], "frames": frames}
    path = context.new_file(f"interpolation{suffix}")
    video.write(path, shots, frames, fps=FPS, scale=scale, provenance=provenance)
    return as_file(path)


def directions(context: Context, model: str, epoch: int = -1) -> list[Record]:
    """List the directions in latent space along which a model's faces vary most, strongest first.

    Each has a name (empty unless a user gave one), the share of variance it explains, and `step`,
    the vector to add to z for one standard deviation.

    Args:
        model: Name of a run with kept weights.
        epoch: A kept epoch of the run; -1 for the last.
    """
    from neuroceleb.latent import model_cache

    found = model_cache.directions_of(load_model(context, model, epoch))
    return [
        {"name": one.name, "explains": round(one.explains, 6), "step": one.step.tolist()}
        for one in found
    ]


def nearest(context: Context, model: str, seeds: str, epoch: int = -1) -> list[Record]:
    """Compare generated faces with the photos that their model was trained on.

    For each seed: whether the face is a suspected copy, in words and as a level (own, close,
    suspect, same), and the distances to its nearest photos.

    Args:
        model: Name of a run whose training photos are still in place.
        seeds: Up to 16 seeds, for example 0-15.
        epoch: A kept epoch of the run; -1 for the last.
    """
    context.access.check(Message("see training photos"))
    from neuroceleb.metrics import training_photos

    chosen = _seeds(seeds, MAX_NEAREST)
    loaded = load_model(context, model, epoch)
    check, remark = training_photos.check_of_run(context.workspace.run(model), context.workspace)
    found = check.compare(loaded.images(z_from_seeds(chosen, loaded.nz)))
    return [
        {
            "seed": seed,
            "level": one.level,
            "sentence": str(one.sentence),
            "share": round(one.share, 6),
            "distances": [round(distance, 6) for distance in one.distances],
            "remark": str(remark or ""),
        }
        for seed, one in zip(chosen, found, strict=True)
    ]


def project(context: Context, model: str, photo: gr.FileData, epoch: int = -1) -> Record:
    """Search for the latent vector whose face looks most like a photo. Takes up to 20 seconds.

    Returns `z` and `pixel_error`, the root mean square difference in grey levels (0 to 255). The
    result is a look-alike, not the person.

    Args:
        model: Name of a run with kept weights.
        photo: A photo of a face, as a file or as a data: URL. No other URL is fetched.
        epoch: A kept epoch of the run; -1 for the last.
    """
    from neuroceleb.latent import model_cache, projection, projection_target

    loaded = load_model(context, model, epoch)
    data = _read_photo(context, photo, projection_target.MAX_BYTES)
    crop = projection_target.crops(data)[0]
    discriminator = model_cache.discriminator_of(loaded)
    for step in projection.search(loaded.network, discriminator, crop, seconds=PROJECT_S):
        found = step
    return {"z": found.z.tolist(), "pixel_error": round(found.pixel_error, 3)}


def _seeds(text: str, most: int = faces.MAX_COUNT) -> list[int]:
    seeds = parse_seeds(str(text)[: faces.MAX_SEEDS_CHARS])
    if len(seeds) > most:
        raise UserError(
            "{count:,} seeds are too many at once: write {most} at most.",
            count=len(seeds),
            most=most,
        )
    return seeds


def load_model(context: Context, model: str, epoch: int) -> Any:
    """The generator of a run's epoch; LAST_EPOCH for the last."""
    from neuroceleb.model import generator

    run = context.workspace.run(model)
    return generator.load(run.weights(None if epoch == LAST_EPOCH else epoch))


def _read_photo(context: Context, photo: Any, max_bytes: int) -> bytes:
    path = context.upload(photo)
    if path.stat().st_size > max_bytes:
        raise UserError(
            "The photo is over {max_mb} MB: use a smaller one.", max_mb=max_bytes // 2**20
        )
    return path.read_bytes()
