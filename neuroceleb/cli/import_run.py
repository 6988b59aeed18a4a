"""The verb `import`: a run from a folder of the original script."""

import sys
from pathlib import Path

import click

from neuroceleb.cli.options import as_json, in_workspace
from neuroceleb.cli.output import print_json, progress_bar
from neuroceleb.runs import import_2017
from neuroceleb.runs.workspace import Workspace


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--run", "name", metavar="NAME", required=True, help="Name of the new run.")
@as_json
@in_workspace
def import_run(folder: Path, name: str, as_json: bool, workspace: Workspace) -> None:
    """Make a run from a FOLDER that the original script wrote.

    It takes fake_samples_epoch_000.png and so on, result_dict.p, netG.pth and netD.pth, as many
    of them as there are. The folder is not changed.
    """
    with progress_bar("sheets") as show:
        run = import_2017.import_folder(folder, workspace, name, show)
    found = {"sheets": len(run.sheets()), "rows": len(run.stats()), "weights": len(run.kept())}
    print(
        f"{found['sheets']:,} sheets, {found['rows']:,} rows of figures and {found['weights']:,} "
        f"generators in {run.path}",
        file=sys.stderr,
    )
    if as_json:
        print_json({"run": run.name, "path": str(run.path), **found})
