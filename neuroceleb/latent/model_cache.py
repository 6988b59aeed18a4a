"""What is computed or loaded once for a model: its directions and its run's discriminator."""

import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import face_map, saved_directions
from neuroceleb.latent.directions import find_directions
from neuroceleb.latent.face_map import FaceMap
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint
from neuroceleb.model.generator import Model
from neuroceleb.model.networks import Discriminator
from neuroceleb.runs.run import Run

MAX_MODELS = 8
SAMPLE_SIZE = 512  # faces that represent a model
STRIP_SEEDS = (1, 42, 7)

_lock = threading.Lock()
_map_lock = threading.Lock()
_maps: dict[str, tuple[FaceMap, Pixels]] = {}  # by the SHA-256 of the weights, one only
_directions: dict[str, list[Direction]] = {}  # by the SHA-256 of the weights, oldest first


def compute_directions(model: Model) -> list[Direction]:
    """The first ten directions of a model, computed once per weights file content."""
    with _lock:
        if model.sha256 not in _directions:
            while len(_directions) >= MAX_MODELS:
                del _directions[next(iter(_directions))]
            _directions[model.sha256] = find_directions(model.network)
        return _directions[model.sha256]


def has_directions(model: Model) -> bool:
    """Whether the directions of a model are computed or saved already."""
    return model.sha256 in _directions or saved_directions.path_of(model.path).exists()


def directions_of(model: Model) -> list[Direction]:
    """The directions saved with a model, or the computed ones where none are saved.

    Raises UserError where the saved ones belong to other weights.
    """
    saved = saved_directions.read(model.path, model.sha256, model.nz)
    return compute_directions(model) if saved is None else saved


def usable_directions(model: Model) -> tuple[list[Direction], UserError | None]:
    """As `directions_of`; where the saved ones cannot be used, the computed ones and the reason."""
    try:
        return directions_of(model), None
    except UserError as error:
        return compute_directions(model), error


def discriminator_of(model: Model) -> Discriminator | None:
    """The newest discriminator of the model's run, on the model's device; None without one."""
    path = Run(model.path.parent).discriminator_file
    try:
        stat = path.stat()
    except OSError:
        return None
    discriminator = _load_discriminator(path, stat.st_mtime_ns, stat.st_size)
    return discriminator.to(next(model.network.parameters()).device)


def require_discriminator(model: Model, run: str) -> Discriminator:
    """As `discriminator_of`, for a model of the run of that name; raises UserError without one."""
    found = discriminator_of(model)
    if found is None:
        raise UserError(
            "The run '{run}' has no discriminator, so that nothing answers: choose another run.",
            run=run,
        )
    return found


@lru_cache(maxsize=2)
def _load_discriminator(path: Path, _mtime_ns: int, _size: int) -> Discriminator:
    return checkpoint.load_discriminator(path).requires_grad_(False)


def face_map_of(model: Model, progress: Callable[[float], None]) -> tuple[FaceMap, Pixels]:
    """The map of a model's first seeds, and their faces: (N, 64, 64, 3) uint8.

    `progress` is called with 0 to 1 while faces are drawn. The newest map is kept.
    """
    with _map_lock:
        if model.sha256 not in _maps:
            z = z_from_seeds(range(face_map.DEFAULT_FACES), model.nz)
            parts: list[Pixels] = []
            for part in model.frames(z):
                parts.append(part)
                progress(sum(map(len, parts)) / len(z))
            pixels = np.concatenate(parts)
            _maps.clear()
            _maps[model.sha256] = face_map.compute(pixels), pixels
        return _maps[model.sha256]


def sample(model: Model) -> Pixels:
    """The faces of seeds 0 to SAMPLE_SIZE - 1: (N, 64, 64, 3) uint8."""
    return model.images(z_from_seeds(range(SAMPLE_SIZE), model.nz))


def strip_latents(nz: int) -> NDArray[np.float32]:
    """The three latent vectors on which directions are shown: (3, nz)."""
    return z_from_seeds(STRIP_SEEDS, nz)
