"""Uploaded photos that wait to be cropped: remove some of them, or those that nobody crops.

A batch is a folder: `photos/` with files, `zips/*/*.zip`, and `job.json` with the crop request
once cropping began.
"""

import dataclasses
import hashlib
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Required, TypedDict

from neuroceleb import files, records
from neuroceleb.data import sources
from neuroceleb.data.faces.crop import Photo, group_of, is_among, list_photos
from neuroceleb.errors import UserError
from neuroceleb.images import MAX_FILE_BYTES, UnreadableImageError
from neuroceleb.records import DamagedFileError

RECORD = "job.json"
MAX_RECORD_BYTES = 2**20


class Request(TypedDict, total=False):
    """job.json; see `records`."""

    dataset: Required[str]
    size: int
    detector: str
    path: str | None
    agreed: int
    align: str
    group_by_person: bool


@dataclass(frozen=True)
class Pending:
    """What was done to the batches of an uploads folder.

    `deleted` photos were removed. `unseen` are the numbers of photos, by batch, of which nobody
    knows whom they show; `paths` are the photos of interrupted requests that are no uploads.
    """

    deleted: int = 0
    unseen: dict[str, int] = field(default_factory=dict)
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unwanted:
    """Which photos to remove: by SHA-256 (`crop.is_among`), by group, and by what they show.

    Photos of `known` SHA-256 are in the dataset and show somebody else. `shows` is called with the
    bytes of the others; it returns None where it cannot tell.
    """

    photos: Collection[str]
    known: Collection[str] = ()
    group: str | None = None
    shows: Callable[[bytes], bool | None] = lambda _: None

    def has(self, photo: Photo, data: bytes) -> bool | None:
        digest = hashlib.sha256(data).hexdigest()
        if is_among(digest, self.photos) or group_of(photo) == self.group:
            return True
        return False if digest in self.known else self.shows(data)


def remove_photos(uploads: Path, dataset: str, unwanted: Unwanted) -> Pending:
    """Remove photos from every batch.

    By their group only from those for the dataset, and by what they show also from those without
    a request, which may be for any. Zips are written again without the photos; a batch of which
    nothing is left is deleted. Raises UserError.
    """
    by_digest = Unwanted(unwanted.photos)
    by_look = dataclasses.replace(unwanted, group=None)
    deleted, unseen, paths = 0, {}, []
    for batch in batches(uploads):
        request = _readable_request(batch)
        target = request.get("dataset")
        if target == dataset and request.get("path") is not None:
            paths.append(request["path"])
        rule = unwanted if target == dataset else by_look if target is None else by_digest
        count, left = _clean(batch, rule)
        deleted += count
        if rule is not by_digest and left:
            unseen[batch.name] = left
        if count and not _has_photos(batch):
            shutil.rmtree(batch, ignore_errors=True)
    return Pending(deleted, unseen, tuple(paths))


def remove_received(folder: Path, unwanted: Unwanted) -> int:
    """Remove photos from a folder of files that were received and not used; returns how many."""
    return _clean_folder(folder, unwanted)[0]


def batches(uploads: Path) -> list[Path]:
    """The folders of batches, by name."""
    try:
        return sorted(path for path in uploads.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def read_request(batch: Path) -> dict[str, Any] | None:
    """The crop request of a batch; None where cropping has not begun. Raises DamagedFileError."""
    return records.read(batch / RECORD, Request, MAX_RECORD_BYTES)


def sweep(uploads: Path, idle_s: float, names: Collection[str] | None = None) -> list[str]:
    """Delete the batches that nobody crops and that nothing was sent to for `idle_s` seconds.

    Those whose cropping was interrupted stay: they can be resumed; a damaged request is one. Of
    all batches only those of these `names`, where they are given. Returns the names of those that
    were deleted.
    """
    swept = []
    for batch in batches(uploads):
        is_chosen = names is None or batch.name in names
        if is_chosen and not os.path.lexists(batch / RECORD) and _idle_s(batch) > idle_s:
            shutil.rmtree(batch, ignore_errors=True)
            swept.append(batch.name)
    return swept


def sweep_received(folder: Path, idle_s: float, before: float) -> None:
    """Delete files of a folder that changed last before that Unix time, and `idle_s` ago."""
    latest = min(before, time.time() - idle_s)
    for here, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(here) / name
            with suppress(OSError):
                if path.lstat().st_mtime <= latest:
                    path.unlink()
        with suppress(OSError):
            if Path(here) != folder and Path(here).stat().st_mtime <= latest:
                Path(here).rmdir()


def _idle_s(batch: Path) -> float:
    """Seconds since any file or folder of a batch changed."""
    newest = 0.0
    try:
        for folder, _, names in os.walk(batch):
            here = Path(folder)
            newest = max(
                newest, *(path.lstat().st_mtime for path in (here, *map(here.joinpath, names)))
            )
    except OSError:
        return 0.0  # it is changing
    return time.time() - newest


def _clean(batch: Path, unwanted: Unwanted) -> tuple[int, int]:
    """Remove photos from one batch; returns how many, and of how many nothing is known."""
    deleted, unseen = _clean_folder(batch / "photos", unwanted)
    for archive in sorted(batch.glob("zips/*/*.zip")):
        found = {photo.entry.name: unwanted.has(photo, data) for photo, data in _photos(archive)}
        gone = {name for name, is_unwanted in found.items() if is_unwanted}
        if gone:
            _rewrite(archive, gone)
        deleted += len(gone)
        unseen += sum(is_unwanted is None for is_unwanted in found.values())
    return deleted, unseen


def _readable_request(batch: Path) -> dict[str, Any]:
    """Empty also where it is damaged: the photos may then be for any dataset."""
    try:
        return read_request(batch) or {}
    except DamagedFileError:
        return {}


def _has_photos(batch: Path) -> bool:
    folders = [batch / "photos", *batch.glob("zips/*/*.zip")]
    return any(True for folder in folders if folder.exists() for _ in _photos(folder))


def _clean_folder(folder: Path, unwanted: Unwanted) -> tuple[int, int]:
    deleted, unseen = 0, 0
    for photo, data in _photos(folder) if folder.is_dir() else ():
        is_unwanted = unwanted.has(photo, data)
        if is_unwanted:
            (folder / photo.entry.name).unlink(missing_ok=True)
        deleted += is_unwanted is True
        unseen += is_unwanted is None
    return deleted, unseen


def _photos(source: Path) -> Iterator[tuple[Photo, bytes]]:
    """The photos of a folder or zip and their bytes; none of what cannot be read."""
    try:
        with sources.open_source(source) as opened:
            for photo in list_photos([source]):
                if photo.entry.flaw is None and photo.entry.size_bytes <= MAX_FILE_BYTES:
                    try:
                        data = opened.read(photo.entry)
                    except (OSError, UnreadableImageError):
                        continue
                    yield photo, data
    except UserError:
        return


def _rewrite(archive: Path, gone: Collection[str]) -> None:
    """Write a zip again without some members, and without those that nothing can read."""
    with (
        files.replacing(archive) as temporary,
        sources.Zip(archive) as before,
        zipfile.ZipFile(temporary, "x") as after,
    ):
        for entry in before.entries():
            if entry.name not in gone and entry.flaw is None:
                try:
                    after.writestr(entry.name, before.read(entry))
                except UnreadableImageError:
                    continue
