"""Write files atomically: to a temporary file in the same folder, which is then renamed."""

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
    """Yield a temporary path in the same folder; rename it to `path` after the block.

    If the block raises, `path` is unchanged. Raises UserError where the disk is full or the folder
    is not writable.
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
    """Write `data` atomically: synced to disk (fsync) before the file is renamed."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # a lone surrogate becomes \udc80


def not_written(path: Path, error: OSError) -> UserError:
    """The UserError for a full disk or a folder that is not writable."""
    return UserError(
        "{path} could not be written ({reason}): make room or fix the permissions, then try again.",
        path=path,
        reason=error.strerror or error,
    )


def write_whole(file: io.FileIO, data: bytes) -> None:
    """Write all of `data` to an unbuffered file, in as many writes as needed; raises OSError."""
    while data:
        data = data[file.write(data) :]


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a killed process in `folder`."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
