"""The verb `explore map`: faces on a plane, similar ones close together."""

from pathlib import Path

import click

from neuroceleb.cli.explore.shared import epoch_option, load, out_option, save
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.latent import face_map
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.runs.workspace import Workspace


@click.command("map")
@click.argument("model")
@epoch_option
@click.option("--count", type=int, default=400, show_default=True, help="Faces, 10 to 1,000.")
@click.option(
    "--by",
    type=click.Choice(["tsne", "pca"]),
    default="tsne",
    show_default=True,
    help="t-SNE, or principal components.",
)
@out_option
@as_json_option
@in_workspace
def draw_map(
    model: str,
    epoch: int | None,
    count: int,
    by: str,
    out: Path,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Draw a map of MODEL's faces, similar ones close together."""
    from neuroceleb.latent import sheets

    if not face_map.MIN_FACES <= count <= face_map.MAX_FACES:
        raise UserError(
            "--count {count} is out of bounds: use {least} to {most:,}.",
            count=count,
            least=face_map.MIN_FACES,
            most=face_map.MAX_FACES,
        )
    loaded = load(workspace, model, epoch)
    faces = loaded.images(z_from_seeds(range(count), loaded.nz))
    computed = face_map.compute(faces)
    points = computed.tsne if by == "tsne" else computed.pca
    save(out, sheets.map_sheet(faces, points), {**loaded.recipe, "seeds": f"0-{count - 1}"})
    if as_json:
        value = {"out": str(out), "pca": computed.pca.tolist(), "tsne": computed.tsne.tolist()}
        print_json(value)
