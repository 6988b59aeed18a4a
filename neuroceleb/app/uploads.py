"""Uploads of photos: streamed to disk, bounded, removed once cropped.

A batch is one folder under `.cache/uploads/`: `photos/`, `zips/`, and `job.json` with the crop
request once cropping began. File names come from the visitor and are sanitized part by part.
"""

import json
import re
import secrets
import shutil
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from neuroceleb import file_lock, files, images
from neuroceleb.app.payloads import drain
from neuroceleb.data.faces import pending
from neuroceleb.errors import Message, UserError

MAX_ZIP_BYTES = 16 * 2**30
MAX_FILES = 50_000  # in one batch
MAX_PARTS = 8  # of a path
MAX_PART_BYTES = 120
MAX_SUFFIX_BYTES = 16
KEPT_FREE_BYTES = 2**30  # of the disk, whatever is sent
LOCK = ".lock"
IN_USE = Message("The photos are being cropped by another process: wait until it is done.")
IDLE_S = 6 * 3_600  # a batch that nobody cropped is removed after this
IDLE_AT_START_S = 600.0  # when a server starts, whose page knows of no earlier upload
WRITTEN_AT_ONCE = 2**20

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
        """The crop request of these photos; None where cropping has not begun."""
        try:
            value = json.loads(self.record.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

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
        """Delete everything that was sent."""
        shutil.rmtree(self.path, ignore_errors=True)

    async def take(self, name: str, length: int | None, body: AsyncIterator[bytes]) -> None:
        """Write one file as it comes in; whole, or not there. Raises UserError.

        `length` is what its sender says that it has, in bytes.
        """
        is_zip = name.lower().endswith(".zip")
        limit = MAX_ZIP_BYTES if is_zip else images.MAX_FILE_BYTES
        path = await run_in_threadpool(self._place, name, is_zip)
        try:
            with path.open("xb") as file:
                await _copy(body, file.write, limit, path, name)
        except FileExistsError:
            raise UserError(
                "'{name}' was sent twice: rename one of them.", name=name[:80]
            ) from None
        except ClientDisconnect:
            path.unlink(missing_ok=True)
            raise UserError(
                "'{name}' did not arrive whole: send it again.", name=name[:80]
            ) from None
        except OSError as error:
            path.unlink(missing_ok=True)
            raise files.not_written(path.parent, error) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if length is not None and path.stat().st_size != length:
            path.unlink(missing_ok=True)
            raise UserError("'{name}' did not arrive whole: send it again.", name=name[:80])

    def _place(self, name: str, is_zip: bool) -> Path:
        """Where a file of this name goes: always inside, never over another."""
        parts = [fit for part in name.replace("\\", "/").split("/") if (fit := _fit(part))]
        if not parts or len(parts) > MAX_PARTS:
            raise UserError("'{name}' is no name of a photo: rename it.", name=name[:80])
        if is_zip:
            path = self.path / "zips" / secrets.token_hex(4) / parts[-1]
        else:
            path = self.path.joinpath("photos", *parts)
        if shutil.disk_usage(self.path).free < KEPT_FREE_BYTES:
            raise UserError("The disk is nearly full: make room, then send the photos again.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.not_written(path.parent, error) from error
        return path


def _fit(part: str) -> str:
    """One part of a path, fit to be a name on any disk; empty for what leads nowhere."""
    text = unicodedata.normalize("NFC", part.encode("utf-8", "replace").decode())
    text = _UNFIT.sub("_", text).strip(" .")
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = text, ""
    stem = stem.encode()[:MAX_PART_BYTES].decode("utf-8", "ignore").rstrip(" .")
    return f"{stem}.{suffix}" if suffix and stem else stem


async def _copy(
    body: AsyncIterator[bytes],
    write: Callable[[bytes], int],
    limit: int,
    path: Path,
    name: str,
) -> None:
    size = 0
    waiting = bytearray()
    async for chunk in body:
        size += len(chunk)
        waiting += chunk
        if size > limit:
            await drain(body)
            raise UserError(
                "'{name}' has over {max_mb:,} MB: send it in parts.",
                name=name[:80],
                max_mb=limit // 2**20,
            )
        if len(waiting) >= WRITTEN_AT_ONCE:
            if shutil.disk_usage(path.parent).free < KEPT_FREE_BYTES:
                await drain(body)
                raise UserError("The disk is nearly full: make room, then send the photos again.")
            await run_in_threadpool(write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(write, bytes(waiting))


class Uploads:
    """The batches of a workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pending.sweep(folder, IDLE_AT_START_S)
        self._sent: Counter[str] = Counter()  # files of each batch, by this server

    async def take(
        self, batch_id: str, name: str, length: int | None, body: AsyncIterator[bytes]
    ) -> None:
        """One more file of a batch; see `Batch.take`. Raises UserError."""
        batch = self.batch(batch_id)
        self._sent[batch.id] += 1
        if self._sent[batch.id] > MAX_FILES:
            raise UserError("These are over {most:,} photos: send them as a zip.", most=MAX_FILES)
        await batch.take(name, length, body)

    def new(self) -> Batch:
        """A new, empty batch; old ones that nobody cropped are removed. Raises UserError."""
        self.sweep()
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
        raise UserError("These photos are no longer here: drop them again.")

    def all(self) -> list[Batch]:
        try:
            found = sorted(path for path in self.folder.iterdir() if _BATCH.fullmatch(path.name))
        except OSError:
            return []
        return [Batch(path) for path in found]

    def sweep(self) -> None:
        """Remove batches that nobody cropped for hours."""
        pending.sweep(self.folder, IDLE_S)
