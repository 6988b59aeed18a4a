"""What a visitor asks for (model, epoch, seeds, truncation), checked, drawn and packed."""

import hashlib
import io
import math
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__, images, latent
from ..errors import UserError
from ..images import Pixels
from ..runs import Run, Workspace

MAX_COUNT = 64
SHIPPED_MODEL = "celeba-mini-classic"
FIRST_SEED = 42
FIRST_COUNT = 18
MAX_Z = 10  # of one component of z: ten standard deviations


@dataclass(frozen=True)
class Order:
    """Faces asked for, every part of it known to be good."""

    model: str
    epoch: int
    seeds: range
    truncation: float
    weights: Path


def models(workspace: Workspace) -> list[Run]:
    """The runs that have kept weights, the one to begin with first."""
    usable = [run for run in workspace.runs() if run.kept()]
    return sorted(usable, key=lambda run: (run.name != SHIPPED_MODEL, run.name))


def read_order(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> Order:
    """An order from what the page or anyone else sent; raises UserError for what is not good.

    No epoch means the last one kept.
    """
    if not isinstance(model, str) or not model:
        raise UserError("No model is chosen: choose one of the list.")
    run = workspace.run(model)
    number = None if epoch is None else _whole(epoch, "The epoch")
    weights = run.weights(number)
    first = _whole(seed, "The seed")
    how_many = _whole(count, "The number of faces")
    if not 1 <= how_many <= MAX_COUNT:
        raise UserError(f"{how_many} faces cannot be shown at once: ask for 1 to {MAX_COUNT}.")
    if not 0 <= first <= latent.MAX_SEED - how_many + 1:
        raise UserError(
            f"Seed {first} is out of range: use a whole number from 0 to "
            f"{latent.MAX_SEED - how_many + 1}."
        )
    seeds = range(first, first + how_many)
    scale = _number(truncation, "The truncation")
    if not 0.0 <= scale <= 2.0:
        raise UserError(f"Truncation {scale:g} is out of range: use a number from 0 to 2.")
    return Order(run.name, number if number is not None else max(run.kept()), seeds, scale, weights)


def read_z(face: Any, nz: int) -> NDArray[np.float32]:
    """The latent vector of a face as pages hand it around: (nz,) float32.

    `{"seed": 42, "truncation": 1.0}` or `{"z": [...]}`; raises UserError for anything else.
    """
    if not isinstance(face, dict):
        raise UserError("That is no face: pick one again.")
    if "z" not in face:
        seed = _whole(face.get("seed"), "The seed")
        scale = _number(face.get("truncation", 1.0), "The truncation")
        one: NDArray[np.float32] = latent.z_from_seeds([seed], nz, scale)[0]
        return one
    z = face["z"]
    good = isinstance(z, list) and len(z) == nz
    numbers = [_number(value, "A value of z") for value in z] if good else []
    if not good or max(map(abs, numbers)) > MAX_Z:
        raise UserError(
            f"A z of this model is {nz} numbers from -{MAX_Z} to {MAX_Z}: pick the face again."
        )
    return np.array(numbers, np.float32)


def draw(order: Order) -> Pixels:
    """The faces of an order: (N, 64, 64, 3) uint8, the generator's own pixels."""
    model = _generator().load(order.weights)
    faces: Pixels = model.images(latent.z_from_seeds(order.seeds, model.nz, order.truncation))
    return faces


def warm_up(workspace: Workspace) -> None:
    """Have torch and the first model in memory before anyone asks for a face."""
    _generator()
    for run in models(workspace)[:1]:
        draw(read_order(workspace, run.name, None, FIRST_SEED, 1, 1.0))


def pngs(order: Order) -> list[tuple[str, bytes]]:
    """One PNG a seed, (file name, content), each with its recipe in the text chunk."""
    return [
        (file_name(seed), images.encode(face, ".png", recipe(order, seed)))
        for seed, face in zip(order.seeds, draw(order), strict=True)
    ]


def archive(order: Order) -> bytes:
    """All faces of an order as a zip of PNGs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, data in pngs(order):
            file.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def archive_name(order: Order) -> str:
    """The name of an order's zip: model, epoch, seeds."""
    first, last = order.seeds[0], order.seeds[-1]
    return f"{order.model}_epoch_{order.epoch:03d}_seeds_{first}-{last}.zip"


def file_name(seed: int) -> str:
    """The name of one face's file."""
    return f"seed_{seed:04d}.png"


def recipe(order: Order, seed: int) -> dict[str, Any]:
    """All it takes to make one face again."""
    return {
        "model": order.model,
        "epoch": order.epoch,
        "seed": seed,
        "truncation": order.truncation,
        "version": __version__,
        "sha256": weights_sha256(order.weights),
    }


def weights_sha256(path: Path) -> str:
    """The SHA-256 of a weights file, computed once for each state of the file."""
    try:
        stat = path.stat()
        return _sha256(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise UserError(
            f"{path.name} cannot be read ({error.strerror}): reload the page."
        ) from error


@lru_cache(maxsize=64)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _generator() -> ModuleType:
    """The door to torch, opened late: importing it takes seconds."""
    from .. import generator

    return generator


def _whole(value: Any, what: str) -> int:
    number = _number(value, what)
    if number != int(number):
        raise UserError(f"{what} {number:g} is not a whole number: leave the fraction out.")
    return int(number)


def _number(value: Any, what: str) -> float | int:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value, re.ASCII):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}\.\d{1,20}", value, re.ASCII):
        return float(value)
    if value is None or value == "":
        raise UserError(f"{what} is missing: write a number.")
    if isinstance(value, int) and abs(value) >= 10**20:
        raise UserError(f"{what} has more than 20 digits: use a smaller number.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{what} '{str(value)[:40]}' is not a number: write digits.")
    return value
