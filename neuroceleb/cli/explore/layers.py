"""The verb `explore layers`: a face's maps in each layer, and the picture with one changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from neuroceleb.cli.explore.shared import (
    epoch_option,
    load,
    out_option,
    read_face,
    save,
    save_sheet,
)
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # it loads PyTorch, which `--help` does without
    from neuroceleb.latent.layers import FaceLayers

FACTORS = (0.0, 0.5, 1.0, 2.0, 4.0)


@click.command()
@click.argument("model")
@click.argument("face", metavar="FACE")
@epoch_option
@click.option("--maps", "per_layer", type=int, default=8, show_default=True, help="Of each layer.")
@click.option(
    "--change",
    metavar="LAYER:MAP",
    help="Write the picture with this map times 0, 0.5, 1, 2 and 4 instead.",
)
@out_option
@as_json_option
@in_workspace
def layers(
    model: str,
    face: str,
    epoch: int | None,
    per_layer: int,
    change: str | None,
    out: Path,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Show the strongest maps of MODEL's layers 1 (4x4) to 4 (32x32) for FACE: a sheet.

    `--json` prints each map's number, mean activation, and effect: by how many grey levels (0 to
    255) the picture's pixels differ on average when that map is silenced.
    """
    from neuroceleb.latent import layers as latent_layers
    from neuroceleb.latent import sheets

    loaded = load(workspace, model, epoch)
    z = read_face(face, loaded.nz)
    if change is not None:
        layer, channel = _parse_change(change)
        pictures = latent_layers.scaled(loaded, z, layer, channel, FACTORS)
        save_sheet(out, pictures, len(pictures), {**loaded.recipe, "layer": layer, "map": channel})
        if as_json:
            levels = np.abs(pictures.astype(int) - pictures[FACTORS.index(1.0)]).mean((1, 2, 3))
            print_json({"out": str(out), "factors": FACTORS, "levels": levels.round(3).tolist()})
        return
    found = latent_layers.of_face(loaded, z, per_layer)
    save(out, sheets.layers_sheet(found), loaded.recipe)
    if as_json:
        effects = {
            maps.layer: latent_layers.effects(loaded, z, maps.layer, maps.channels)
            for maps in found.layers
        }
        print_json({"out": str(out), "layers": _rows(found, effects)})


def _rows(found: "FaceLayers", effects: dict[int, tuple[float, ...]]) -> list[dict[str, Any]]:
    return [
        {
            "layer": maps.layer,
            "side": maps.maps.shape[1],
            "of": maps.total,
            "maps": [
                {"map": channel, "mean": round(mean, 5), "effect": round(effect, 3)}
                for channel, mean, effect in zip(
                    maps.channels, maps.means, effects[maps.layer], strict=True
                )
            ],
        }
        for maps in found.layers
    ]


def _parse_change(text: str) -> tuple[int, int]:
    """`2:17` -> (2, 17). Raises UserError."""
    layer, _, channel = text.partition(":")
    if not (layer.isdecimal() and channel.isdecimal()) or len(text) > 12:
        raise UserError(
            "--change {text} is not LAYER:MAP: write two numbers, like 2:17.", text=text[:40]
        )
    return int(layer), int(channel)
