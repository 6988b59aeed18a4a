"""The provenance in a saved PNG: read, checked against the weights here, drawn again."""

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
    request: faces.FaceRequest | None


def restore(workspace: Workspace, png: bytes) -> Restored:
    """The request that draws the pixels of a PNG again.

    Nothing of the provenance is trusted: the model must be here, its weights must have the stated
    checksum, and their output must equal the pixels of the PNG to one grey level. Raises UserError.
    """
    pixels, provenance = _read(png)
    if "keys" in provenance:
        raise UserError(
            "The PNG is the strip of an interpolation: choose its key faces under Interpolate."
        )
    run, epoch, weights = _find(workspace, provenance)
    if "seeds" in provenance:
        request = _sheet(run, epoch, weights, provenance)
        _compare(pixels, images.grid(faces.draw(request)))
        return Restored(None, request)
    face = faces.read_face(workspace, provenance | {"model": run.name, "epoch": epoch})
    _compare(pixels, faces.draw_faces([face])[0])
    return Restored(face.to_json(), None)


def _read(png: bytes) -> tuple[Pixels, dict[str, Any]]:
    if len(png) > MAX_BYTES:
        raise UserError(
            "The PNG is over {max_mb} MB: it was not saved here.", max_mb=MAX_BYTES // 2**20
        )
    try:
        pixels, provenance = images.decode_png(png, MAX_PIXELS)
    except images.UnreadableImageError as error:
        raise UserError(
            "The file cannot be used, {reason}: drop a PNG that was saved here.",
            reason=error.message,
        ) from error
    if provenance is None:
        raise UserError("The PNG has no provenance in it: drop one that was saved here.")
    return pixels, provenance


def _find(workspace: Workspace, provenance: dict[str, Any]) -> tuple[Run, int, Path]:
    """Run, epoch and weights with the stated checksum; the named run is tried first."""
    named, wanted = provenance.get("model"), provenance.get("sha256")
    if not isinstance(named, str) or not isinstance(wanted, str):
        raise UserError("The PNG's provenance names no model: drop one that was saved here.")
    runs = sorted(workspace.runs(), key=lambda run: run.name != named)
    tried = 0
    for run in runs:
        kept = sorted(run.kept().items(), key=lambda item: item[0] != provenance.get("epoch"))
        for epoch, weights in kept:
            if tried >= MAX_SEARCHED:
                break
            tried += 1
            if faces.weights_sha256(weights) == wanted:
                return run, epoch, weights
    if runs and runs[0].name == named:
        raise UserError(
            "The PNG was made by other weights than those that the run '{name}' has here.",
            name=named[:80],
        )
    raise UserError(
        "The PNG was made by the model '{name}', which is not here: put its run under "
        "checkpoints/.",
        name=named[:80],
    )


def _sheet(run: Run, epoch: int, weights: Path, provenance: dict[str, Any]) -> faces.FaceRequest:
    listed = provenance["seeds"]
    if not isinstance(listed, list) or not all(type(seed) is int for seed in listed):
        raise UserError(
            "The seeds of the PNG's provenance are no list: drop one that was saved here."
        )
    if len(listed) > faces.MAX_COUNT:
        raise UserError(
            "The sheet has over {most} faces: more cannot be shown at once.", most=faces.MAX_COUNT
        )
    seeds = parse_seeds(",".join(map(str, listed)))
    truncation = faces.read_truncation(provenance.get("truncation", 1.0))
    return faces.FaceRequest(run.name, epoch, seeds, truncation, weights)


def _compare(pixels: Pixels, drawn: Pixels) -> None:
    alike = pixels.shape == drawn.shape
    if not alike or np.abs(pixels.astype(int) - drawn.astype(int)).max(initial=0) > 1:
        raise UserError(
            "The PNG does not show what its provenance says: one of the two was changed after it "
            "was saved."
        )
