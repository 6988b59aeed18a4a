"""The verb `explore directions`: the directions along which a model's faces vary most."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from neuroceleb.cli.explore.shared import epoch_option, load, save_sheet
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.latent import saved_directions
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("model")
@epoch_option
@click.option(
    "--name", "names", multiple=True, metavar="K=WORDS", help="Name direction K and save."
)
@click.option("--save", is_flag=True, help="Save the directions with the run.")
@click.option("--anew", is_flag=True, help="Compute them again, ignoring saved ones.")
@click.option("--out", type=click.Path(path_type=Path), help="An image of them on three faces.")
@as_json_option
@in_workspace
def directions(
    model: str,
    epoch: int | None,
    names: tuple[str, ...],
    save: bool,
    anew: bool,
    out: Path | None,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Find the ten directions along which MODEL's faces vary most; name and save them.

    The principal components of the generator's first layer (GANSpace). Numbers begin at 1.
    """
    from neuroceleb.latent import model_cache, sheets

    loaded = load(workspace, model, epoch)
    find = model_cache.compute_directions if anew else model_cache.directions_of
    found = _named(find(loaded), names)
    if out is not None:
        faces = sheets.strips(loaded, found, model_cache.strip_latents(loaded.nz))
        columns = len(model_cache.STRIP_SEEDS) * len(sheets.STRIP_OFFSETS)
        save_sheet(out, faces, columns, loaded.recipe)
    if names or save:
        path = saved_directions.write(loaded.path, loaded.sha256, found)
        print(f"Saved: {path}", file=sys.stderr)
    if as_json:
        rows = [
            {"name": d.name, "explains": round(d.explains, 6), "step": d.step.tolist()}
            for d in found
        ]
        print_json({"model": str(loaded.path), "directions": rows})
        return
    for number, direction in enumerate(found, start=1):
        print(f"{number:>2}  {100 * direction.explains:5.1f} %  {direction.name}")


def _named(found: list[Direction], names: Sequence[str]) -> list[Direction]:
    found = list(found)
    for text in names:
        number, equals, name = text.partition("=")
        if not equals or not number.strip().isdecimal() or not 1 <= int(number) <= len(found):
            raise UserError(
                "--name {text} is not K=WORDS with K from 1 to {count}.",
                text=text[:60],
                count=len(found),
            )
        at = int(number) - 1
        found[at] = dataclasses.replace(found[at], name=saved_directions.check_name(name))
    return found
