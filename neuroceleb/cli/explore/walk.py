"""The verb `explore walk`: a strip of faces along a direction or a component of z."""

from pathlib import Path

import click
import numpy as np

from neuroceleb.cli.explore.shared import (
    MAX_FACES,
    epoch_option,
    load,
    out_option,
    pick,
    read_face,
    save_sheet,
)
from neuroceleb.cli.options import in_workspace
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("model")
@click.argument("face", metavar="FACE")
@epoch_option
@click.option("--direction", type=int, help="Traverse this direction, from 1.")
@click.option("--dimension", type=int, help="Traverse this component of z, from 1.")
@click.option("--frames", type=click.IntRange(2, MAX_FACES), default=9, show_default=True)
@out_option
@in_workspace
def walk(
    model: str,
    face: str,
    epoch: int | None,
    direction: int | None,
    dimension: int | None,
    frames: int,
    out: Path,
    workspace: Workspace,
) -> None:
    """Traverse latent space from FACE, three standard deviations to either side: a strip."""
    from neuroceleb.latent import model_cache, sheets

    loaded = load(workspace, model, epoch)
    if (direction is None) == (dimension is None):
        raise UserError("Traverse one direction or dimension: give --direction K or --dimension K.")
    z = read_face(face, loaded.nz)
    if direction is not None:
        step = pick(model_cache.directions_of(loaded), direction, "direction").step
    else:
        step = pick(list(np.eye(loaded.nz, dtype=np.float32)), dimension or 0, "dimension")
    line = z + sheets.offsets(frames)[:, None] * step
    save_sheet(out, loaded.images(line.astype(np.float32)), frames, loaded.recipe)
