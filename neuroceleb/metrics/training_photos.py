"""The photos that a run was trained on, ready to be compared with generated faces."""

import threading
from pathlib import Path

from neuroceleb.data import dataset
from neuroceleb.data.dataset import Progress
from neuroceleb.errors import UserError
from neuroceleb.metrics.nearest import Photos
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

_one_at_a_time = threading.Lock()
_compared: dict[str, Photos] = {}


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
        source = dataset.locate(path, workspace.datasets)
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
    loaded = dataset.load(source, workspace.datasets, progress)
    with _one_at_a_time:
        if loaded.fingerprint not in _compared:
            _compared.clear()  # one dataset at a time: it may take hundreds of megabytes
            _compared[loaded.fingerprint] = Photos(loaded.pixels)
        return _compared[loaded.fingerprint], loaded.fingerprint
