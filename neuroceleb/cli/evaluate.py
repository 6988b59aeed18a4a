"""The verb `evaluate`: measure a model's faces against real ones; results stay with the run."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.data import dataset
from neuroceleb.data.dataset import Dataset
from neuroceleb.data.sources import open_source
from neuroceleb.errors import UserError
from neuroceleb.runs import evaluation
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # it loads PyTorch, which `--help` does without
    from neuroceleb.metrics.persons import People
    from neuroceleb.metrics.reference import Reference

Entry = dict[str, Any]


@click.command("evaluate")
@click.argument("model")
@click.option("--data", metavar="DATASET", help="Real faces; by default those of the run.")
@click.option("--n", type=int, default=2_048, show_default=True, help="Faces to generate.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random choice.")
@click.option("--epoch", type=int, help="One of the run's kept epochs; the last by default.")
@click.option("--every-epoch", is_flag=True, help="All kept epochs.")
@click.option(
    "--persons-in-names",
    is_flag=True,
    help="DATASET's files are named PERSON_IMAGE: persons are distinguished in identity measures.",
)
@json_option
@in_workspace
def evaluate(
    model: str,
    data: str | None,
    n: int,
    seed: int,
    epoch: int | None,
    every_epoch: bool,
    persons_in_names: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Measure the faces of MODEL, a run, run directory or weights file, against real ones.

    They are compared with a held-out tenth of DATASET, or with what the run itself held out. The
    faces are those of seeds 0 to N-1, unselected. Results of a run are saved in its
    evaluation.json.
    """
    from neuroceleb.metrics.evaluate import PARTS
    from neuroceleb.metrics.reference import Options, Reference, held_out_share, split

    if seed < 0:
        raise UserError("--seed {seed} is out of bounds: use 0 or more.", seed=seed)
    if every_epoch and epoch is not None:
        raise UserError("--epoch and --every-epoch cannot both be: leave one out.")
    run = _run_of(model, workspace)
    weights = _weights(model, run, epoch, every_epoch, workspace)
    faces = _load_faces(data, run, workspace)
    config = run.config() if run is not None else {}
    share, held_out = held_out_share(config, faces.fingerprint)
    chosen = split(faces, config, share, held_out)
    options = Options(n, seed, share, held_out, chosen.by)
    people = _people(faces) if persons_in_names else faces.people
    with _progress_bar(Reference.PARTS + PARTS * len(weights)) as progress:
        reference = Reference(faces.pixels, options, progress, people, chosen.mask)
        data_entry = _describe_data(faces)
        entries, unsaved = _evaluate_all(weights, reference, data_entry, run, progress, as_json)
    _print_result(model, entries, run, as_json)
    if unsaved is not None:
        raise unsaved


def _print_result(model: str, entries: list[Entry], run: Run | None, as_json: bool) -> None:
    """The best epoch of the run so far, or all as JSON."""
    value: dict[str, Any] = {"model": model, "results": entries}
    if run is not None:
        saved = evaluation.read(run.path)
        best = evaluation.best(evaluation.of_entries(saved))
        value |= {"rule": evaluation.RULE, "best": best}
        if not as_json and len(saved) > 1 and best is not None:
            print(f"Best so far: epoch {best}. {evaluation.RULE}")
    if as_json:
        print_json(value)


def _run_of(model: str, workspace: Workspace) -> Run | None:
    """The run that MODEL names; None where it is a file outside a run."""
    found = workspace.find(model)
    return found if isinstance(found, Run) and found.exists() else None


def _weights(
    model: str, run: Run | None, epoch: int | None, every_epoch: bool, workspace: Workspace
) -> list[Path]:
    if not every_epoch:
        return [workspace.weights(model, epoch)]
    if run is None:
        raise UserError(
            "{model} is no run, so --every-epoch means nothing: leave it out.", model=model
        )
    run.weights()  # raises where none are kept
    return list(run.kept().values())


def _load_faces(data: str | None, run: Run | None, workspace: Workspace) -> Dataset:
    text = data or (run.dataset_path() if run is not None else None)
    if text is None:
        raise UserError("Missing --data: name the folder or zip of real faces to compare with.")
    try:
        source = dataset.locate(text, workspace.datasets)
    except UserError as error:
        if data:
            raise
        raise UserError(
            "{reason} With --data you can name another.", reason=error.message
        ) from error
    found = dataset.load(source, workspace.datasets)
    if found.skipped:
        print(f"{len(found.skipped):,} files were skipped.", file=sys.stderr)
    return found


def _people(faces: Dataset) -> "People":
    """The persons of a dataset whose files are named PERSON_IMAGE."""
    from neuroceleb.metrics import persons

    skipped = {item.name for item in faces.skipped}
    with open_source(faces.source) as source:
        names = [entry.name for entry in source.entries() if entry.name not in skipped]
    if len(names) != len(faces):
        raise UserError(
            "{source} has changed while it was read: run this again.", source=faces.source
        )
    return persons.from_names(names)


def _evaluate_all(
    weights: list[Path],
    reference: "Reference",
    data: Entry,
    run: Run | None,
    progress: Callable[[str], None],
    is_quiet: bool,
) -> tuple[list[Entry], UserError | None]:
    """The entry of every weights file, printed and saved one by one; and the error of saving."""
    from neuroceleb.metrics import evaluate
    from neuroceleb.model import generator

    entries: list[Entry] = []
    unsaved = None
    for path in weights:
        model = generator.load(path)
        figures = evaluate.evaluate(model.network, reference, progress)
        entry = {**_describe_model(model.recipe, model.path), "data": data, **figures}
        entries.append(entry)
        unsaved = _save(run, entry) or unsaved
        if not is_quiet:
            _print_report(entry)
    return entries, unsaved


def _describe_model(recipe: dict[str, Any], path: Path) -> Entry:
    return {
        "model": recipe["model"],
        "epoch": recipe.get("epoch"),
        "weights": path.name,
        "sha256": recipe["sha256"],
    }


def _describe_data(faces: Dataset) -> Entry:
    return {
        "name": faces.source.name,
        "count": len(faces),
        "fingerprint": faces.fingerprint,
    }


def _save(run: Run | None, entry: Entry) -> UserError | None:
    if run is None or not isinstance(entry["epoch"], int):
        return None
    try:
        is_written = evaluation.write(run.path, entry["epoch"], entry)
    except UserError as error:
        return error
    if not is_written:
        print(
            f"{run.path / evaluation.FILE} keeps the figures of epoch {entry['epoch']}: they are "
            "of more faces.",
            file=sys.stderr,
        )
    return None


@contextmanager
def _progress_bar(steps: int) -> Iterator[Callable[[str], None]]:
    """A progress bar over the parts; yields what is called with the name of each next part."""
    from tqdm import tqdm

    with tqdm(total=steps, unit=" parts", disable=None, leave=False) as bar:
        has_started = False

        def progress(part: str) -> None:
            nonlocal has_started
            bar.update(int(has_started))
            has_started = True
            bar.set_description(part)

        yield progress


def _print_report(entry: Entry) -> None:
    from tqdm import tqdm

    from neuroceleb.metrics import report

    for line in report.lines(entry):
        tqdm.write(line, file=sys.stdout)
