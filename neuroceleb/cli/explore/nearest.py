"""The verb `explore nearest`: faces beside their nearest training photos."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from neuroceleb.cli.explore.shared import MAX_FACES, epoch_option, load, save_sheet
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.data import dataset
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import parse_seeds, z_from_seeds
from neuroceleb.metrics import training_photos
from neuroceleb.metrics.memorization import (
    SUSPECTED_BY_CHANCE,
    Comparison,
    CopyCheck,
    share_of_suspects,
)
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # it loads PyTorch, which `--help` does without
    from neuroceleb.model.generator import Model


@click.command()
@click.argument("model")
@epoch_option
@click.option("--seeds", default="0-7", show_default=True, help="Seeds to compare with the photos.")
@click.option("--data", metavar="DATASET", help="Photos; by default those it was trained on.")
@click.option(
    "--survey", is_flag=True, help="Also report how many of 512 faces are suspected copies."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="A sheet of each face and its nearest photos."
)
@as_json_option
@in_workspace
def nearest(
    model: str,
    epoch: int | None,
    seeds: str,
    data: str | None,
    survey: bool,
    out: Path | None,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Compare MODEL's faces with their nearest training photos, to find copies."""
    from neuroceleb.latent import model_cache

    chosen = parse_seeds(seeds)
    if len(chosen) > MAX_FACES:
        raise UserError(
            "{count:,} faces are too many at once: use {most} seeds.",
            count=len(chosen),
            most=MAX_FACES,
        )
    loaded = load(workspace, model, epoch)
    check = _copy_check(loaded, data, workspace)
    faces = loaded.images(z_from_seeds(chosen, loaded.nz))
    comparisons = check.compare(faces)
    if out is not None:
        _save_nearest(out, faces, check, comparisons)
    for seed, comparison in zip(chosen, comparisons, strict=True):
        print(f"seed {seed}: {comparison.sentence}", file=sys.stderr)
    value: dict[str, Any] = {
        "photos": len(check),
        "faces": [
            {"seed": seed, "level": c.level, "share": round(c.share, 5), "nearest": c.indices[0]}
            for seed, c in zip(chosen, comparisons, strict=True)
        ],
    }
    if survey:
        share = share_of_suspects(check.compare(model_cache.sample(loaded)))
        value["suspects"] = round(share, 5)
        print(
            f"{100 * share:.1f} % of {model_cache.SAMPLE_SIZE} faces are suspected copies; of the "
            f"photos themselves {100 * SUSPECTED_BY_CHANCE:.0f} % would be.",
            file=sys.stderr,
        )
    if as_json:
        print_json(value)


def _copy_check(model: "Model", data: str | None, workspace: Workspace) -> CopyCheck:
    if data is not None:
        source = dataset.locate(data, workspace.datasets)
        return training_photos.check_of_dataset(source, workspace)[0]
    run = Run(model.path.parent)
    if not run.exists():
        raise UserError("{path} belongs to no run: name its photos with --data.", path=model.path)
    check, remark = training_photos.check_of_run(run, workspace)
    if remark is not None:
        print(remark, file=sys.stderr)
    return check


def _save_nearest(
    out: Path, faces: Pixels, check: CopyCheck, comparisons: list[Comparison]
) -> None:
    rows = [
        np.concatenate([face[None], check.photos[list(comparison.indices)]])
        for face, comparison in zip(faces, comparisons, strict=True)
    ]
    save_sheet(out, np.concatenate(rows), len(rows[0]), None)
