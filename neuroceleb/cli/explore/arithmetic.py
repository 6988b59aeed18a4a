"""The verb `explore arithmetic`: vector arithmetic on faces."""

from pathlib import Path

import click
import numpy as np

from neuroceleb.cli.explore.shared import epoch_option, load, out_option, save_sheet
from neuroceleb.cli.options import as_json as as_json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.latent import arithmetic as vector_arithmetic
from neuroceleb.latent.seeds import parse_seeds, z_from_seeds
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("model")
@epoch_option
@click.option("--some", required=True, metavar="SEEDS", help="Faces whose mean is the base.")
@click.option("--less", metavar="SEEDS", help="Faces whose mean is subtracted.")
@click.option("--more", metavar="SEEDS", help="Faces whose mean is added.")
@out_option
@as_json_option
@in_workspace
def arithmetic(
    model: str,
    epoch: int | None,
    some: str,
    less: str | None,
    more: str | None,
    out: Path,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Vector arithmetic on faces of MODEL: the means, the result, and eight faces near it."""
    loaded = load(workspace, model, epoch)
    terms = [
        None if text is None else z_from_seeds(parse_seeds(text), loaded.nz)
        for text in (some, less, more)
    ]
    assert terms[0] is not None
    result = vector_arithmetic.combine(terms[0], terms[1], terms[2])
    means = [vector_arithmetic.mean(term) for term in terms if term is not None]
    faces = loaded.images(np.stack([*means, *vector_arithmetic.neighbourhood(result)]))
    recipe = {**loaded.recipe, "some": some, "less": less, "more": more}
    save_sheet(out, faces, len(faces), recipe)
    if as_json:
        print_json({"out": str(out), "z": result.tolist()})
