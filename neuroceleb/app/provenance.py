"""A PNG that we saved, dropped on the page: read its recipe, believe nothing, make it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import parse_seeds
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

MAX_BYTES = 8 * 2**20
MAX_PIXELS = 4_000_000
MAX_SEARCHED = 200  # weights files that are looked through for a checksum


@dataclass(frozen=True)
class Restored:
    """What a PNG shows: one face, or a sheet of seeds."""

    face: dict[str, Any] | None
    order: faces.Order | None


def restore(workspace: Workspace, png: bytes) -> Restored:
    """What the page must show to show these pixels again.

    The recipe is taken at its word in nothing: the model must be here, its weights must have the
    checksum that is told, and what they make must be the pixels of the PNG, to one grey level.
    Raises UserError.
    """
    pixels, recipe = _read(png)
    if "keys" in recipe:
        raise UserError("The PNG is the strip of a walk: choose its key faces under Interpolate.")
    run, epoch, weights = _find(workspace, recipe)
    if "seeds" in recipe:
        order = _sheet(run, epoch, weights, recipe)
        _compare(pixels, images.grid(faces.draw(order)))
        return Restored(None, order)
    face = faces.read_face(workspace, recipe | {"model": run.name, "epoch": epoch})
    _compare(pixels, faces.draw_picked([face])[0])
    return Restored(face.as_page(), None)


def _read(png: bytes) -> tuple[Pixels, dict[str, Any]]:
    if len(png) > MAX_BYTES:
        raise UserError(f"The PNG is over {MAX_BYTES // 2**20} MB: it is none that was saved here.")
    try:
        pixels, recipe = images.decode_png(png, MAX_PIXELS)
    except images.UnreadableImageError as error:
        raise UserError(
            f"The file cannot be used, {error}: drop a PNG that was saved here."
        ) from error
    if recipe is None:
        raise UserError("The PNG has no recipe in it: drop one that was saved here.")
    return pixels, recipe


def _find(workspace: Workspace, recipe: dict[str, Any]) -> tuple[Run, int, Path]:
    """The run, epoch and weights with the checksum of the recipe; the named run is tried first."""
    named, wanted = recipe.get("model"), recipe.get("sha256")
    if not isinstance(named, str) or not isinstance(wanted, str):
        raise UserError("The PNG's recipe names no model: drop one that was saved here.")
    runs = sorted(workspace.runs(), key=lambda run: run.name != named)
    tried = 0
    for run in runs:
        kept = sorted(run.kept().items(), key=lambda item: item[0] != recipe.get("epoch"))
        for epoch, weights in kept:
            if tried >= MAX_SEARCHED:
                break
            tried += 1
            if faces.weights_sha256(weights) == wanted:
                return run, epoch, weights
    if runs and runs[0].name == named:
        raise UserError(
            f"The PNG was made by other weights than those that the run '{named[:80]}' has here."
        )
    raise UserError(
        f"The PNG was made by the model '{named[:80]}', which is not here: "
        "put its run under checkpoints/."
    )


def _sheet(run: Run, epoch: int, weights: Path, recipe: dict[str, Any]) -> faces.Order:
    listed = recipe["seeds"]
    if not isinstance(listed, list) or not all(type(seed) is int for seed in listed):
        raise UserError("The seeds of the PNG's recipe are no list: drop one that was saved here.")
    if len(listed) > faces.MAX_COUNT:
        raise UserError(
            f"The sheet has over {faces.MAX_COUNT} faces: more cannot be shown at once."
        )
    seeds = parse_seeds(",".join(map(str, listed)))
    truncation = faces.read_truncation(recipe.get("truncation", 1.0))
    return faces.Order(run.name, epoch, seeds, truncation, weights)


def _compare(pixels: Pixels, drawn: Pixels) -> None:
    alike = pixels.shape == drawn.shape
    if not alike or np.abs(pixels.astype(int) - drawn.astype(int)).max(initial=0) > 1:
        raise UserError(
            "The PNG does not show what its recipe makes: one of the two was changed after it was "
            "saved."
        )
