"""The queue of a workspace: runs that wait for their device, in plain files.

An entry is a file `checkpoints/.queue/000001.json`; the numbers give the order. `launch` starts
the runs.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neuroceleb import files, records
from neuroceleb.errors import UserError
from neuroceleb.file_lock import EXCLUSIVE, try_lock
from neuroceleb.records import DamagedFileError
from neuroceleb.runs.run import Run
from neuroceleb.runs.schemas import QueueEntry
from neuroceleb.runs.workspace import Workspace, check_name

_ENTRY = re.compile(r"[0-9]{1,12}\.json")


@dataclass(frozen=True)
class Entry:
    """A queued run: its file in the queue, its device, and `epochs` if they are to be changed."""

    path: Path
    run: Run
    device: str
    epochs: int | None = None


def entries(workspace: Workspace) -> list[Entry]:
    """The queued runs, the next one first. Damaged entries are skipped; see `damage`."""
    found = (_read(workspace, path) for path in _files(workspace))
    return [entry for entry in found if isinstance(entry, Entry)]


def damage(workspace: Workspace) -> list[str]:
    """A sentence for every damaged entry of the queue."""
    found = (_read(workspace, path) for path in _files(workspace))
    return [str(problem) for problem in found if isinstance(problem, DamagedFileError)]


def _files(workspace: Workspace) -> list[Path]:
    try:
        names = sorted(os.listdir(workspace.queue_folder))
    except OSError:
        return []
    return [workspace.queue_folder / name for name in names if _ENTRY.fullmatch(name)]


def _read(workspace: Workspace, path: Path) -> Entry | DamagedFileError | None:
    try:
        value = records.read(path, QueueEntry)
        if value is None:
            return None
        run = Run(workspace.checkpoints / check_name(value["run"]))
    except DamagedFileError as error:
        return error
    except UserError as error:
        return DamagedFileError(path, str(error))
    return Entry(path, run, value["device"], value.get("epochs"))


def position(workspace: Workspace, run_name: str) -> int | None:
    """How many runs are queued before this one; None if it is not queued."""
    names = [entry.run.name for entry in entries(workspace)]
    return names.index(run_name) if run_name in names else None


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Keep every other process from changing the queue; raises UserError after 10 s of waiting."""
    path = workspace.lock_file("lock")
    with files.open_to_write(path, appends=True) as file:
        if not try_lock(file.fileno(), EXCLUSIVE, path, timeout_s=10.0):
            raise UserError("The queue is in use by another process: try again in a moment.")
        yield


# With the queue locked by the caller -------------------------------------------------------


def append(workspace: Workspace, run: Run, device: str, epochs: int | None = None) -> None:
    """Put a run at the end of the queue."""
    last = max((int(path.stem) for path in _files(workspace)), default=0)
    value = {"run": run.name, "device": device, "epochs": epochs, "since": time.time()}
    files.write_json(workspace.queue_folder / f"{last + 1:06d}.json", value)


def remove(workspace: Workspace, run: Run) -> None:
    """Take a run out of the queue, if it is queued."""
    for entry in entries(workspace):
        if entry.run == run:
            files.remove(entry.path)


def rename(workspace: Workspace, run: Run, new: str) -> None:
    """Change the name of a queued run in its entry."""
    for entry in entries(workspace):
        if entry.run == run:
            value = records.read(entry.path, QueueEntry)
            files.write_json(entry.path, {**(value or {}), "run": new})
