"""Write files atomically, to a temporary file that is then renamed; read only regular ones."""

import errno
import io
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from neuroceleb.errors import UserError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNWRITABLE = _FULL | {errno.EROFS, errno.EACCES, errno.EPERM}
_UNUSABLE = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.ENXIO})
MAX_SHOWN_CHARS = 300  # of a path that is too long


class DiskFullError(UserError):
    """A file that could not be written, since the disk or the user's share of it is full."""


# Reading -----------------------------------------------------------------------------------


def open_regular(path: Path, follow_links: bool = False) -> BinaryIO:
    """Open a file for reading if it is a regular one; never waits for a pipe or a device.

    Raises OSError, for a symbolic link as well unless `follow_links`.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link", str(path)) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, max_bytes: int, follow_links: bool = False) -> bytes:
    """The bytes of a regular file; raises OSError, also where it has more than `max_bytes`."""
    with open_regular(path, follow_links) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it is over {size_text(max_bytes)}", str(path))
    return data


def size_text(count: int) -> str:
    """A number of bytes for people: `16 MB`, `64 kB`."""
    return f"{count >> 20:,} MB" if count >= 2**20 else f"{count >> 10:,} kB"


def printable(text: str | Path) -> str:
    """`text` with a ? for every byte of a file name that is no UTF-8: it can be shown."""
    return str(text).encode("utf-8", "replace").decode()


def absolute(path: Path) -> Path:
    """As `Path.resolve`, which raises RuntimeError for links that lead in a circle: they stay."""
    return Path(os.path.realpath(path))


# Writing -----------------------------------------------------------------------------------


def open_to_write(path: Path, appends: bool = False) -> io.FileIO:
    """Open a regular file for writing, created if need be, unbuffered; it is emptied, or appended.

    Raises OSError for a link, a pipe and a device: in a directory from somebody else, a link may
    lead to any file of this machine.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    descriptor = os.open(path, flags | (os.O_APPEND if appends else 0), 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if not appends:
            os.ftruncate(descriptor, 0)
        return io.FileIO(descriptor, "ab" if appends else "wb")
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` after the block.

    If the block raises, `path` is unchanged. Raises UserError where the disk is full or the folder
    is not writable, and where `path` is a folder, a pipe or a device: /dev/null would be replaced.
    """
    _refuse_special(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):  # a read-only disk: the error of the block is the one to report
            temporary.unlink(missing_ok=True)


def _refuse_special(path: Path) -> None:
    try:
        is_regular = stat.S_ISREG(path.stat().st_mode)
    except OSError:  # it is not there, or a link that leads nowhere
        return
    if not is_regular:
        raise UserError(
            "{path} could not be written, as it is a folder, a pipe or a device: name a file.",
            path=printable(path),
        )


def is_being_written(path: Path) -> bool:
    """Whether it is the temporary file of `replacing` of a process that is alive here."""
    match = re.search(r"\.(\d{1,9})-[0-9a-f]{8}\.tmp$", path.name)
    if match is None or os.name == "nt":  # where os.kill would end the process
        return match is not None
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` atomically: synced to disk (fsync) before the file is renamed."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; a number that is not finite as null."""
    text = json_text(value, indent=2) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # a lone surrogate becomes \udc80


def json_text(value: Any, indent: int | None = None) -> str:
    """`value` as JSON, with null for a number that is not finite."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def user_error_of(error: Exception) -> UserError | None:
    """The error as one that a person can fix: a full or read-only disk, or a name no file can have.

    None for what it is not certain of: that is a bug.
    """
    if isinstance(error, UserError):
        return error
    if not isinstance(error, OSError) or error.filename is None:
        return None
    path = Path(os.fsdecode(error.filename))
    if error.errno in _UNWRITABLE:
        return not_written(path, error)
    if error.errno in _UNUSABLE:
        return UserError(
            "{path} cannot be used ({reason}): name another file or folder.",
            path=printable(path)[:MAX_SHOWN_CHARS],
            reason=error.strerror or str(error),
        )
    return None


def not_written(path: Path, error: OSError) -> UserError:
    """The error for a file that could not be written: DiskFullError, or a UserError."""
    kind = DiskFullError if error.errno in _FULL else UserError
    return kind(
        "{path} could not be written ({reason}): make room or fix the permissions, then try again.",
        path=printable(path),
        reason=error.strerror or str(error),
    )


def remove(path: Path) -> None:
    """Delete a file if it is there; raises UserError where it cannot be deleted."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            "{path} could not be deleted ({reason}): fix the permissions, then try again.",
            path=printable(path),
            reason=error.strerror or str(error),
        ) from error


def write_whole(file: io.FileIO, data: bytes) -> None:
    """Write all of `data` to an unbuffered file, in as many writes as needed; raises OSError."""
    while data:
        data = data[file.write(data) :]


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a killed process in `folder`, where that is possible."""
    for leftover in folder.glob(".*.tmp"):
        with suppress(OSError):
            leftover.unlink(missing_ok=True)
