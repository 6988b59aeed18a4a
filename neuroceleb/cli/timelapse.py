"""The verbs `timelapse` and `import`: a run as a film, and a folder of the original script."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace, make_folder
from neuroceleb.runs import import_2017
from neuroceleb.runs import timelapse as film
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The film: .mp4, .gif.")
@click.option("--face", type=int, help="Film one face of the sheet alone, counted from 0.")
@click.option("--fps", type=float, default=film.FPS, show_default=True, help="Epochs a second.")
@click.option("--scale", type=int, help="Enlarge every pixel; by default as suits the file.")
@click.option("--no-curves", is_flag=True, help="Leave out the curves beneath the picture.")
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
    """Film how RUN learned: its sample sheets epoch by epoch, with the curves beneath."""
    run = _run(workspace, name)
    suffix = out.suffix.lower()
    plan = film.plan(run, suffix, face=face, fps=fps, scale=scale, curves=not no_curves)
    make_folder(out.parent)
    with _bar("frames") as show:
        film.write(plan, out, show)
    print(f"{len(plan.sheets):,} epochs of '{plan.run}' in {out}", file=sys.stderr)
    if as_json:
        value = {"out": str(out), "run": plan.run, "epochs": len(plan.sheets), "fps": plan.fps}
        print(json.dumps(value, ensure_ascii=False))


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--run", "name", metavar="NAME", required=True, help="Name of the new run.")
@json_option
@in_workspace
def import_run(folder: Path, name: str, as_json: bool, workspace: Workspace) -> None:
    """Make a run of a FOLDER that the original script wrote.

    It takes fake_samples_epoch_000.png and so on, result_dict.p, netG.pth and netD.pth, as many
    of them as there are. The folder is not changed.
    """
    with _bar("sheets") as show:
        run = import_2017.import_folder(folder, workspace, name, show)
    found = {"sheets": len(run.sheets()), "rows": len(run.stats()), "weights": len(run.kept())}
    print(
        f"{found['sheets']:,} sheets, {found['rows']:,} rows of figures and {found['weights']:,} "
        f"generators in {run.path}",
        file=sys.stderr,
    )
    if as_json:
        print(json.dumps({"run": run.name, "path": str(run.path), **found}, ensure_ascii=False))


def _run(workspace: Workspace, name: str) -> Run:
    """The run of that name, or the run directory of that path."""
    path = Path(name)
    if len(path.parts) > 1 and Run(path).exists():
        return Run(path.resolve())
    return workspace.run(name)


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, with rate and remaining time, where somebody looks at it."""
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


VERBS = (timelapse, import_run)
