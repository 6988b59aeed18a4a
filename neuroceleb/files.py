"""Files that are whole or not there: written beside their place, then renamed into it."""

import io
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuroceleb.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it over `path` when the block ends well.

    Raises UserError where the disk is full or the folder may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` whole, or leave what was there; on disk (fsync) before the name changes."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # a lone surrogate becomes \udc80


def not_written(path: Path, error: OSError) -> UserError:
    """What to say where the disk is full or the folder may not be written."""
    return UserError(
        f"{path} could not be written ({error.strerror or error}): "
        "make room or fix the permissions, then try again."
    )


def write_whole(file: io.FileIO, data: bytes) -> None:
    """All of `data` into an unbuffered file, however little each write takes; raises OSError."""
    while data:
        data = data[file.write(data) :]


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in `folder`."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
