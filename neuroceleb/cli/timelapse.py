"""The verb `timelapse`: a run as a video."""

import sys
from pathlib import Path

import click

from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace, make_folder
from neuroceleb.cli.output import print_json, progress_bar
from neuroceleb.runs import timelapse as timelapses
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A file .mp4, .gif, .webp."
)
@click.option("--face", type=int, help="Show only one face of the sheet, counted from 0.")
@click.option(
    "--fps", type=float, default=timelapses.FPS, show_default=True, help="Epochs a second."
)
@click.option("--scale", type=int, help="Enlarge every pixel; by default as suits the file.")
@click.option("--no-curves", is_flag=True, help="Leave out the curves below the sheet.")
@json_option
@in_workspace
def timelapse(
    name: str,
    out: Path,
    face: int | None,
    fps: float,
    scale: int | None,
    no_curves: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Show how RUN learned as a video: its sample sheets by epoch, with the curves below."""
    run = workspace.find_run(name)
    suffix = out.suffix.lower()
    plan = timelapses.plan(run, suffix, face=face, fps=fps, scale=scale, curves=not no_curves)
    make_folder(out.parent)
    with progress_bar("frames") as show:
        timelapses.write(plan, out, show)
    print(f"{len(plan.sheets):,} epochs of '{plan.run}' in {out}", file=sys.stderr)
    if as_json:
        value = {"out": str(out), "run": plan.run, "epochs": len(plan.sheets), "fps": plan.fps}
        print_json(value)
