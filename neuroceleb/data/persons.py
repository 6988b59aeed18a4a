"""Which person each image of a dataset shows, where the dataset says it.

A dataset whose faces are sorted by person has `persons.json` beside `faces/`: the names of the
folders in `faces/` that hold one person each. Only NumPy is needed to read it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from neuroceleb import files, records

FILE = "persons.json"
MAX_BYTES = 64 * 2**20

People = NDArray[np.int64]  # (N,): images of one person have one number


class Saved(TypedDict):
    """persons.json; see `records`."""

    persons: list[str]


def read(folder: Path) -> tuple[str, ...] | None:
    """The persons of a dataset folder, in order of their names; None where they are not known.

    Raises DamagedFileError.
    """
    value = records.read(folder / FILE, Saved, MAX_BYTES)
    return None if value is None else tuple(sorted(set(value["persons"])))


def write(folder: Path, names: Iterable[str]) -> None:
    """Write the names of the persons' folders; raises UserError."""
    files.write_json(folder / FILE, {"persons": sorted(set(names))})


def number(source: Path, names: Sequence[str]) -> People | None:
    """The persons that the images of a source show, as numbers; None where they are not known.

    `source` is the folder `faces/` of a dataset and `names` are paths of images in it. An image
    outside the persons' folders counts as a person of its own. Raises DamagedFileError.
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
