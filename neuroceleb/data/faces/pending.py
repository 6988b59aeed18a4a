"""Uploaded photos that wait to be cropped: remove some of them, or those that nobody crops.

A batch is a folder: `photos/` with files, `zips/*/*.zip`, and `job.json` with the crop request
once cropping began.
"""

import hashlib
import os
import shutil
import time
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from neuroceleb import files, records
from neuroceleb.data import sources
from neuroceleb.data.faces.crop import Photo, group_of, list_photos
from neuroceleb.errors import UserError
from neuroceleb.images import MAX_FILE_BYTES, UnreadableImageError

RECORD = "job.json"
MAX_RECORD_BYTES = 2**20


class Request(TypedDict, total=False):
    """job.json, as far as it is read here; see `records`."""

    dataset: str
    path: str | None


@dataclass(frozen=True)
class Pending:
    """What was done to the batches of an uploads folder.

    `deleted` photos were removed. `unseen` are the numbers of photos that wait to be cropped into
    the dataset, by batch; `paths` are the photos of interrupted requests that are no uploads.
    """

    deleted: int = 0
    unseen: dict[str, int] = field(default_factory=dict)
    paths: tuple[str, ...] = ()


def remove_photos(
    uploads: Path, dataset: str, photos: Collection[str], known: Collection[str], person: str | None
) -> Pending:
    """Remove photos, by their SHA-256, from every batch; of a person also those of its folder.

    `dataset` is the name of the dataset and `known` the SHA-256 of its photos: others wait to be
    cropped. Zips are written again without the photos. Raises UserError.
    """
    deleted, unseen, paths = 0, {}, []
    for batch in batches(uploads):
        request = read_request(batch)
        is_of_dataset = request.get("dataset") == dataset
        if is_of_dataset and isinstance(request.get("path"), str):
            paths.append(str(request["path"]))
        group = person if is_of_dataset else None
        count, left = _clean(batch, frozenset(photos), frozenset(known), group)
        deleted += count
        if is_of_dataset and left:
            unseen[batch.name] = left
    return Pending(deleted, unseen, tuple(paths))


def batches(uploads: Path) -> list[Path]:
    """The folders of batches, by name."""
    try:
        return sorted(path for path in uploads.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def read_request(batch: Path) -> dict[str, Any]:
    """The crop request of a batch; empty where cropping has not begun, or it is damaged."""
    try:
        return records.read(batch / RECORD, Request, MAX_RECORD_BYTES) or {}
    except UserError:
        return {}


def sweep(uploads: Path, idle_s: float) -> list[str]:
    """Delete the batches that nobody crops and that nothing was sent to for `idle_s` seconds.

    Those whose cropping was interrupted stay: they can be resumed. Returns their names.
    """
    swept = []
    for batch in batches(uploads):
        if not read_request(batch) and _idle_s(batch) > idle_s:
            shutil.rmtree(batch, ignore_errors=True)
            swept.append(batch.name)
    return swept


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


def _clean(
    batch: Path, photos: frozenset[str], known: frozenset[str], person: str | None
) -> tuple[int, int]:
    """Remove photos from one batch; returns how many, and how many of the others are not known."""
    deleted, unseen = 0, 0
    folder = batch / "photos"
    for photo, digest in _digests(folder) if folder.is_dir() else ():
        if digest in photos or group_of(photo) == person:
            (folder / photo.entry.name).unlink(missing_ok=True)
            deleted += 1
        else:
            unseen += digest not in known
    for archive in sorted(batch.glob("zips/*/*.zip")):
        digests = dict(_digests(archive))
        gone = {
            photo.entry.name
            for photo, digest in digests.items()
            if digest in photos or group_of(photo) == person
        }
        unseen += sum(
            digest not in known for photo, digest in digests.items() if photo.entry.name not in gone
        )
        if gone:
            _rewrite(archive, gone)
        deleted += len(gone)
    return deleted, unseen


def _digests(source: Path) -> Iterator[tuple[Photo, str]]:
    """The photos of a folder or zip and the SHA-256 of each; none of what cannot be read."""
    try:
        with sources.open_source(source) as opened:
            for photo in list_photos([source]):
                if photo.entry.flaw is None and photo.entry.size_bytes <= MAX_FILE_BYTES:
                    try:
                        data = opened.read(photo.entry)
                    except (OSError, UnreadableImageError):
                        continue
                    yield photo, hashlib.sha256(data).hexdigest()
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
