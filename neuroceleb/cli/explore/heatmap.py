"""The verb `explore heatmap`: what D answers to faces, and where it looks."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from neuroceleb.cli.explore.shared import (
    MAX_FACES,
    epoch_option,
    load,
    out_option,
    save_sheet,
)
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import parse_seeds, z_from_seed
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # they load PyTorch, which `--help` does without
    from neuroceleb.latent.heatmap import HeatMap, Improvement


@click.command()
@click.argument("model")
@epoch_option
@click.option("--seeds", default="0-7", show_default=True, help="Seeds of the faces to judge.")
@click.option("--samples", type=int, default=32, show_default=True, help="Noisy copies; 0: none.")
@click.option("--steps", type=int, default=10, show_default=True, help="Of G's gradient on z.")
@out_option
@as_json_option
@in_workspace
def heatmap(
    model: str,
    epoch: int | None,
    seeds: str,
    samples: int,
    steps: int,
    out: Path,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Show what MODEL's discriminator sees in faces: red speaks for fake, blue for real.

    A row of --out is a face, its heat map (smoothed gradient times input), and the face after
    --steps of G's gradient on its z alone. The run's newest discriminator judges.
    """
    from neuroceleb.latent import heatmap as latent_heatmap
    from neuroceleb.latent import model_cache

    chosen = parse_seeds(seeds)
    if len(chosen) > MAX_FACES:
        raise UserError(
            "{count:,} faces are too many at once: use {most} seeds.",
            count=len(chosen),
            most=MAX_FACES,
        )
    loaded = load(workspace, model, epoch)
    discriminator = model_cache.discriminator_of(loaded)
    if discriminator is None:
        raise UserError(
            "There is no netD.safetensors beside {weights}: only a run has a discriminator.",
            weights=loaded.path,
        )
    cells: list[Pixels] = []
    rows = []
    for seed in chosen:
        found = list(
            latent_heatmap.improve(loaded, discriminator, z_from_seed(seed, loaded.nz), steps)
        )
        face = found[0].face
        heat = latent_heatmap.explain(discriminator, face, samples)
        cells += [face, heat.picture(face), found[-1].face]
        rows.append(_row(seed, heat, found[-1]))
        text = f"seed {seed}: D {heat.answer:.3f}, after {steps} steps {found[-1].answer:.3f}"
        print(text, file=sys.stderr)
    save_sheet(out, np.stack(cells), 3, {**loaded.recipe, "seeds": seeds})
    if as_json:
        print_json({"out": str(out), "faces": rows})


def _row(seed: int, heat: "HeatMap", last: "Improvement") -> dict[str, Any]:
    return {
        "seed": seed,
        "answer": round(heat.answer, 5),
        "answer_after": round(last.answer, 5),
        "moved": round(last.moved, 3),
        "z_after": [round(float(value), 5) for value in last.z],
    }
