"""What a visitor asks for (model, epoch, seeds, truncation), checked, drawn and packed."""

import hashlib
import io
import math
import re
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb import __version__, images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import MAX_SEED, check_truncation, parse_seeds, z_from_seeds
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

MAX_COUNT = 256
SHIPPED_MODEL = "celeba-mini-classic"  # its long course is what Progress opens with
BEST_MODEL = "celeba-mini"  # what Generate opens with
FIRST_SEED = 42
FIRST_COUNT = 18
LOOK_S = 2.0  # between looks for a first model
MAX_Z = 10  # of one component of z: ten standard deviations
MAX_SEEDS_CHARS = 8_000


@dataclass(frozen=True)
class Order:
    """Faces asked for, every part of it known to be good."""

    model: str
    epoch: int
    seeds: Sequence[int]
    truncation: float
    weights: Path


@dataclass(frozen=True)
class Picked:
    """One face as pages hand it around, every part of it known to be good."""

    model: str
    epoch: int
    weights: Path
    z: NDArray[np.float32]
    seed: int | None  # None where z is no seed's
    truncation: float

    @property
    def name(self) -> str:
        """The name of its file."""
        return file_name(self.seed) if self.seed is not None else "face.png"

    def as_page(self) -> dict[str, Any]:
        """The face as the page hands it around."""
        whose = {"model": self.model, "epoch": self.epoch}
        if self.seed is None:
            return whose | {"z": [float(str(value)) for value in self.z]}
        return whose | {"seed": self.seed, "truncation": self.truncation}

    @property
    def recipe(self) -> dict[str, Any]:
        """All it takes to make it again."""
        made_by = {"version": __version__, "sha256": weights_sha256(self.weights)}
        return self.as_page() | made_by


def models(workspace: Workspace) -> list[Run]:
    """The runs that have kept weights, the one to begin with first."""
    usable = [run for run in workspace.runs() if run.kept()]
    first = {BEST_MODEL: 0, SHIPPED_MODEL: 1}
    return sorted(usable, key=lambda run: (first.get(run.name, 2), run.name))


