"""The verb `explore project`: the z whose face is most similar to a photo."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from neuroceleb import files
from neuroceleb.cli.explore.shared import epoch_option, load, out_option, pick, save_sheet
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # it loads PyTorch, which `--help` does without
    from neuroceleb.latent.projection import Step


@click.command()
@click.argument("model")
@click.argument("photo", type=click.Path(path_type=Path))
@epoch_option
@click.option("--face", "number", type=int, help="Which face, where the photo has several, from 1.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=15.0, show_default=True)
@out_option
@as_json_option
@in_workspace
def project(
    model: str,
    photo: Path,
    epoch: int | None,
    number: int | None,
    seconds: float,
    out: Path,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Project PHOTO: find the z of MODEL whose face is most similar. A look-alike, not the person.

    --out shows the aligned face, the look-alike, and steps of the search, left to right.
    """
    from neuroceleb.latent import model_cache, projection

    crop = _read_crop(photo, number)
    loaded = load(workspace, model, epoch)
    found = _with_progress(
        projection.search(
            loaded.network, model_cache.discriminator_of(loaded), crop, seconds=seconds
        )
    )
    history = [step.z for step in found[:: max(1, len(found) // 6)]]
    faces = loaded.images(np.stack([found[-1].z, *history]))
    recipe = {**loaded.recipe, "z": [round(float(value), 5) for value in found[-1].z]}
    save_sheet(out, np.concatenate([crop[None], faces]), len(faces) + 1, recipe)
    last = found[-1]
    print(
        "A look-alike, not the person: its pixels differ by "
        f"{last.pixel_error:.1f} of 255 grey levels.",
        file=sys.stderr,
    )
    if as_json:
        print(
            json.dumps(
                {"out": str(out), "levels": round(last.pixel_error, 3), "z": last.z.tolist()}
            )
        )


def _read_crop(photo: Path, number: int | None) -> Pixels:
    from neuroceleb.latent import projection_target

    try:
        if photo.stat().st_size > projection_target.MAX_BYTES:
            raise UserError(
                "{photo} is over {max_mb} MB: use a smaller one.",
                photo=photo,
                max_mb=projection_target.MAX_BYTES // 2**20,
            )
        crops = projection_target.crops(
            files.read_bytes(photo, projection_target.MAX_BYTES, follow_links=True)
        )
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): check its name.", path=photo, reason=error.strerror
        ) from error
    if number is None and len(crops) > 1:
        raise UserError(
            "There are {count} faces in {photo}: pick one with --face 1 (the largest) to --face "
            "{count}.",
            count=len(crops),
            photo=photo,
        )
    return pick(crops, number or 1, "face")


def _with_progress(steps: "Iterator[Step]") -> "list[Step]":
    from tqdm import tqdm

    found = []
    with tqdm(total=100, unit=" %", disable=None) as bar:
        for step in steps:
            found.append(step)
            bar.set_postfix(levels=f"{step.pixel_error:.1f}", refresh=False)
            bar.update(round(100 * step.done) - bar.n)
    return found
