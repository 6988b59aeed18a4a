"""Requested faces (model, epoch, seeds or z, truncation): read, drawn, packed as PNG or zip."""

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb import __version__, images
from neuroceleb.app.parameters import read_number, read_whole
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import MAX_SEED, check_truncation, parse_seeds, z_from_seeds
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:
    from neuroceleb.model.generator import Model

MAX_COUNT = 256
SHIPPED_MODEL = "celeba-mini-classic"  # Progress opens with its long training
BEST_MODEL = "celeba-mini"  # what Generate opens with
FIRST_SEED = 1651  # its first two rows are good faces of BEST_MODEL: docs/results.md
FIRST_COUNT = 18
MODEL_POLL_S = 2.0
MAX_Z = 10  # of one component of z: ten standard deviations
MAX_SEEDS_CHARS = 8_000


@dataclass(frozen=True)
class FaceRequest:
    """Faces of one model by their seeds; every value is checked."""

    model: str
    epoch: int
    seeds: Sequence[int]
    truncation: float
    weights: Path


@dataclass(frozen=True)
class Face:
    """One face of a model, by its z and, where it has one, its seed; every value is checked."""

    model: str
    epoch: int
    weights: Path
    z: NDArray[np.float32]
    seed: int | None  # None where z comes from no seed
    truncation: float

    @property
    def name(self) -> str:
        """The name of its file."""
        return file_name(self.seed) if self.seed is not None else "face.png"

    def to_json(self) -> dict[str, Any]:
        """The face as pages send it: `{model, epoch, seed, truncation}` or `{model, epoch, z}`."""
        model = {"model": self.model, "epoch": self.epoch}
        if self.seed is None:
            return model | {"z": [float(str(value)) for value in self.z]}
        return model | {"seed": self.seed, "truncation": self.truncation}

    @property
    def provenance(self) -> dict[str, Any]:
        """What its PNG carries: all that is needed to draw it again."""
        made_by = {"version": __version__, "sha256": weights_sha256(self.weights)}
        return self.to_json() | made_by


def models(workspace: Workspace) -> list[Run]:
    """The runs that have kept weights, the one to begin with first."""
    usable = [run for run in workspace.runs() if run.kept()]
    first = {BEST_MODEL: 0, SHIPPED_MODEL: 1}
    return sorted(usable, key=lambda run: (first.get(run.name, 2), run.name))


