"""A turn at decoding a large picture: one at a time in all processes of this user.

A process bounds its own memory (`decoding.MemoryBudget`); a crop has a process for every core, and
an app and a training may run beside it.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroceleb.errors import UserError
from neuroceleb.file_lock import EXCLUSIVE, open_to_lock, try_lock

MAX_WAIT_S = 120.0  # a process that holds the turn may be suspended


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other process decodes a large picture, and keep others waiting in the block.

    After MAX_WAIT_S, and where there is no place for a lock, the block runs nevertheless.
    """
    descriptor = _open()
    try:
        if descriptor is not None:
            _wait(descriptor)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def lock_file() -> Path:
    """The lock, in a folder of the temporary folder that belongs to this user."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"neuroceleb-{user}" / "large_picture.lock"


def _open() -> int | None:
    """A descriptor of the lock; None where it cannot be made, or others may write to its folder."""
    path = lock_file()
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_own(path.parent):
            return None
        path.touch(mode=0o600)
        return open_to_lock(path)
    except OSError:
        return None


def _is_own(folder: Path) -> bool:
    status = folder.lstat()
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return is_own and stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o022


def _wait(descriptor: int) -> bool:
    try:
        return try_lock(descriptor, EXCLUSIVE, lock_file(), MAX_WAIT_S)
    except (OSError, UserError):
        return False
