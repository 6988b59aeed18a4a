"""Uploads of photos: moved from Gradio's cache into batches, bounded, removed once cropped.

A batch is one folder under `.cache/uploads/`: `photos/`, `zips/`, and `job.json` with the crop
request once cropping began. File names come from the visitor and are sanitized part by part.
"""

import re
import secrets
import shutil
import time
import unicodedata
from collections import Counter
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroceleb import file_lock, files, images
from neuroceleb.data.faces import pending
from neuroceleb.errors import Message, UserError

MAX_ZIP_BYTES = 4 * 2**30  # a zip of an online album often has 2 GB
MAX_FILES = 50_000  # in one batch
MAX_PARTS = 8  # of a path
MAX_PART_BYTES = 120
MAX_SUFFIX_BYTES = 16
MAX_SAME_NAMES = 1_000
IDLE_S = 6 * 3_600  # a batch that nobody cropped is removed after this
IDLE_AT_START_S = 600.0  # when a server starts, whose page knows of no earlier upload
LOCK = ".lock"
IN_USE = Message("The photos are being cropped by another process: wait until it is done.")
REMOVED = ".removed-"

_BATCH = re.compile(r"[0-9a-f]{16}")
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


@dataclass(frozen=True)
class Batch:
    """The photos that one visitor sent together."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def record(self) -> Path:
        return self.path / "job.json"

    def request(self) -> dict[str, Any] | None:
        """The crop request of these photos; None where cropping has not begun.

        Raises DamagedFileError.
        """
        return pending.read_request(self.path)

    def locked(self) -> AbstractContextManager[None]:
        """Lock the batch while it is cropped, against other servers; raises UserError."""
        return file_lock.held(self.path / LOCK, IN_USE)

    def is_locked(self) -> bool:
        """Whether a server is cropping it."""
        return file_lock.is_held(self.path / LOCK)

    def sources(self) -> list[Path]:
        """The folder and the zips that hold what was sent."""
        zips = sorted(self.path.glob("zips/*/*.zip"))
        photos = self.path / "photos"
        return [*([photos] if photos.is_dir() else []), *zips]

    def remove(self) -> None:
        """Delete everything that was sent; what is still being sent is refused from now on."""
        removed = self.path.with_name(f"{REMOVED}{self.id}.{secrets.token_hex(4)}")
        with suppress(OSError):
            self.path.rename(removed)
        for path in (removed, self.path):
            shutil.rmtree(path, ignore_errors=True)

    def take(self, name: str, uploaded: Path) -> None:
        """Move an uploaded file in here under its sender's name; a name in use is numbered.

        Raises UserError, and then deletes the file.
        """
        is_zip = name.lower().endswith(".zip")
        limit = MAX_ZIP_BYTES if is_zip else images.MAX_FILE_BYTES
        try:
            if uploaded.stat().st_size > limit:
                raise UserError(
                    "'{name}' has over {max_mb:,} MB: send it in parts.",
                    name=name[:80],
                    max_mb=limit // 2**20,
                )
            path = _free(self._place(name, is_zip))
            if not self.path.is_dir():
                raise no_longer_here()
            path.parent.mkdir(parents=True, exist_ok=True)
            uploaded.rename(path)
        except OSError as error:
            raise files.not_written(self.path, error) from error
        finally:
            uploaded.unlink(missing_ok=True)

    def _place(self, name: str, is_zip: bool) -> Path:
        """Where a file of this name goes: always inside."""
        parts = [fit for part in name.replace("\\", "/").split("/") if (fit := _fit(part))]
        if not parts or len(parts) > MAX_PARTS:
            raise UserError("'{name}' is no name of a photo: rename it.", name=name[:80])
        if is_zip:
            return self.path / "zips" / secrets.token_hex(4) / parts[-1]
        return self.path.joinpath("photos", *parts)


def no_longer_here() -> UserError:
    """The refusal of photos that were discarded, cropped or never sent."""
    return UserError("These photos are no longer here: drop them again.")


def _fit(part: str) -> str:
    """One part of a path, fit to be a name on any disk; empty for what leads nowhere."""
    text = unicodedata.normalize("NFC", part.encode("utf-8", "replace").decode())
    text = _UNFIT.sub("_", text).strip(" .")
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = text, ""
    stem = stem.encode()[:MAX_PART_BYTES].decode("utf-8", "ignore").rstrip(" .")
    return f"{stem}.{suffix}" if suffix and stem else stem


def _free(path: Path) -> Path:
    """The path, numbered where it is in use."""
    for number in range(1, MAX_SAME_NAMES):
        wanted = path if number == 1 else path.with_name(f"{path.stem} ({number}){path.suffix}")
        if not wanted.exists():
            return wanted
    raise UserError("'{name}' was sent too often: rename some of them.", name=path.name)


class Uploads:
    """The batches of a workspace."""

    def __init__(self, folder: Path, received: Path) -> None:
        """`received` is the folder of files that were sent and are not in a batch yet."""
        self.folder = folder
        self._received = received
        self._earlier = {path.name for path in pending.batches(folder)}
        self._started = time.time()
        self.sweep()
        self._sent: Counter[str] = Counter()  # files of each batch, by this server

    def sweep(self) -> None:
        """Delete the batches that nobody crops.

        And what was sent to an earlier server of the workspace: once nothing has been sent to it
        for IDLE_AT_START_S, since another server may be running.
        """
        pending.sweep(self.folder, IDLE_S)
        pending.sweep(self.folder, IDLE_AT_START_S, self._earlier)
        pending.sweep_received(self._received, IDLE_AT_START_S, self._started)

    def take(self, batch: Batch, name: str, uploaded: Path) -> None:
        """One more file of a batch; see `Batch.take`. Raises UserError."""
        self._sent[batch.id] += 1
        if self._sent[batch.id] > MAX_FILES:
            uploaded.unlink(missing_ok=True)
            raise UserError("These are over {most:,} photos: send them as a zip.", most=MAX_FILES)
        batch.take(name, uploaded)

    def new(self) -> Batch:
        """A new, empty batch; old ones that nobody cropped are removed. Raises UserError."""
        self.sweep()
        for path in self.folder.glob(f"{REMOVED}*"):  # by a server that was killed meanwhile
            shutil.rmtree(path, ignore_errors=True)
        batch = Batch(self.folder / secrets.token_hex(8))
        try:
            batch.path.mkdir(parents=True)
        except OSError as error:
            raise files.not_written(self.folder, error) from error
        return batch

    def batch(self, batch_id: object) -> Batch:
        """The batch of that number; raises UserError where there is none."""
        if isinstance(batch_id, str) and _BATCH.fullmatch(batch_id):
            batch = Batch(self.folder / batch_id)
            if batch.path.is_dir():
                return batch
        raise no_longer_here()

    def all(self) -> list[Batch]:
        try:
            found = sorted(path for path in self.folder.iterdir() if _BATCH.fullmatch(path.name))
        except OSError:
            return []
        return [Batch(path) for path in found]
