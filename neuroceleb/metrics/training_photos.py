"""The check for copies of a run's training photos, cached for the newest dataset."""

import threading
from pathlib import Path

from neuroceleb.data import dataset
from neuroceleb.data.dataset import Progress
from neuroceleb.errors import Message, UserError
from neuroceleb.metrics.memorization import CopyCheck
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

_lock = threading.Lock()
_checks: dict[str, CopyCheck] = {}  # by the dataset's fingerprint


def check_of_run(
    run: Run, workspace: Workspace, progress: Progress | None = None
) -> tuple[CopyCheck, Message | None]:
    """A check against the photos of a run, and a remark where the dataset has changed since.

    `progress(done, total)` is called while photos are decoded. Raises UserError where the photos
    are missing.
    """
    source, fingerprint = locate(run, workspace), run.dataset_fingerprint()
    check, found = check_of_dataset(source, workspace, progress)
    if fingerprint is not None and fingerprint != found:
        remark = Message(
            "{path} has changed since '{name}' was trained on it.",
            path=str(run.dataset_path())[:200],
            name=run.name,
        )
        return check, remark
    return check, None


def locate(run: Run, workspace: Workspace) -> Path:
    """The folder or zip of a run's photos; raises UserError where they are missing."""
    path = run.dataset_path()
    if path is None:
        raise UserError("'{name}' does not say which photos it was trained on.", name=run.name)
    try:
        return dataset.locate(path, workspace.datasets)
    except UserError as error:
        raise UserError(
            "The photos that '{name}' was trained on ({path}) are gone from here: put them "
            "back, or under {folder}/ by that name.",
            name=run.name,
            path=path[:200],
            folder=workspace.datasets.name,
        ) from error


def check_of_dataset(
    source: Path, workspace: Workspace, progress: Progress | None = None
) -> tuple[CopyCheck, str]:
    """A check against the photos of a folder or zip, and the dataset's fingerprint."""
    loaded = dataset.load(source, workspace.datasets, progress)
    with _lock:
        if loaded.fingerprint not in _checks:
            _checks.clear()  # only one: it may take hundreds of megabytes
            _checks[loaded.fingerprint] = CopyCheck(loaded.pixels)
        return _checks[loaded.fingerprint], loaded.fingerprint
