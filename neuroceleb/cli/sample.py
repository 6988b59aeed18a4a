"""The verb `sample`."""

import sys
from pathlib import Path

import click

from neuroceleb import images
from neuroceleb.cli.options import (
    as_json,
    epoch_option,
    in_workspace,
    make_folder,
    truncation_option,
)
from neuroceleb.cli.output import print_json, progress_bar
from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import check_truncation, parse_seeds, z_from_seeds
from neuroceleb.runs.workspace import Workspace

BATCH = 256  # faces drawn and written at a time
MAX_RANKED = 4_096


@click.command()
@click.argument("model")
@click.option("--seeds", required=True, metavar="0-63,99", help="Seeds and ranges of seeds.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Sheet, or folder.")
@truncation_option
@epoch_option
@click.option("--best", "best_of", type=int, metavar="N", help="Only the N with the fewest flaws.")
@as_json
@in_workspace
def sample(
    model: str,
    seeds: str,
    out: Path,
    truncation: float,
    epoch: int | None,
    best_of: int | None,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Draw faces of MODEL: a run's name, a run directory, or a weights file.

    --out ending in .png, .jpg or .webp is one sheet; anything else is a folder with one PNG of
    64x64 pixels per seed.
    """
    chosen = parse_seeds(seeds)
    check_truncation(truncation)
    weights = workspace.weights(model, epoch)
    if best_of is not None:
        chosen = _best(weights, chosen, truncation, best_of)
    draw = _draw_sheet if out.suffix.lower() in images.SUFFIXES else _draw_folder
    draw(weights, chosen, truncation, out)
    counted = "1 face" if len(chosen) == 1 else f"{len(chosen):,} faces"
    print(f"{counted} of {weights} in {out}", file=sys.stderr)
    if as_json:
        print_json({"out": str(out), "model": str(weights), "faces": len(chosen)})


def _best(weights: Path, seeds: list[int], truncation: float, count: int) -> list[int]:
    """The `count` best seeds, the best first; prints how many are left out."""
    if not 1 <= count <= len(seeds) <= MAX_RANKED:
        raise UserError(
            "--best {count} of {drawn:,} seeds is out of bounds: name {most:,} seeds at "
            "most, and no more than those as the best.",
            count=count,
            drawn=len(seeds),
            most=MAX_RANKED,
        )
    from neuroceleb.metrics import best_of
    from neuroceleb.model import generator

    model = generator.load(weights)
    faces = model.images(z_from_seeds(seeds, model.nz, truncation))
    ranked = best_of.rank(faces)
    share = 1 - count / len(seeds)
    print(
        f"The best {count:,} of {len(seeds):,} by flaw score: {len(seeds) - count:,} left out "
        f"({share:.0%}). Flawed, as far as measured: {sum(one.is_flawed for one in ranked):,} of "
        f"all, {sum(one.is_flawed for one in ranked[:count]):,} of those kept.",
        file=sys.stderr,
    )
    return [seeds[one.index] for one in ranked[:count]]


def _draw_sheet(weights: Path, seeds: list[int], truncation: float, out: Path) -> None:
    from neuroceleb.model import generator

    model = generator.load(weights)
    make_folder(out.parent)
    faces = model.images(z_from_seeds(seeds, model.nz, truncation))
    provenance = {**model.recipe, "seeds": seeds[:1_000], "truncation": truncation}
    images.save(out, images.grid(faces), provenance)


def _draw_folder(weights: Path, seeds: list[int], truncation: float, out: Path) -> None:
    from neuroceleb.model import generator

    model = generator.load(weights)
    make_folder(out)
    with progress_bar("faces") as show:
        for start in range(0, len(seeds), BATCH):
            part = seeds[start : start + BATCH]
            faces = model.images(z_from_seeds(part, model.nz, truncation))
            for seed, face in zip(part, faces, strict=True):
                provenance = {**model.recipe, "seed": seed, "truncation": truncation}
                images.save(out / f"seed_{seed:04d}.png", face, provenance)
            show(start + len(part), len(seeds))
