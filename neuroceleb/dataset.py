"""A folder or zip of images, whatever its layout -> one uint8 array, decoded once and kept.

Bad files are named and passed over; they never end a run.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from . import files, images
from .errors import UserError
from .images import Pixels, UnreadableImageError
from .runs import Workspace
from .settings import IMAGE_SIZE

MAX_FILES = 1_000_000
MAX_ZIP_BYTES = 64 * 2**30  # unpacked, all members together
DECODER = 1  # raise it when the same bytes would give other pixels

_CLUTTER = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Dataset:
    """Decoded faces: `pixels` is (N, 64, 64, 3) uint8 RGB, in order of file names.

    `fingerprint` is the SHA-256 of the pixels: two datasets with the same one train alike.
    """

    source: Path
    pixels: Pixels
    skipped: tuple[Skipped, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class _Entry:
    """One file of a source; `stamp` changes when its content does, `flaw` says it is unusable."""

    name: str
    stamp: str
    size_bytes: int
    flaw: str | None = None


def locate(text: str, workspace: Workspace) -> Path:
    """The folder or zip that DATASET means: a name under `datasets/`, or any path.

    Of a dataset made by `crop`, the `faces/` in it. Raises UserError where nothing is there.
    """
    named = workspace.datasets / text
    inside = len(PurePosixPath(text).parts) == 1 and text not in {".", ".."}
    path = named if inside and named.exists() else Path(text)
    if not path.exists():
        raise UserError(
            f"There is no dataset '{text[:200]}': give a folder or zip of images, "
            f"or a name under {workspace.datasets}."
        )
    return path / "faces" if (path / "faces").is_dir() else path


def load(source: Path, workspace: Workspace, progress: Progress | None = None) -> Dataset:
    """Decode every image of a folder (nested at any depth) or zip to 64x64, or read the cache.

    `progress(done, total)` is told now and then. Raises UserError where nothing usable is there.
    """
    with _open(source) as files_of_source:
        entries = files_of_source.entries()
        if not entries:
            raise UserError(f"There are no images in {source}: give a folder or zip with photos.")
        cache = _Cache(workspace.datasets / ".cache", _key(entries))
        dataset = cache.read(source)
        if dataset is None:
            dataset = _decode_all(source, files_of_source, entries, progress)
            cache.write(dataset)
    return dataset


def _key(entries: list[_Entry]) -> str:
    """A fingerprint of the files: names, sizes and times, or a zip's checksums."""
    digest = hashlib.sha256(f"{DECODER} {IMAGE_SIZE}\n".encode())
    for entry in entries:
        line = json.dumps([entry.name, entry.stamp, entry.size_bytes, entry.flaw])
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


# Folders and zips --------------------------------------------------------------------------


class _Folder:
    """Files under a folder, at any depth; links are followed, but never in a circle."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> "_Folder":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def entries(self) -> list[_Entry]:
        found = sorted(self._names())
        return [self._entry(name) for name in found]

    def _names(self) -> Iterator[str]:
        seen = set()
        count = 0
        for folder, subfolders, names in os.walk(self.root, followlinks=True):
            identity = os.stat(folder)
            if (identity.st_dev, identity.st_ino) in seen:
                subfolders.clear()
                continue
            seen.add((identity.st_dev, identity.st_ino))
            subfolders[:] = [name for name in subfolders if not _is_clutter(name)]
            for name in names:
                if not _is_clutter(name):
                    count += 1
                    if count > MAX_FILES:
                        raise UserError(f"{self.root} has over {MAX_FILES:,} files: split it.")
                    yield os.path.relpath(os.path.join(folder, name), self.root)

    def _entry(self, name: str) -> _Entry:
        try:
            stat = (self.root / name).stat()
        except OSError as error:
            return _Entry(name, "", 0, f"it cannot be read ({error.strerror})")
        stamp = f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        if not (self.root / name).is_file():
            return _Entry(name, stamp, 0, "it is not a plain file")
        return _Entry(name, stamp, stat.st_size)

    def read(self, entry: _Entry) -> bytes:
        return (self.root / entry.name).read_bytes()


class _Zip:
    """Members of a zip, read where they lie: nothing is unpacked to disk, so no path escapes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise UserError(
                f"{path} is neither a folder nor a whole zip: give a folder or zip with photos."
            ) from error

    def __enter__(self) -> "_Zip":
        return self

    def __exit__(self, *error: object) -> None:
        self.archive.close()

    def entries(self) -> list[_Entry]:
        members = [info for info in self.archive.infolist() if not info.is_dir()]
        if len(members) > MAX_FILES or sum(m.file_size for m in members) > MAX_ZIP_BYTES:
            raise UserError(
                f"{self.path} has over {MAX_FILES:,} files or unpacks to over "
                f"{MAX_ZIP_BYTES // 2**30} GB: split it."
            )
        self.members = {info.filename: info for info in members}
        names = sorted(name for name in self.members if not _is_clutter_path(name))
        return [self._entry(self.members[name]) for name in names]

    def _entry(self, info: zipfile.ZipInfo) -> _Entry:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        flaw = None
        if ".." in parts or info.filename.startswith(("/", "\\")):
            flaw = "its path leads out of the zip"
        elif info.flag_bits & 1:
            flaw = "it is locked with a password"
        return _Entry(info.filename, f"{info.CRC:08x}", info.file_size, flaw)

    def read(self, entry: _Entry) -> bytes:
        try:
            with self.archive.open(self.members[entry.name]) as member:
                return member.read(images.MAX_FILE_BYTES)
        except Exception as error:  # zipfile meets hostile bytes with every kind of exception
            raise UnreadableImageError("it is damaged within the zip") from error


