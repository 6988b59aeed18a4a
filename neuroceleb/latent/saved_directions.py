"""Named directions in latent space, and the file beside the weights that stores them.

The directions of `netG_epoch_029.safetensors` are in `netG_epoch_029.directions.json`, with the
SHA-256 of those weights: they are valid for no others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from neuroceleb import files, records
from neuroceleb.errors import UserError
from neuroceleb.records import DamagedFileError

VERSION = 1
MAX_NAME_LENGTH = 40
MAX_DIRECTIONS = 64
MAX_FILE_BYTES = 8 * 2**20
MAX_STEP = 100.0

Latent = NDArray[np.float32]


@dataclass(frozen=True)
class Direction:
    """One direction from any z.

    `step` is (nz,) float32: adding it moves the face by one standard deviation of what the
    direction stands for. `explains` is the share, 0..1, of the variance of the generator's first
    layer that lies along it. `name` is given by a user, or empty.
    """

    step: Latent
    explains: float
    name: str = ""


class SavedDirection(TypedDict):
    """One entry of the file; see `records`."""

    name: str
    explains: float
    step: list[float]


class Saved(TypedDict):
    """The file beside the weights."""

    sha256: str
    directions: list[SavedDirection]


def path_of(weights: Path) -> Path:
    """Where the directions of a weights file are saved."""
    return weights.with_suffix(".directions.json")


def read(weights: Path, sha256: str, nz: int) -> list[Direction] | None:
    """The directions saved for these weights; None where there is no file.

    Raises UserError where they belong to other weights, or the file is damaged.
    """
    path = path_of(weights)
    value = records.read(path, Saved, MAX_FILE_BYTES)
    if value is None:
        return None
    try:
        found = [_direction(item, nz) for item in value["directions"][:MAX_DIRECTIONS]]
    except ValueError as error:
        raise DamagedFileError(path, str(error)) from error
    if value["sha256"] != sha256:
        raise UserError(
            "{name} was saved for another model than {weights_name} is now: save its directions "
            "again.",
            name=path.name,
            weights_name=weights.name,
        )
    return found


def write(weights: Path, sha256: str, directions: Sequence[Direction]) -> Path:
    """Save directions with their names beside the weights; returns the file's path."""
    path = path_of(weights)
    value = {
        "version": VERSION,
        "weights": weights.name,
        "sha256": sha256,
        "directions": [
            {
                "name": direction.name,
                "explains": round(direction.explains, 6),
                "step": [round(float(number), 6) for number in direction.step],
            }
            for direction in directions
        ],
    }
    files.write_json(path, value)
    return path


def check_name(text: Any) -> str:
    """The name without spaces around it. Raises UserError for what cannot be a name."""
    if not isinstance(text, str) or not text.strip().isprintable():
        raise UserError("The name of a direction is a few words: write it again.")
    name = text.strip()
    if len(name) > MAX_NAME_LENGTH:
        raise UserError(
            "'{name} …' is too long for the name of a direction: use {most} characters.",
            name=name[:20],
            most=MAX_NAME_LENGTH,
        )
    return name.encode("utf-8", "replace").decode()  # a lone surrogate becomes a ?


def _direction(item: SavedDirection, nz: int) -> Direction:
    numbers, explains = item["step"], item["explains"]
    is_valid = all(abs(number) <= MAX_STEP for number in numbers) and 0.0 <= explains <= 1.0
    if len(numbers) != nz or not is_valid:
        raise ValueError(f"a direction is not {nz} numbers up to {MAX_STEP:g}")
    try:
        name = check_name(item["name"])
    except UserError as error:
        raise ValueError(str(error)) from error
    return Direction(np.array(numbers, np.float32), explains, name)
