"""The verb `evaluate`: a model's faces against real ones, in figures, kept with the run."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.data import dataset
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.runs import evaluation
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

Entry = dict[str, Any]


@click.command("evaluate")
@click.argument("model")
@click.option("--data", metavar="DATASET", help="Real faces; by default those of the run.")
@click.option("--n", type=int, default=2_048, show_default=True, help="Faces to generate.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of whatever is drawn.")
@click.option("--epoch", type=int, help="One of the run's kept epochs; the last by default.")
@click.option("--every-epoch", is_flag=True, help="All kept epochs, one after the other.")
@json_option
@in_workspace
def tell(
    model: str,
    data: str | None,
    n: int,
    seed: int,
    epoch: int | None,
    every_epoch: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Measure the faces of MODEL, a run, run directory or weights file, against real ones.

    A tenth of DATASET is held out to measure with, or what the run itself kept back. The faces are
    those of seeds 0 to N-1, unselected. What is measured of a run is kept in its evaluation.json.
    """
    if seed < 0:
        raise UserError(f"--seed {seed} is out of bounds: use 0 or more.")
    if every_epoch and epoch is not None:
        raise UserError("--epoch and --every-epoch cannot both be: leave one out.")
    run = _run_of(model, workspace)
    weights = _weights(model, run, epoch, every_epoch, workspace)
    faces = _faces(data, run, workspace)
    entries, unkept = _measured(weights, faces, n, seed, run, as_json)
    value: dict[str, Any] = {"model": model, "results": entries}
    if run is not None:
        kept = evaluation.read(run.path)
        chosen = evaluation.best(evaluation.of_entries(kept))
        value |= {"rule": evaluation.RULE, "best": chosen}
        if not as_json and len(kept) > 1 and chosen is not None:
            print(f"Best so far: epoch {chosen}. {evaluation.RULE}")
    if as_json:
        print(json.dumps(value, ensure_ascii=False))
    if unkept is not None:
        raise unkept


def _run_of(model: str, workspace: Workspace) -> Run | None:
    """The run that MODEL means; None where it is a file of its own."""
    named = Run(workspace.checkpoints / model)
    run = named if "/" not in model and named.exists() else Run(Path(model))
    return run if run.exists() else None


def _weights(
    model: str, run: Run | None, epoch: int | None, every_epoch: bool, workspace: Workspace
) -> list[Path]:
    if not every_epoch:
        return [workspace.weights(model, epoch)]
    if run is None:
        raise UserError(f"{model} is no run, so --every-epoch means nothing: leave it out.")
    run.weights()  # says so where none are kept
    return list(run.kept().values())


def _faces(data: str | None, run: Run | None, workspace: Workspace) -> Dataset:
    text = data or _own_data(run)
    if text is None:
        raise UserError("Missing --data: name the folder or zip of real faces to compare with.")
    found = dataset.load(dataset.locate(text, workspace.datasets), workspace.datasets)
    if found.skipped:
        print(f"{len(found.skipped):,} files were passed over.", file=sys.stderr)
    return found


def _own_data(run: Run | None) -> str | None:
    described = run.config().get("dataset") if run is not None else None
    path = described.get("path") if isinstance(described, dict) else None
    return path if isinstance(path, str) else None


def _measured(
    weights: list[Path], faces: Dataset, n: int, seed: int, run: Run | None, as_json: bool
) -> tuple[list[Entry], UserError | None]:
    """Every file's figures, shown and kept as they come; and what kept them from being kept."""
    from neuroceleb.metrics import evaluate
    from neuroceleb.model import generator

    config = run.config() if run is not None else {}
    share, standing = evaluate.held_out_standing(config, faces.fingerprint)
    choice = evaluate.Choice(n, seed, share, standing)
    entries: list[Entry] = []
    unkept = None
    steps = evaluate.Reference.PARTS + evaluate.PARTS * len(weights)
    with _bar(steps) as watch:
        reference = evaluate.Reference(faces.pixels, choice, watch)
        for path in weights:
            model = generator.load(path)
            figures = evaluate.evaluate(model.network, reference, watch)
            entry = {**_named(model.recipe, model.path), **_described(faces), **figures}
            entries.append(entry)
            unkept = _keep(run, entry) or unkept
            if not as_json:
                _show(entry)
    return entries, unkept