def _open(source: Path) -> _Folder | _Zip:
    return _Folder(source) if source.is_dir() else _Zip(source)


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name in _CLUTTER


def _is_clutter_path(name: str) -> bool:
    return any(_is_clutter(part) for part in PurePosixPath(name).parts if part != "..")


# Decoding ----------------------------------------------------------------------------------


def _decode_all(
    source: Path,
    files_of_source: _Folder | _Zip,
    entries: list[_Entry],
    progress: Progress | None,
) -> Dataset:
    pixels = np.empty((len(entries), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)

    def decode(index: int) -> str | None:
        try:
            pixels[index] = _decode(files_of_source, entries[index])
        except UnreadableImageError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read ({error.strerror})"
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
            f"None of the {len(entries):,} files in {source} can be used as an image "
            f"({skipped[0]}): give a folder or zip with photos."
        )
    usable = pixels[:kept]
    return Dataset(source, usable, tuple(skipped), hashlib.sha256(usable.data).hexdigest())


def _decode(files_of_source: _Folder | _Zip, entry: _Entry) -> Pixels:
    if entry.flaw is not None:
        raise UnreadableImageError(entry.flaw)
    if entry.size_bytes > images.MAX_FILE_BYTES:
        raise UnreadableImageError(f"it is over {images.MAX_FILE_BYTES // 2**20} MB")
    photo = images.read_photo(files_of_source.read(entry), draft_px=4 * IMAGE_SIZE)
    return images.shrink_to_square(photo, IMAGE_SIZE)


# The cache ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cache:
    """One decoded source: `<key>.npy`, and `<key>.json` with what was passed over."""

    folder: Path
    key: str

    @property
    def _array(self) -> Path:
        return self.folder / f"{self.key}.npy"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.key}.json"

    def read(self, source: Path) -> Dataset | None:
        """What was decoded from these very files; None where it is not there or not whole."""
        try:
            record = json.loads(self._record.read_text("utf-8"))
            pixels = np.load(self._array, mmap_mode="r")
            skipped = tuple(Skipped(name, reason) for name, reason in record["skipped"])
            whole = pixels.shape == (record["count"], IMAGE_SIZE, IMAGE_SIZE, 3)
            if whole and pixels.dtype == np.uint8:
                return Dataset(source, pixels, skipped, str(record["fingerprint"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def write(self, dataset: Dataset) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._forget_older(dataset.source)
        with files.replacing(self._array) as temporary, temporary.open("xb") as file:
            np.save(file, dataset.pixels)
        record = {
            "source": str(dataset.source.resolve()),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
            "skipped": [(item.name, item.reason) for item in dataset.skipped],
        }
        files.write_json(self._record, record)

    def _forget_older(self, source: Path) -> None:
        """Remove what was decoded from the same place before its files changed."""
        for record in self.folder.glob("*.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if json.loads(record.read_text("utf-8"))["source"] == str(source.resolve()):
                    record.with_suffix(".npy").unlink(missing_ok=True)
                    record.unlink(missing_ok=True)