def read_request(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> FaceRequest:
    """The request for `count` faces from one seed on, or for a list of seeds, `0-63,99`.

    No epoch means the last one kept. Raises UserError for any bad value.
    """
    run, number, weights = read_model(workspace, model, epoch)
    return FaceRequest(
        run.name, number, read_seeds(seed, count), read_truncation(truncation), weights
    )


def read_model(workspace: Workspace, model: Any, epoch: Any) -> tuple[Run, int, Path]:
    """A run, one of its kept epochs (None: the last) and the weights; raises UserError."""
    if not isinstance(model, str) or not model:
        raise UserError("No model is chosen: choose one of the list.")
    run = workspace.run(model)
    number = None if epoch is None or epoch == "" else read_whole(epoch, Message("The epoch"))
    weights = run.weights(number)
    return run, number if number is not None else max(run.kept()), weights


def read_seeds(seed: Any, count: Any) -> Sequence[int]:
    """1 to 256 seeds, from one and how many, or from a list; raises UserError."""
    if isinstance(seed, str) and re.search(r"\d\s*[-–,]", seed):
        return _listed(seed)
    how_many = read_whole(count, Message("The number of faces"), 1, MAX_COUNT)
    first = read_whole(seed, Message("The seed"), 0, MAX_SEED - how_many + 1)
    return range(first, first + how_many)


def _listed(text: str) -> Sequence[int]:
    seeds = parse_seeds(text[:MAX_SEEDS_CHARS])
    if len(seeds) > MAX_COUNT or len(text) > MAX_SEEDS_CHARS:
        raise UserError(
            "{count:,} faces cannot be shown at once: write {most} seeds at most.",
            count=len(seeds),
            most=MAX_COUNT,
        )
    return seeds


def read_truncation(value: Any) -> float:
    """A number from 0 to 2; raises UserError for anything else."""
    scale = float(read_number(value, Message("The truncation")))
    check_truncation(scale)
    return scale


def read_z(face: Any, nz: int) -> NDArray[np.float32]:
    """The latent vector of a face as pages send it: (nz,) float32.

    `{"seed": 42, "truncation": 1.0}` or `{"z": [...]}`; raises UserError for anything else.
    """
    if not isinstance(face, dict):
        raise UserError("That is no face: pick one again.")
    if "z" not in face:
        seed = read_whole(face.get("seed"), Message("The seed"))
        scale = read_truncation(face.get("truncation", 1.0))
        one: NDArray[np.float32] = z_from_seeds([seed], nz, scale)[0]
        return one
    z = face["z"]
    good = isinstance(z, list) and len(z) == nz
    numbers = [read_number(value, Message("A value of z")) for value in z] if good else []
    if not good or max(map(abs, numbers)) > MAX_Z:
        raise UserError(
            "A z of this model is {nz} numbers from -{limit} to {limit}: pick the face again.",
            nz=nz,
            limit=MAX_Z,
        )
    return np.array(numbers, np.float32)


def read_face(workspace: Workspace, face: Any) -> Face:
    """A face as pages send it, with its model; raises UserError."""
    if not isinstance(face, dict):
        raise UserError("That is no face: pick one again.")
    run, epoch, weights = read_model(workspace, face.get("model"), face.get("epoch"))
    z = read_z(face, load_model(weights).nz)
    if "z" in face:
        return Face(run.name, epoch, weights, z, None, 1.0)
    scale = read_truncation(face.get("truncation", 1.0))
    return Face(run.name, epoch, weights, z, read_whole(face["seed"], Message("The seed")), scale)


# Drawing -----------------------------------------------------------------------------------


def draw(request: FaceRequest) -> Pixels:
    """The requested faces: (N, 64, 64, 3) uint8, the generator's own pixels."""
    model = load_model(request.weights)
    faces: Pixels = model.images(z_from_seeds(request.seeds, model.nz, request.truncation))
    return faces


def draw_faces(faces: Sequence[Face]) -> list[Pixels]:
    """The pixels of faces of whatever models, each (64, 64, 3)."""
    drawn: dict[int, Pixels] = {}
    for weights in dict.fromkeys(face.weights for face in faces):
        places = [place for place, face in enumerate(faces) if face.weights == weights]
        pixels = load_model(weights).images(np.stack([faces[i].z for i in places]))
        drawn |= dict(zip(places, pixels, strict=True))
    return [drawn[place] for place in range(len(faces))]


def warm_up(workspace: Workspace, closed: threading.Event) -> None:
    """Load torch and the first model, and draw one face.

    Where there is no model yet, wait for one until `closed` is set: torch takes hundreds of
    megabytes, and nothing needs it sooner.
    """
    while not (there := models(workspace)):
        if closed.wait(MODEL_POLL_S):
            return
    draw(read_request(workspace, there[0].name, None, FIRST_SEED, 1, 1.0))


def pngs(request: FaceRequest) -> list[tuple[str, bytes]]:
    """One PNG a seed, (file name, content), each with its provenance in the text chunk."""
    return [
        (file_name(seed), images.encode(face, ".png", provenance(request, seed)))
        for seed, face in zip(request.seeds, draw(request), strict=True)
    ]


def archive(request: FaceRequest) -> bytes:
    """All faces of a request as a zip of PNGs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, data in dict(pngs(request)).items():
            file.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def archive_of_faces(workspace: Workspace, wanted: list[Any]) -> bytes:
    """Any faces, as pages send them, as a zip of PNGs named by model, epoch and seed.

    One that cannot be drawn any more is left out. Raises UserError where none is left.
    """
    found = []
    for value in wanted:
        with suppress(UserError):
            found.append(read_face(workspace, value))
    if not found:
        raise UserError("None of these faces can be drawn: their models are not here any more.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for number, (face, pixels) in enumerate(zip(found, draw_faces(found), strict=True)):
            name = f"{number:03d}_{face.model}_epoch_{face.epoch:03d}_{face.name}"
            data = images.encode(pixels, ".png", face.provenance)
            file.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def archive_name(request: FaceRequest) -> str:
    """The name of a request's zip: model, epoch, seeds; how many where they are no plain range."""
    seeds = sorted(request.seeds)
    first, last = seeds[0], seeds[-1]
    count = "" if seeds == [*range(first, last + 1)] else f"{len(seeds)}_of_"
    return f"{request.model}_epoch_{request.epoch:03d}_seeds_{count}{first}-{last}.zip"


def file_name(seed: int) -> str:
    """The name of one face's file."""
    return f"seed_{seed:04d}.png"


def provenance(request: FaceRequest, seed: int) -> dict[str, Any]:
    """What the PNG of one face carries: all that is needed to draw it again."""
    return {
        "model": request.model,
        "epoch": request.epoch,
        "seed": seed,
        "truncation": request.truncation,
        "version": __version__,
        "sha256": weights_sha256(request.weights),
    }


def weights_sha256(path: Path) -> str:
    """The SHA-256 of a weights file, computed once for each state of the file."""
    try:
        stat = path.stat()
        return _sha256(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise UserError(
            "{name} cannot be read ({reason}): reload the page.",
            name=path.name,
            reason=error.strerror,
        ) from error


@lru_cache(maxsize=1_024)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_model(weights: Path) -> "Model":
    """The generator in a weights file. torch is imported only here, which takes seconds."""
    from neuroceleb.model import generator

    return generator.load(weights)
