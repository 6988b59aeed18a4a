"""Decode a folder or zip of images, in any layout, to one uint8 array, and cache it.

Unusable files are skipped and listed; they never stop a run.
"""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from neuroceleb import decoding, files, images, records
from neuroceleb.data import persons, zip_names
from neuroceleb.data.persons import People
from neuroceleb.data.sources import Entry, Folder, Zip, open_source
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels, UnreadableImageError
from neuroceleb.settings import IMAGE_SIZE

DECODER = 3  # version: increase it when the same bytes give other pixels

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Skipped:
    """A file that was skipped, and why."""

    name: str
    reason: Message

    def __str__(self) -> str:
        return str(self.message)

    @property
    def message(self) -> Message:
        """The file and the reason."""
        return Message("{name}: {reason}", name=self.name, reason=self.reason)


@dataclass(frozen=True)
class Dataset:
    """Decoded faces: `pixels` is (N, 64, 64, 3) uint8 RGB, in order of file names.

    `fingerprint` is the SHA-256 of the pixels: datasets with the same one give the same training.
    `people` (N,) numbers the persons shown, where they are known (see `persons`). `held_out` (N,)
    marks the images kept back from a training, where that was decided.
    """

    source: Path
    pixels: Pixels
    skipped: tuple[Skipped, ...]
    fingerprint: str
    people: People | None = None
    held_out: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def without(self, held_out: NDArray[np.bool_]) -> "Dataset":
        """Without the faces marked in `held_out`, (N,); the fingerprint is that of all."""
        if not held_out.any():
            return self
        people = None if self.people is None else self.people[~held_out]
        return replace(self, pixels=self.pixels[~held_out], people=people, held_out=None)


def locate(text: str, datasets: Path) -> Path:
    """The folder or zip of a DATASET argument: a name under `datasets/`, or any path.

    A relative path is looked for in the current folder, then under `datasets/`.

    For a dataset of `crop`, its folder `faces/`. Raises UserError where it does not exist.
    """
    named = datasets / text
    is_name = len(PurePosixPath(text).parts) == 1 and text not in {".", ".."}
    is_inside = not Path(text).is_absolute() and ".." not in Path(text).parts
    is_named = is_name or (is_inside and not _exists(Path(text)))
    path = named if is_named and _exists(named) else Path(text)
    if not _exists(path):
        raise UserError(
            "There is no dataset '{text}': give a folder or zip of images, or a name under "
            "{datasets}.",
            text=text[:200],
            datasets=datasets,
        )
    return path / "faces" if (path / "faces").is_dir() else path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long
        return False


def load(
    source: Path,
    datasets: Path,
    progress: Progress | None = None,
    names_encoding: str = zip_names.AUTO,
) -> Dataset:
    """Decode every image of a folder (at any depth) or zip to 64x64, or read them from the cache.

    `progress(done, total)` is called after every file. `names_encoding` is that of names in a zip
    that are not marked as UTF-8; the order of the images does not depend on it. Raises UserError
    without usable images.
    """
    with open_source(source, names_encoding) as files_of_source:
        entries = files_of_source.entries()
        if not entries:
            raise UserError(
                "There are no images in {source}: give a folder or zip with photos.", source=source
            )
        cache = _Cache(datasets / ".cache", _key(entries))
        dataset = cache.read(source)
        if dataset is None:
            dataset = _decode_all(source, files_of_source, entries, progress)
            if _key(files_of_source.entries()) == cache.key:  # nothing was removed meanwhile
                cache.write(dataset)
    skipped = {item.name for item in dataset.skipped}
    names = [entry.name for entry in entries if entry.name not in skipped]
    return replace(dataset, people=persons.number(source, names))


def _key(entries: list[Entry]) -> str:
    """A hash of the files' names, sizes and times, or of a zip's checksums."""
    digest = hashlib.sha256(f"{DECODER} {IMAGE_SIZE}\n".encode())
    for entry in entries:
        flaw = None if entry.flaw is None else str(entry.flaw)
        line = json.dumps([entry.name, entry.stamp, entry.size_bytes, flaw])
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


# Decoding ----------------------------------------------------------------------------------


