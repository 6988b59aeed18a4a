"""Advisory locks on open files (flock), which the system releases however a process ends.

Where there are none, nothing is done that needs one: a sentence says so.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroceleb import files
from neuroceleb.errors import Message, UserError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

SHARED, EXCLUSIVE = (1, 2) if fcntl is None else (fcntl.LOCK_SH, fcntl.LOCK_EX)

PROBED_FOR_S = 0.3  # `is_held` locks for an instant, which must not look like a holder

_UNSUPPORTED = frozenset(
    {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EINVAL}
)
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class LocksUnsupportedError(UserError):
    """The system or file system has no locks: some network, cloud and container mounts."""


def open_to_lock(path: Path) -> int:
    """A descriptor of an existing file for `try_lock`; raises OSError.

    Open for writing where that is allowed: NFS has exclusive locks on no other descriptors.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def held(path: Path, busy: Message) -> Iterator[None]:
    """Lock a file, which is created, for the block; raises UserError(busy) where it is locked."""
    try:
        path.touch()
        descriptor = open_to_lock(path)
    except OSError as error:
        raise files.not_written(path, error) from error
    try:
        if not try_lock(descriptor, EXCLUSIVE, path, PROBED_FOR_S):
            raise UserError(busy)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock; False where there is no file."""
    try:
        with files.open_regular(path) as file:
            return not try_lock(file.fileno(), SHARED, path)
    except (OSError, LocksUnsupportedError):
        return False


def try_lock(descriptor: int, kind: int, path: Path, timeout_s: float = 0.0) -> bool:
    """Lock an open file (SHARED or EXCLUSIVE); False if it is not free within `timeout_s`.

    Raises LocksUnsupportedError, with the folder of `path`.
    """
    if fcntl is None:
        raise LocksUnsupportedError(
            "This system has no file locks (flock), without which two processes could write the "
            "same files in {folder}: use Linux, macOS or WSL.",
            folder=files.printable(path.parent),
        )
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            raise LocksUnsupportedError(
                "{folder} is on a file system without file locks ({reason}): put the workspace on "
                "another disk, with --workspace.",
                folder=files.printable(path.parent),
                reason=error.strerror,
            ) from error
        else:
            return True
