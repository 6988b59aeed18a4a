"""The trash of a workspace: deleted runs and datasets, which can be restored for some time.

An entry is a folder `.trash/<time>-<random>/` that holds what was deleted where it lay in the
workspace: `checkpoints/<run>` or `datasets/<dataset>`. Entries older than KEPT_DAYS are deleted for
good when something else is put into the trash, or the trash is listed.
"""

import errno
import logging
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

log = logging.getLogger(__name__)

FOLDER = ".trash"
KEPT_DAYS = 30
DAY_S = 86_400

_ENTRY = re.compile(r"(\d{1,12})-[0-9a-f]{8}")


@dataclass(frozen=True)
class Deleted:
    """Something in the trash: its entry, what it is, and the Unix time when it was deleted."""

    entry: Path
    kind: str  # the folder of the workspace that it was in: `checkpoints` or `datasets`
    name: str
    deleted: int

    @property
    def key(self) -> str:
        """The name of the entry: two of the same name may be in the trash."""
        return self.entry.name

    @property
    def path(self) -> Path:
        return self.entry / self.kind / self.name

    @property
    def days_left(self) -> int:
        """Days until it is deleted for good."""
        return max(0, KEPT_DAYS - int((time.time() - self.deleted) // DAY_S))


def put(workspace: Workspace, path: Path) -> Deleted:
    """Move a run, dataset or zip of the workspace to the trash; a link is moved, not its target.

    Raises UserError where it is not directly under `checkpoints/` or `datasets/`, or where it
    cannot be moved.
    """
    if path.parent not in (workspace.checkpoints, workspace.datasets):
        raise UserError("{path} is no run and no dataset of this workspace.", path=path)
    now = int(time.time())
    entry = workspace.root / FOLDER / f"{now}-{secrets.token_hex(4)}"
    deleted = Deleted(entry, path.parent.name, path.name, now)
    try:
        deleted.path.parent.mkdir(parents=True)
        _move(path, deleted.path)
    except OSError as error:
        shutil.rmtree(entry, ignore_errors=True)
        raise files.not_written(path, error) from error
    _delete_old(workspace)
    return deleted


def entries(workspace: Workspace) -> list[Deleted]:
    """What can be restored, the newest first."""
    _delete_old(workspace)
    return _entries(workspace)


def restore(workspace: Workspace, key: str) -> Path:
    """Move an entry back to where it was; its path. Raises UserError if the name is in use."""
    found = next((one for one in entries(workspace) if one.key == key), None)
    if found is None:
        raise UserError("That is not in the trash any more: look again.")
    target = workspace.root / found.kind / found.name
    if os.path.lexists(target):
        raise UserError(
            "There is another '{name}' now: rename that one, then restore this.", name=found.name
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _move(found.path, target)
    except OSError as error:
        raise files.not_written(target, error) from error
    shutil.rmtree(found.entry, ignore_errors=True)
    return target


def empty(workspace: Workspace) -> int:
    """Delete everything in the trash for good; returns how many entries there were.

    Raises UserError, after all others are deleted, where something cannot be deleted.
    """
    found = _entries(workspace)
    for deleted in found:
        _delete(deleted.entry)
    left = [deleted for deleted in found if os.path.lexists(deleted.entry)]
    if left:
        raise UserError(
            "Of {count:,} entries {left:,} could not be deleted, '{name}' among them: fix the "
            "permissions of {path}, then try again.",
            count=len(found),
            left=len(left),
            name=left[0].name,
            path=left[0].path,
        )
    return len(found)


def _entries(workspace: Workspace) -> list[Deleted]:
    try:
        names = sorted(os.listdir(workspace.root / FOLDER), reverse=True)
    except OSError:
        return []
    found = (_read(workspace.root / FOLDER / name) for name in names)
    return [one for one in found if one is not None]


def _read(entry: Path) -> Deleted | None:
    match = _ENTRY.fullmatch(entry.name)
    if match is None or entry.is_symlink():
        return None
    for kind in ("checkpoints", "datasets"):
        with suppress(OSError):
            names = os.listdir(entry / kind)
            if len(names) == 1:
                return Deleted(entry, kind, names[0], int(match[1]))
    return None


def _delete_old(workspace: Workspace) -> None:
    for deleted in _entries(workspace):
        if time.time() - deleted.deleted > KEPT_DAYS * DAY_S:
            _delete(deleted.entry)


def _delete(entry: Path) -> None:
    shutil.rmtree(entry, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Rename, or copy and delete where the folders are on different file systems.

    The copy has the name `target` when it is complete; of what cannot be deleted afterwards the
    copy stays. Raises OSError, and then nothing was moved.
    """
    try:
        source.rename(target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    partial = target.with_name(f".{secrets.token_hex(8)}.tmp")
    is_folder = source.is_dir() and not source.is_symlink()
    try:
        if is_folder:
            shutil.copytree(source, partial, symlinks=True)
        else:
            shutil.copy2(source, partial, follow_symlinks=False)
        partial.rename(target)
    except (OSError, shutil.Error) as error:
        _delete(partial)
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OSError(getattr(error, "errno", None) or errno.EIO, str(error)) from error
    try:
        if is_folder:
            shutil.rmtree(source)
        else:
            source.unlink()
    except OSError as error:
        log.warning("%s was copied, but not all of it could be deleted: %s", source, error)
