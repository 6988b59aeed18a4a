"""What exploring a model needs beside it: its directions, its critic, its training photos."""

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

MAX_KEPT = 8
SURVEYED = 512  # faces that stand for a whole model
STRIP_SEEDS = (1, 42, 7)

_one_at_a_time = threading.Lock()


def found_directions(model: Model) -> list[Direction]:
    """The ten first directions of a model, found once for each state of its file."""
    with _one_at_a_time:
        if model.sha256 not in _found:
            while len(_found) >= MAX_KEPT:
                del _found[next(iter(_found))]
            _found[model.sha256] = find_directions(model.network)
        return _found[model.sha256]


_found: dict[str, list[Direction]] = {}


def directions_of(model: Model) -> list[Direction]:
    """The directions saved with a model, or else those found in it now.

    Raises UserError where some were saved for other weights under its name.
    """
    known = saved_directions.read(model.path, model.sha256, model.nz)
    return found_directions(model) if known is None else known


def critic_of(model: Model) -> Discriminator | None:
    """The newest discriminator of the run that a model belongs to; None where it kept none."""
    path = Run(model.path.parent).discriminator_file
    try:
        stat = path.stat()
    except OSError:
        return None
    critic = _critic(path, stat.st_mtime_ns, stat.st_size)
    return critic.to(next(model.network.parameters()).device)


@lru_cache(maxsize=2)
def _critic(path: Path, _mtime_ns: int, _size: int) -> Discriminator:
    return checkpoint.load_discriminator(path).requires_grad_(False)


def survey(model: Model) -> Pixels:
    """The faces of the first seeds, which stand for all that a model makes."""
    return model.images(z_from_seeds(range(SURVEYED), model.nz))


def strip_faces(nz: int) -> NDArray[np.float32]:
    """The three faces on which directions are shown: (3, nz)."""
    return z_from_seeds(STRIP_SEEDS, nz)
