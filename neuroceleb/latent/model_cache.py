"""What is computed or loaded once for a model: its directions and its run's discriminator."""

import threading
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroceleb.images import Pixels
from neuroceleb.latent import saved_directions
from neuroceleb.latent.directions import find_directions
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
_directions: dict[str, list[Direction]] = {}  # by the SHA-256 of the weights, oldest first


def compute_directions(model: Model) -> list[Direction]:
    """The first ten directions of a model, computed once per weights file content."""
    with _lock:
        if model.sha256 not in _directions:
            while len(_directions) >= MAX_MODELS:
                del _directions[next(iter(_directions))]
            _directions[model.sha256] = find_directions(model.network)
        return _directions[model.sha256]


def directions_of(model: Model) -> list[Direction]:
    """The directions saved with a model, or the computed ones where none are saved.

    Raises UserError where the saved ones belong to other weights.
    """
    saved = saved_directions.read(model.path, model.sha256, model.nz)
    return compute_directions(model) if saved is None else saved


def discriminator_of(model: Model) -> Discriminator | None:
    """The newest discriminator of the model's run, on the model's device; None without one."""
    path = Run(model.path.parent).discriminator_file
    try:
        stat = path.stat()
    except OSError:
        return None
    discriminator = _load_discriminator(path, stat.st_mtime_ns, stat.st_size)
    return discriminator.to(next(model.network.parameters()).device)


@lru_cache(maxsize=2)
def _load_discriminator(path: Path, _mtime_ns: int, _size: int) -> Discriminator:
    return checkpoint.load_discriminator(path).requires_grad_(False)


def sample(model: Model) -> Pixels:
    """The faces of seeds 0 to SAMPLE_SIZE - 1: (N, 64, 64, 3) uint8."""
    return model.images(z_from_seeds(range(SAMPLE_SIZE), model.nz))


def strip_latents(nz: int) -> NDArray[np.float32]:
    """The three latent vectors on which directions are shown: (3, nz)."""
    return z_from_seeds(STRIP_SEEDS, nz)
