"""Which person each image of a dataset shows, where the dataset says it.

A dataset whose faces are sorted by person has `persons.json` beside `faces/`: the names of the
folders in `faces/` that hold one person each. Only NumPy is needed to read it.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from neuroceleb import files
from neuroceleb.errors import UserError

FILE = "persons.json"
MAX_BYTES = 64 * 2**20

People = NDArray[np.int64]  # (N,): images of one person have one number


def read(folder: Path) -> tuple[str, ...] | None:
    """The persons of a dataset folder, in order of their names; None where they are not known.

    Raises UserError for a damaged file.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        names = json.loads(path.read_text("utf-8"))["persons"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise damaged(path)
    return tuple(sorted(set(names)))


def damaged(path: Path) -> UserError:
    """The UserError for a file of persons that cannot be read."""
    return UserError(
        "{file} is damaged: delete it, then sort the faces again with "
        "`crop --out {name} --group-by-person`.",
        file=path,
        name=path.parent.name,
    )


def write(folder: Path, names: Iterable[str]) -> None:
    """Write the names of the persons' folders; raises UserError."""
    files.write_json(folder / FILE, {"persons": sorted(set(names))})


def number(source: Path, names: Sequence[str]) -> People | None:
    """The persons that the images of a source show, as numbers; None where they are not known.

    `source` is the folder `faces/` of a dataset and `names` are paths of images in it. An image
    outside the persons' folders counts as a person of its own. Raises UserError for a damaged file.
    """
    known = read(source.parent) if source.name == "faces" and source.is_dir() else None
    if known is None:
        return None
    numbers = {name: index for index, name in enumerate(known)}
    people = np.arange(len(names), dtype=np.int64) + len(numbers)
    for index, name in enumerate(names):
        folders = PurePosixPath(name).parts[:-1]
        if folders and folders[0] in numbers:
            people[index] = numbers[folders[0]]
    return people
