"""What exploring a model needs beside it: its directions, its critic, its training photos."""

import threading
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import checkpoint, dataset, latent
from ..dataset import Progress
from ..errors import UserError
from ..generator import Model
from ..images import Pixels
from ..networks import Discriminator
from ..runs import Run, Workspace
from . import directions, saved
from .nearest import Photos
from .saved import Direction

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
            _found[model.sha256] = directions.find(model.network)
        return _found[model.sha256]


_found: dict[str, list[Direction]] = {}


def directions_of(model: Model) -> list[Direction]:
    """The directions saved with a model, or else those found in it now.

    Raises UserError where some were saved for other weights under its name.
    """
    known = saved.read(model.path, model.sha256, model.nz)
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


def training_photos(
    run: Run, workspace: Workspace, progress: Progress | None = None
) -> tuple[Photos, str | None]:
    """The photos a run was trained on, and a sentence where they are not quite those any more.

    `progress(done, total)` is told while they are decoded, if they must be. Raises UserError where
    they are gone.
    """
    described = run.config().get("dataset")
    described = described if isinstance(described, dict) else {}
    path, fingerprint = described.get("path"), described.get("fingerprint")
    if not isinstance(path, str) or not path:
        raise UserError(f"'{run.name}' does not say which photos it was trained on.")
    try:
        source = dataset.locate(path, workspace)
    except UserError as error:
        raise UserError(
            f"The photos that '{run.name}' was trained on ({path[:200]}) are gone from here: put "
            f"them back, or under {workspace.datasets.name}/ by that name."
        ) from error
    photos, found = photos_in(source, workspace, progress)
    if fingerprint is not None and fingerprint != found:
        return photos, f"{path[:200]} has changed since '{run.name}' was trained on it."
    return photos, None


def photos_in(
    source: Path, workspace: Workspace, progress: Progress | None = None
) -> tuple[Photos, str]:
    """The photos of a folder or zip, ready to be compared with; and their fingerprint."""
    loaded = dataset.load(source, workspace, progress)
    with _one_at_a_time:
        if loaded.fingerprint not in _compared:
            _compared.clear()  # one dataset at a time: it may take hundreds of megabytes
            _compared[loaded.fingerprint] = Photos(loaded.pixels)
        return _compared[loaded.fingerprint], loaded.fingerprint


_compared: dict[str, Photos] = {}


def survey(model: Model) -> Pixels:
    """The faces of the first seeds, which stand for all that a model makes."""
    return model.images(latent.z_from_seeds(range(SURVEYED), model.nz))


def strip_faces(nz: int) -> NDArray[np.float32]:
    """The three faces on which directions are shown: (3, nz)."""
    return latent.z_from_seeds(STRIP_SEEDS, nz)
