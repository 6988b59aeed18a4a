"""The verb `explore`: a model's latent space on the command line."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np
from numpy.typing import NDArray

from neuroceleb import images
from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace, make_folder
from neuroceleb.cli.output import print_json
from neuroceleb.data import dataset
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import arithmetic as vector_arithmetic
from neuroceleb.latent import face_map, saved_directions
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import parse_seeds, z_from_seed, z_from_seeds
from neuroceleb.metrics import training_photos
from neuroceleb.metrics.memorization import (
    SUSPECTED_BY_CHANCE,
    Comparison,
    CopyCheck,
    share_of_suspects,
)
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # they load PyTorch, which `--help` does without
    from neuroceleb.latent.projection import Step
    from neuroceleb.model.generator import Model

T = TypeVar("T")

MAX_Z = 10.0  # of one component of z: ten standard deviations
MAX_Z_FILE_BYTES = 2**20
MAX_FACES = 256

out_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="An image file to write."
)
epoch_option = click.option("--epoch", type=int, help="A kept epoch; the last by default.")


@click.group()
def explore() -> None:
    """Explore a model's latent space: directions, arithmetic, maps, projection, copies.

    MODEL is a run's name, a run directory, or a weights file. A FACE is a seed, `average` (z = 0),
    or a JSON file with the numbers of a z, as `project --json` prints them.
    """


@explore.command()
@click.argument("model")
@epoch_option
@click.option(
    "--name", "names", multiple=True, metavar="K=WORDS", help="Name direction K and save."
)
@click.option("--save", is_flag=True, help="Save the directions with the run.")
@click.option("--anew", is_flag=True, help="Compute them again, ignoring saved ones.")
@click.option("--out", type=click.Path(path_type=Path), help="An image of them on three faces.")
@json_option
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

    loaded = _load(workspace, model, epoch)
    find = model_cache.compute_directions if anew else model_cache.directions_of
    found = _named(find(loaded), names)
    if out is not None:
        faces = sheets.strips(loaded, found, model_cache.strip_latents(loaded.nz))
        columns = len(model_cache.STRIP_SEEDS) * len(sheets.STRIP_OFFSETS)
        _save_sheet(out, faces, columns, loaded.recipe)
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
            raise UserError(f"--name {text[:60]} is not K=WORDS with K from 1 to {len(found)}.")
        at = int(number) - 1
        found[at] = dataclasses.replace(found[at], name=saved_directions.check_name(name))
    return found


@explore.command()
@click.argument("model")
@epoch_option
@click.option("--some", required=True, metavar="SEEDS", help="Faces whose mean is the base.")
@click.option("--less", metavar="SEEDS", help="Faces whose mean is subtracted.")
@click.option("--more", metavar="SEEDS", help="Faces whose mean is added.")
@out_option
@json_option
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
    loaded = _load(workspace, model, epoch)
    terms = [
        None if text is None else z_from_seeds(parse_seeds(text), loaded.nz)
        for text in (some, less, more)
    ]
    assert terms[0] is not None
    result = vector_arithmetic.combine(terms[0], terms[1], terms[2])
    means = [vector_arithmetic.mean(term) for term in terms if term is not None]
    faces = loaded.images(np.stack([*means, *vector_arithmetic.neighbourhood(result)]))
    recipe = {**loaded.recipe, "some": some, "less": less, "more": more}
    _save_sheet(out, faces, len(faces), recipe)
    if as_json:
        print_json({"out": str(out), "z": result.tolist()})


@explore.command()
@click.argument("model")
@click.argument("face", metavar="FACE")
@epoch_option
@click.option("--direction", type=int, help="Traverse this direction, from 1.")
@click.option("--dimension", type=int, help="Traverse this component of z, from 1.")
@click.option("--frames", type=click.IntRange(2, MAX_FACES), default=9, show_default=True)
@out_option
@in_workspace
def walk(
    model: str,
    face: str,
    epoch: int | None,
    direction: int | None,
    dimension: int | None,
    frames: int,
    out: Path,
    workspace: Workspace,
) -> None:
    """Traverse latent space from FACE, three standard deviations to either side: a strip."""
    from neuroceleb.latent import model_cache, sheets

    loaded = _load(workspace, model, epoch)
    if (direction is None) == (dimension is None):
        raise UserError("Traverse one direction or dimension: give --direction K or --dimension K.")
    z = _read_face(face, loaded.nz)
    if direction is not None:
        step = _pick(model_cache.directions_of(loaded), direction, "direction").step
    else:
        step = _pick(list(np.eye(loaded.nz, dtype=np.float32)), dimension or 0, "dimension")
    line = z + sheets.offsets(frames)[:, None] * step
    _save_sheet(out, loaded.images(line.astype(np.float32)), frames, loaded.recipe)


@explore.command("map")
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
@json_option
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
            f"--count {count} is out of bounds: use {face_map.MIN_FACES} to {face_map.MAX_FACES:,}."
        )
    loaded = _load(workspace, model, epoch)
    faces = loaded.images(z_from_seeds(range(count), loaded.nz))
    computed = face_map.compute(faces)
    points = computed.tsne if by == "tsne" else computed.pca
    _save(out, sheets.map_sheet(faces, points), {**loaded.recipe, "seeds": f"0-{count - 1}"})
    if as_json:
        value = {"out": str(out), "pca": computed.pca.tolist(), "tsne": computed.tsne.tolist()}
        print_json(value)


@explore.command()
@click.argument("model")
@click.argument("photo", type=click.Path(path_type=Path))
@epoch_option
@click.option("--face", "number", type=int, help="Which face, where the photo has several, from 1.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=15.0, show_default=True)
@out_option
@json_option
@in_workspace
def project(
    model: str,
    photo: Path,
    epoch: int | None,
    number: int | None,
    seconds: float,
    out: Path,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Project PHOTO: find the z of MODEL whose face is most similar. A look-alike, not the person.

    --out shows the aligned face, the look-alike, and steps of the search, left to right.
    """
    from neuroceleb.latent import model_cache, projection

    crop = _read_crop(photo, number)
    loaded = _load(workspace, model, epoch)
    found = _with_progress(
        projection.search(
            loaded.network, model_cache.discriminator_of(loaded), crop, seconds=seconds
        )
    )
    history = [step.z for step in found[:: max(1, len(found) // 6)]]
    faces = loaded.images(np.stack([found[-1].z, *history]))
    recipe = {**loaded.recipe, "z": [round(float(value), 5) for value in found[-1].z]}
    _save_sheet(out, np.concatenate([crop[None], faces]), len(faces) + 1, recipe)
    last = found[-1]
    print(
        "A look-alike, not the person: its pixels differ by "
        f"{last.pixel_error:.1f} of 255 grey levels.",
        file=sys.stderr,
    )
    if as_json:
        print(
            json.dumps(
                {"out": str(out), "levels": round(last.pixel_error, 3), "z": last.z.tolist()}
            )
        )


def _read_crop(photo: Path, number: int | None) -> Pixels:
    from neuroceleb.latent import projection_target

    try:
        if photo.stat().st_size > projection_target.MAX_BYTES:
            raise UserError(
                f"{photo} is over {projection_target.MAX_BYTES // 2**20} MB: use a smaller one."
            )
        crops = projection_target.crops(photo.read_bytes())
    except OSError as error:
        raise UserError(f"{photo} cannot be read ({error.strerror}): check its name.") from error
    if number is None and len(crops) > 1:
        raise UserError(
            f"There are {len(crops)} faces in {photo}: pick one with --face 1 (the largest) to "
            f"--face {len(crops)}."
        )
    return _pick(crops, number or 1, "face")


def _with_progress(steps: "Iterator[Step]") -> "list[Step]":
    from tqdm import tqdm

    found = []
    with tqdm(total=100, unit=" %", disable=None) as bar:
        for step in steps:
            found.append(step)
            bar.set_postfix(levels=f"{step.pixel_error:.1f}", refresh=False)
            bar.update(round(100 * step.done) - bar.n)
    return found


@explore.command()
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
@json_option
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
        raise UserError(f"{len(chosen):,} faces are too many at once: use {MAX_FACES} seeds.")
    loaded = _load(workspace, model, epoch)
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
        raise UserError(f"{model.path} belongs to no run: name its photos with --data.")
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
    _save_sheet(out, np.concatenate(rows), len(rows[0]), None)


# Shared ------------------------------------------------------------------------------------


def _load(workspace: Workspace, model: str, epoch: int | None) -> "Model":
    from neuroceleb.model import generator

    return generator.load(workspace.weights(model, epoch))


def _pick(choices: Sequence[T], number: int, what: str) -> T:
    """The choice of that number, from 1. Raises UserError."""
    if not 1 <= number <= len(choices):
        raise UserError(f"There is no {what} {number}: choose 1 to {len(choices)}.")
    return choices[number - 1]


def _read_face(text: str, nz: int) -> NDArray[np.float32]:
    """FACE of the command line -> (nz,) float32. Raises UserError."""
    if text == "average":
        return np.zeros(nz, np.float32)
    if text.isdecimal():
        return z_from_seed(int(text), nz)
    try:
        if Path(text).stat().st_size > MAX_Z_FILE_BYTES:
            raise ValueError
        value = json.loads(Path(text).read_text("utf-8"))
        numbers = np.array(value["z"] if isinstance(value, dict) else value, np.float32)
    except OSError as error:
        raise UserError(
            f"'{text[:100]}' is no face: give a seed, 'average', or the name of a JSON file."
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{text} holds no z: it must be a list of {nz} numbers.") from error
    if numbers.shape != (nz,) or not np.abs(numbers).max() <= MAX_Z:
        raise UserError(
            f"{text} holds no z of this model: it takes {nz} numbers from -{MAX_Z:g} to {MAX_Z:g}."
        )
    return numbers


def _save_sheet(out: Path, faces: Pixels, columns: int, recipe: dict[str, Any] | None) -> None:
    _save(out, images.grid(faces, columns), recipe)


def _save(out: Path, sheet: Pixels, recipe: dict[str, Any] | None) -> None:
    make_folder(out.parent)
    images.save(out, sheet, recipe)
    print(f"Written: {out}", file=sys.stderr)