def read_order(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> Order:
    """An order from what the page or anyone else sent; raises UserError for what is not good.

    `seed` is one seed, of which `count` follow one another, or several written `0-63,99`. No epoch
    means the last one kept.
    """
    run, number, weights = read_model(workspace, model, epoch)
    return Order(run.name, number, read_seeds(seed, count), read_truncation(truncation), weights)


def read_model(workspace: Workspace, model: Any, epoch: Any) -> tuple[Run, int, Path]:
    """A run, one of its kept epochs (None: the last) and the weights; raises UserError."""
    if not isinstance(model, str) or not model:
        raise UserError("No model is chosen: choose one of the list.")
    run = workspace.run(model)
    number = None if epoch is None or epoch == "" else read_whole(epoch, "The epoch")
    weights = run.weights(number)
    return run, number if number is not None else max(run.kept()), weights


def read_seeds(seed: Any, count: Any) -> Sequence[int]:
    """1 to 256 seeds, from one and how many, or from a list; raises UserError."""
    if isinstance(seed, str) and re.search(r"\d\s*[-,]", seed):
        return _listed(seed)
    first = read_whole(seed, "The seed")
    how_many = read_whole(count, "The number of faces")
    if not 1 <= how_many <= MAX_COUNT:
        raise UserError(f"{how_many} faces cannot be shown at once: ask for 1 to {MAX_COUNT}.")
    if not 0 <= first <= MAX_SEED - how_many + 1:
        raise UserError(
            f"Seed {first} is out of range: use a whole number from 0 to {MAX_SEED - how_many + 1}."
        )
    return range(first, first + how_many)


def _listed(text: str) -> Sequence[int]:
    seeds = parse_seeds(text[:MAX_SEEDS_CHARS])
    if len(seeds) > MAX_COUNT or len(text) > MAX_SEEDS_CHARS:
        raise UserError(
            f"{len(seeds):,} faces cannot be shown at once: write {MAX_COUNT} seeds at most."
        )
    return seeds


def read_truncation(value: Any) -> float:
    """A number from 0 to 2; raises UserError for anything else."""
    scale = float(read_number(value, "The truncation"))
    check_truncation(scale)
    return scale


def read_z(face: Any, nz: int) -> NDArray[np.float32]:
    """The latent vector of a face as pages hand it around: (nz,) float32.

    `{"seed": 42, "truncation": 1.0}` or `{"z": [...]}`; raises UserError for anything else.
    """
    if not isinstance(face, dict):
        raise UserError("That is no face: pick one again.")
    if "z" not in face:
        seed = read_whole(face.get("seed"), "The seed")
        scale = read_truncation(face.get("truncation", 1.0))
        one: NDArray[np.float32] = z_from_seeds([seed], nz, scale)[0]
        return one
    z = face["z"]
    good = isinstance(z, list) and len(z) == nz
    numbers = [read_number(value, "A value of z") for value in z] if good else []
    if not good or max(map(abs, numbers)) > MAX_Z:
        raise UserError(
            f"A z of this model is {nz} numbers from -{MAX_Z} to {MAX_Z}: pick the face again."
        )
    return np.array(numbers, np.float32)


def read_face(workspace: Workspace, face: Any) -> Picked:
    """One face as pages hand it around, with its model; raises UserError."""
    if not isinstance(face, dict):
        raise UserError("That is no face: pick one again.")
    run, epoch, weights = read_model(workspace, face.get("model"), face.get("epoch"))
    z = read_z(face, _generator().load(weights).nz)
    if "z" in face:
        return Picked(run.name, epoch, weights, z, None, 1.0)
    scale = read_truncation(face.get("truncation", 1.0))
    return Picked(run.name, epoch, weights, z, read_whole(face["seed"], "The seed"), scale)


# Drawing -----------------------------------------------------------------------------------


def draw(order: Order) -> Pixels:
    """The faces of an order: (N, 64, 64, 3) uint8, the generator's own pixels."""
    model = _generator().load(order.weights)
    faces: Pixels = model.images(z_from_seeds(order.seeds, model.nz, order.truncation))
    return faces


def draw_picked(faces: Sequence[Picked]) -> list[Pixels]:
    """The pixels of faces of whatever models, each (64, 64, 3)."""
    drawn: dict[int, Pixels] = {}
    for weights in dict.fromkeys(face.weights for face in faces):
        places = [place for place, face in enumerate(faces) if face.weights == weights]
        pixels = _generator().load(weights).images(np.stack([faces[i].z for i in places]))
        drawn |= dict(zip(places, pixels, strict=True))
    return [drawn[place] for place in range(len(faces))]


def warm_up(workspace: Workspace, closed: threading.Event) -> None:
    """Have torch and the first model in memory before anyone asks for a face.

    Where there is no model yet, wait for one, unless `closed` comes first: torch takes hundreds
    of megabytes, and nothing needs it sooner.
    """
    while not (there := models(workspace)):
        if closed.wait(LOOK_S):
            return
    draw(read_order(workspace, there[0].name, None, FIRST_SEED, 1, 1.0))


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
        for name, data in dict(pngs(order)).items():
            file.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def archive_name(order: Order) -> str:
    """The name of an order's zip: model, epoch, seeds."""
    first, last = min(order.seeds), max(order.seeds)
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


@lru_cache(maxsize=1_024)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _generator() -> ModuleType:
    """The door to torch, opened late: importing it takes seconds."""
    from neuroceleb.model import generator

    return generator


def read_whole(value: Any, what: str) -> int:
    """A whole number that a page sent; raises UserError that names it `what`."""
    number = read_number(value, what)
    if number != int(number):
        raise UserError(f"{what} {number:g} is not a whole number: leave the fraction out.")
    return int(number)


def read_number(value: Any, what: str) -> float | int:
    """A finite number that a page sent; raises UserError that names it `what`."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and re.fullmatch(r"-?\d{1,20}", text, re.ASCII):
        return int(text)
    if isinstance(text, str) and re.fullmatch(r"-?\d{1,20}\.\d{1,20}", text, re.ASCII):
        return float(text)
    if value is None or text == "":
        raise UserError(f"{what} is missing: write a number.")
    if isinstance(value, int) and abs(value) >= 10**20:
        raise UserError(f"{what} has more than 20 digits: use a smaller number.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{what} '{str(value)[:40]}' is not a number: write digits.")
    return value
