"""Uploads of photos: streamed to disk, bounded, removed once cropped.

A batch is one folder under `.cache/uploads/`: `photos/`, `zips/`, and `job.json` with the crop
request once cropping began. File names come from the visitor and are sanitized part by part.
"""

import json
import re
import secrets
import shutil
import unicodedata
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, suppress
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
        """Delete everything that was sent; what is still being sent is refused from now on."""
        removed = self.path.with_name(f"{REMOVED}{self.id}.{secrets.token_hex(4)}")
        with suppress(OSError):
            self.path.rename(removed)
        for path in (removed, self.path):
            shutil.rmtree(path, ignore_errors=True)

    async def take(
        self, name: str, length: int | None, body: AsyncIterator[bytes], sent: dict[str, Path]
    ) -> None:
        """Write one file as it comes in; whole, or not there. Raises UserError.

        `length` is what its sender says that it has, in bytes. `sent` are the files of this batch
        by the names they were sent with: one that is sent again replaces itself, and one of another
        name that becomes the same on disk gets a number.
        """
        is_zip = name.lower().endswith(".zip")
        limit = MAX_ZIP_BYTES if is_zip else images.MAX_FILE_BYTES
        wanted = self._place(name, is_zip)
        part = self.path / f"{secrets.token_hex(8)}.part"
        try:
            if shutil.disk_usage(self.path).free < KEPT_FREE_BYTES:
                raise UserError("The disk is nearly full: make room, then send the photos again.")
            with part.open("xb") as file:
                await _copy(body, file.write, limit, self.path, name)
            if length is not None and part.stat().st_size != length:
                raise _not_whole(name)
            sent[name] = self._move(part, sent.get(name) or wanted, name in sent)
        except ClientDisconnect:
            raise _not_whole(name) from None
        except OSError as error:
            if not self.path.is_dir():
                raise no_longer_here() from None
            raise files.not_written(self.path, error) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _place(self, name: str, is_zip: bool) -> Path:
        """Where a file of this name goes: always inside. Raises UserError."""
        parts = [fit for part in name.replace("\\", "/").split("/") if (fit := _fit(part))]
        if not parts or len(parts) > MAX_PARTS:
            raise UserError("'{name}' is no name of a photo: rename it.", name=name[:80])
        if is_zip:
            return self.path / "zips" / secrets.token_hex(4) / parts[-1]
        return self.path.joinpath("photos", *parts)

    def _move(self, part: Path, wanted: Path, is_sent_again: bool) -> Path:
        """Move a whole file to its place, or to a numbered name where that is another file's.

        Requests of one server are served by one thread, so nothing comes between.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(self.path)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        path, number = wanted, 1
        while path.exists() and not is_sent_again:
            number += 1
            path = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        return part.replace(path)


def _not_whole(name: str) -> UserError:
    return UserError("'{name}' did not arrive whole: send it again.", name=name[:80])


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


async def _copy(
    body: AsyncIterator[bytes],
    write: Callable[[bytes], int],
    limit: int,
    folder: Path,
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
            if shutil.disk_usage(folder).free < KEPT_FREE_BYTES:
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
        # Of each batch, by this server: how many files, and where each is by the name it came with.
        self._count: Counter[str] = Counter()
        self._sent: defaultdict[str, dict[str, Path]] = defaultdict(dict)

    async def take(
        self, batch_id: str, name: str, length: int | None, body: AsyncIterator[bytes]
    ) -> None:
        """One more file of a batch; see `Batch.take`. Raises UserError."""
        batch = self.batch(batch_id)
        sent = self._sent[batch.id]
        self._count[batch.id] += name not in sent
        if self._count[batch.id] > MAX_FILES:
            raise UserError("These are over {most:,} photos: send them as a zip.", most=MAX_FILES)
        await batch.take(name, length, body, sent)

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
        raise no_longer_here()

    def all(self) -> list[Batch]:
        try:
            found = sorted(path for path in self.folder.iterdir() if _BATCH.fullmatch(path.name))
        except OSError:
            return []
        return [Batch(path) for path in found]

    def sweep(self) -> None:
        """Remove batches that nobody cropped for hours."""
        pending.sweep(self.folder, IDLE_S)
        for path in self.folder.glob(f"{REMOVED}*"):  # by a server that was killed meanwhile
            shutil.rmtree(path, ignore_errors=True)