def _named(recipe: dict[str, Any], path: Path) -> Entry:
    return {
        "model": recipe["model"],
        "epoch": recipe.get("epoch"),
        "weights": path.name,
        "sha256": recipe["sha256"],
    }


def _described(faces: Dataset) -> Entry:
    return {
        "data": {
            "name": faces.source.name,
            "count": len(faces),
            "fingerprint": faces.fingerprint,
        }
    }


def _keep(run: Run | None, entry: Entry) -> UserError | None:
    if run is None or not isinstance(entry["epoch"], int):
        return None
    try:
        evaluation.write(run.path, entry["epoch"], entry)
    except UserError as error:
        return error
    return None


@contextmanager
def _bar(steps: int) -> Iterator[Callable[[str], None]]:
    """A bar of the parts, each named while it is measured."""
    from tqdm import tqdm

    with tqdm(total=steps, unit=" parts", disable=None, leave=False) as bar:
        begun = False

        def watch(part: str) -> None:
            nonlocal begun
            bar.update(int(begun))
            begun = True
            bar.set_description(part)

        yield watch


# In words ----------------------------------------------------------------------------------


def _show(entry: Entry) -> None:
    from tqdm import tqdm

    for line in lines(entry):
        tqdm.write(line, file=sys.stdout)


def lines(entry: Entry) -> Iterator[str]:
    """An entry as a person reads it: each figure, its 95 % interval, and that of real faces."""
    epoch = "" if entry["epoch"] is None else f", epoch {entry['epoch']}"
    held_out = entry["split"]["held_out"]
    yield (
        f"{entry['model']}{epoch}: {entry['n_fake']:,} faces (seeds {entry['seeds']}, unselected) "
        f"against {entry['n_real']:,} held-out real ones ({held_out}) of {entry['data']['name']}, "
        f"seed {entry['seed']}, in {entry['seconds']:.0f} s"
    )
    yield from map(_line, _rows(entry))
    for name in ("well_formed", "diversity", "fid"):
        if "said" in entry[name]:
            yield f"  {entry[name]['said']}"
    yield ""


Row = tuple[str, str, str]


def _line(row: Row) -> str:
    return f"  {row[0]:<40} {row[1]:<26} real: {row[2]}"


def _rows(entry: Entry) -> Iterator[Row]:
    well, far = entry["well_formed"], entry["swd"]
    various, copied, fid = entry["diversity"], entry["copies"], entry["fid"]
    if "share" in well:
        yield "well formed", _share(well, "share"), _share(well, "real")
    for level, value in far["levels"].items():
        yield (
            f"sliced Wasserstein x1000, level {level}",
            f"{value:.1f}",
            f"{far['floor_levels'][level]:.1f}",
        )
    yield (
        "sliced Wasserstein x1000, mean",
        f"{far['mean']:.1f} {_span(far['mean_interval'], 1, 1)}",
        f"{far['floor']:.1f} {_span(far['floor_interval'], 1, 1)}",
    )
    yield "MS-SSIM between pairs", _plain(various, "ms_ssim"), _plain(various, "ms_ssim_real")
    for name in ("precision", "recall"):
        if name in various:
            yield (
                f"{name}, k = {various['k']}",
                _plain(various, name),
                _plain(various, f"{name}_real"),
            )
    yield (
        "nearest training face, median",
        f"{copied['nearest']:.3f}",
        f"{copied['nearest_real']:.3f}",
    )
    yield "suspected copies", _share(copied, "suspects"), _share(copied, "suspects_real")
    for name in ("fid", "kid"):
        if name in fid:
            yield name.upper(), f"{fid[name]:.4g}", f"{fid[f'{name}_real']:.4g}"


def _share(part: Entry, name: str) -> str:
    return f"{100 * part[name]:.1f} % {_span(part[f'{name}_interval'], 100, 1)}"


def _plain(part: Entry, name: str) -> str:
    return f"{part[name]:.3f} {_span(part[f'{name}_interval'], 1, 3)}"


def _span(interval: list[float], scale: float, digits: int) -> str:
    low, high = (f"{scale * value:.{digits}f}" for value in interval)
    return f"[{low}, {high}]"
