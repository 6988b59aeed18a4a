"""The state files of a run, from which training is resumed: the newest, and the one before."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuroceleb import files, limited
from neuroceleb.errors import Message, UserError
from neuroceleb.model import checkpoint, weights_file

STATE_VERSION = 1
MALFORMED = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)

State = dict[str, Any]


def save(newest: Path, older: Path, state: State) -> None:
    """Write the training state to `newest`; the previous `newest` is renamed to `older`."""
    with files.replacing(newest) as temporary:
        checkpoint.torch_save({"version": STATE_VERSION, **state}, temporary)
        if newest.exists():
            newest.replace(older)


def load(
    newest: Path, older: Path, check: Callable[[State], object] = lambda _: None
) -> tuple[State, list[Message]]:
    """The newest usable training state, and a warning for each that was skipped.

    `check` raises one of MALFORMED for a state that does not fit the run. Raises UserError where no
    state can be used.
    """
    warnings: list[Message] = []
    for path in (newest, older):
        if not path.exists():
            continue
        try:
            return _read(path, check), warnings
        except UserError as error:
            warnings.append(error.message)
    if warnings:
        raise UserError(
            "{warning} There is no older state either that can be used: start a new run.",
            warning=warnings[0],
        )
    raise UserError(
        "{path} is missing: the run saved no state to continue from, start a new run.",
        path=newest,
    )


def _read(path: Path, check: Callable[[State], object]) -> State:
    if not _is_intact_zip(path):
        raise UserError("{path} is damaged and was skipped.", path=path)
    size = path.stat().st_size
    try:
        with limited.memory_limited(weights_file.MEMORY_FACTOR * size + weights_file.READING_BYTES):
            state = weights_file.unpickle(path)
    except MemoryError as error:
        raise UserError("{path} is damaged and was skipped.", path=path) from error
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        raise UserError("{path} is not a state file of this version and was skipped.", path=path)
    try:
        check(state)
    except MALFORMED as error:
        raise UserError(
            "{path} does not match the settings in config.json and was skipped.", path=path
        ) from error
    return state


def _is_intact_zip(path: Path) -> bool:
    """Whether the zip archive is complete, all checksums are correct, and it is no zip bomb."""
    try:
        with files.open_regular(path) as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            is_larger = sum(part.file_size for part in archive.infolist()) > size
            return not is_larger and archive.testzip() is None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False
