"""What the verbs of `explore` share: options, and reading and writing their arguments."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np
from numpy.typing import NDArray

from neuroceleb import files, images
from neuroceleb.cli.options import make_folder
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seed
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:  # it loads PyTorch, which `--help` does without
    from neuroceleb.model.generator import Model

T = TypeVar("T")

MAX_Z = 10.0  # of one component of z: ten standard deviations
MAX_Z_FILE_BYTES = 2**20
MAX_FACES = 256


def _check_out(context: click.Context, option: click.Parameter, out: Path) -> Path:
    images.check_suffix(out.suffix)
    return out


out_option = click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    callback=_check_out,
    help="An image file to write.",
)
epoch_option = click.option("--epoch", type=int, help="A kept epoch; the last by default.")


def load(workspace: Workspace, model: str, epoch: int | None) -> "Model":
    from neuroceleb.model import generator

    return generator.load(workspace.weights(model, epoch))


def pick(choices: Sequence[T], number: int, what: str) -> T:
    """The choice of that number, from 1. Raises UserError."""
    if not 1 <= number <= len(choices):
        raise UserError(
            "There is no {what} {number}: choose 1 to {count}.",
            what=what,
            number=number,
            count=len(choices),
        )
    return choices[number - 1]


def read_face(text: str, nz: int) -> NDArray[np.float32]:
    """FACE of the command line -> (nz,) float32. Raises UserError."""
    if text == "average":
        return np.zeros(nz, np.float32)
    if text.isdecimal():
        return z_from_seed(int(text), nz)
    try:
        value = json.loads(files.read_bytes(Path(text), MAX_Z_FILE_BYTES, follow_links=True))
        numbers = np.array(value["z"] if isinstance(value, dict) else value, np.float32)
    except OSError as error:
        raise UserError(
            "'{text}' is no face: give a seed, 'average', or the name of a JSON file.",
            text=text[:100],
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            "{text} holds no z: it must be a list of {nz} numbers.", text=text, nz=nz
        ) from error
    if numbers.shape != (nz,) or not np.abs(numbers).max() <= MAX_Z:
        raise UserError(
            "{text} holds no z of this model: it takes {nz} numbers from -{limit:g} to {limit:g}.",
            text=text,
            nz=nz,
            limit=MAX_Z,
        )
    return numbers


def save_sheet(out: Path, faces: Pixels, columns: int, recipe: dict[str, Any] | None) -> None:
    save(out, images.grid(faces, columns), recipe)


def save(out: Path, sheet: Pixels, recipe: dict[str, Any] | None) -> None:
    make_folder(out.parent)
    images.save(out, sheet, recipe)
    print(f"Written: {out}", file=sys.stderr)