def _decode_all(
    source: Path,
    files_of_source: Folder | Zip,
    entries: list[Entry],
    progress: Progress | None,
) -> Dataset:
    pixels = np.empty((len(entries), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)

    def decode(index: int) -> Message | None:
        try:
            pixels[index] = _decode(files_of_source, entries[index])
        except UnreadableImageError as error:
            return error.message
        except OSError as error:
            return Message("it cannot be read ({reason})", reason=error.strerror)
        return None

    skipped, kept = [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, flaw in enumerate(pool.map(decode, range(len(entries)))):
            if flaw is None:
                pixels[kept] = pixels[index]  # rows before `index` are all decoded
                kept += 1
            else:
                skipped.append(Skipped(entries[index].name, flaw))
            if progress is not None:
                progress(index + 1, len(entries))
    if not kept:
        raise UserError(
            "None of the {count:,} files in {source} can be used as an image ({first}): give a "
            "folder or zip with photos.",
            count=len(entries),
            source=source,
            first=skipped[0].message,
        )
    usable = pixels[:kept]
    return Dataset(source, usable, tuple(skipped), _fingerprint(usable))


def _fingerprint(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.data).hexdigest()


def _decode(files_of_source: Folder | Zip, entry: Entry) -> Pixels:
    if entry.flaw is not None:
        raise UnreadableImageError(entry.flaw)
    if entry.size_bytes > images.MAX_FILE_BYTES:
        raise UnreadableImageError("it is over {max_mb} MB", max_mb=images.MAX_FILE_BYTES // 2**20)
    with decoding.files_in_memory.reserved(entry.size_bytes):
        data = files_of_source.read(entry)
        with decoding.opened_photo(data, draft_px=4 * IMAGE_SIZE) as photo:
            return images.shrink_to_square(photo, IMAGE_SIZE)


# The cache ---------------------------------------------------------------------------------


class CacheRecord(TypedDict):
    """`<key>.json`; see `records`. A `source` within `datasets/` is relative to it."""

    source: str
    fingerprint: str
    skipped: list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class _Cache:
    """One decoded source: `<key>.npy`, and `<key>.json` with the skipped files."""

    folder: Path
    key: str

    @property
    def _array(self) -> Path:
        return self.folder / f"{self.key}.npy"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.key}.json"

    def read(self, source: Path) -> Dataset | None:
        """The dataset decoded from these files; None where it is missing or damaged."""
        try:
            record = records.read(self._record, CacheRecord) or {}
            pixels = np.lib.format.open_memmap(self._array, mode="r")
            skipped = tuple(
                Skipped(unquote(name, errors="surrogateescape"), Message.from_json(why))
                for name, why in record["skipped"]
            )
            cached = Dataset(source, pixels, skipped, record["fingerprint"])
        except (OSError, ValueError, KeyError, UserError):
            return None
        fits = pixels.shape[1:] == (IMAGE_SIZE, IMAGE_SIZE, 3) and pixels.dtype == np.uint8
        return cached if fits and _fingerprint(pixels) == cached.fingerprint else None

    def write(self, dataset: Dataset) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.not_written(self.folder, error) from error
        _clear_cache(self.folder, dataset.source)
        record = {
            "source": _name_in(self.folder.parent, dataset.source),
            "fingerprint": dataset.fingerprint,
            "skipped": [(_quoted(item.name), item.reason.to_json()) for item in dataset.skipped],
        }
        files.write_json(self._record, record)  # first: an array without it is swept away
        try:
            with files.replacing(self._array) as temporary, temporary.open("xb") as file:
                np.save(file, dataset.pixels)
        except UserError:
            self._record.unlink(missing_ok=True)
            raise


def _name_in(datasets: Path, source: Path) -> str:
    """A source as a record names it, so that it is found in a moved or copied workspace."""
    path, folder = files.absolute(source), files.absolute(datasets)
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _quoted(name: str) -> str:
    """A file's name as a record keeps it; it may hold bytes that are no UTF-8."""
    return quote(name, safe="/ ", errors="surrogateescape")


def clear_cache(source: Path, datasets: Path) -> None:
    """Delete the cache of a folder or zip, so that images deleted there are deleted here too."""
    _clear_cache(datasets / ".cache", source)


def sweep_cache(datasets: Path) -> None:
    """Delete what was decoded from folders and zips that are no longer there.

    Also arrays that no record names, damaged records, and files of killed processes.
    """
    cache = datasets / ".cache"
    records_read = {record: _source_of(record) for record in cache.glob("*.json")}
    known = {record.stem for record, source in records_read.items() if _is_there(source)}
    for path in cache.glob("*"):
        is_temporary = path.name.startswith(".") and files.is_being_written(path)
        if path.stem not in known and not is_temporary:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def cached_fingerprints(source: Path, datasets: Path) -> set[str]:
    """The fingerprints of what was decoded from a folder or zip."""
    found = set()
    for record in (datasets / ".cache").glob("*.json"):
        with suppress(UserError):
            value = records.read(record, CacheRecord) or {}
            if _source_of(record) == files.absolute(source):
                found.add(value["fingerprint"])
    return found


def _source_of(record: Path) -> Path | None:
    """What a record says was decoded; None where it cannot be read."""
    try:
        value = records.read(record, CacheRecord)
        return None if value is None else files.absolute(record.parent.parent / value["source"])
    except (OSError, ValueError, UserError):
        return None


def _is_there(source: Path | None) -> bool:
    return source is not None and _exists(source)


def _clear_cache(cache: Path, source: Path) -> None:
    """Delete what was decoded from the same path, also before its files changed."""
    for record in cache.glob("*.json"):
        with suppress(OSError):
            if _source_of(record) == files.absolute(source):
                record.with_suffix(".npy").unlink(missing_ok=True)
                record.unlink(missing_ok=True)
