"""The files of a folder or zip, in any layout: first their names, then their bytes on request.

Zips are not unpacked to disk, so no path can lead outside. Unusable files are listed with the
reason.
"""

import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import UnreadableImageError

MAX_FILES = 1_000_000
MAX_ZIP_BYTES = 64 * 2**30  # uncompressed, all members together
# A member is a zip bomb if it is larger than BOMB_BYTES and compressed by more than BOMB_RATIO.
BOMB_BYTES = 16 * 2**20
BOMB_RATIO = 200

_IGNORED = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    `stamp` changes when the content does. `flaw` is the reason why the file is unusable, if it is.
    """

    name: str
    stamp: str
    size_bytes: int
    flaw: str | None = None


class Folder:
    """The files in a folder, at any depth; symbolic links are followed, cycles are not."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def entries(self) -> list[Entry]:
        """Every file, by name; raises UserError where there are more than MAX_FILES."""
        errors: list[OSError] = []
        names = sorted(self._names(errors.append))
        return [self.entry(name) for name in names] + [self._unreadable(it) for it in errors]

    def _names(self, on_error: Callable[[OSError], None]) -> Iterator[str]:
        visited = set()
        count = 0
        for folder, subfolders, names in os.walk(self.root, onerror=on_error, followlinks=True):
            identity = os.stat(folder)
            if (identity.st_dev, identity.st_ino) in visited:
                subfolders.clear()
                continue
            visited.add((identity.st_dev, identity.st_ino))
            subfolders[:] = [name for name in subfolders if not _is_ignored(name)]
            for name in names:
                if not _is_ignored(name):
                    count += 1
                    if count > MAX_FILES:
                        raise UserError(
                            "{root} has over {most:,} files: split it.",
                            root=self.root,
                            most=MAX_FILES,
                        )
                    yield os.path.relpath(os.path.join(folder, name), self.root)

    def _unreadable(self, error: OSError) -> Entry:
        """The entry of a folder that cannot be read."""
        name = os.path.relpath(error.filename, self.root)
        return Entry(name, "", 0, f"it cannot be read ({error.strerror})")

    def entry(self, name: str) -> Entry:
        """One file of the folder, whether it exists or not."""
        try:
            stat = (self.root / name).stat()
        except OSError as error:
            return Entry(name, "", 0, f"it cannot be read ({error.strerror})")
        stamp = f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        if not (self.root / name).is_file():
            return Entry(name, stamp, 0, "it is not a plain file")
        return Entry(name, stamp, stat.st_size)

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file; raises OSError."""
        return (self.root / entry.name).read_bytes()


class Zip:
    """The members of a zip, read without unpacking it to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise UserError(
                "{path} is neither a folder nor a whole zip: give a folder or zip with photos.",
                path=path,
            ) from error

    def __enter__(self) -> "Zip":
        return self

    def __exit__(self, *error: object) -> None:
        self.archive.close()

    def entries(self) -> list[Entry]:
        """Every member, by name; raises UserError over MAX_FILES or MAX_ZIP_BYTES."""
        members = [info for info in self.archive.infolist() if not info.is_dir()]
        if len(members) > MAX_FILES or sum(m.file_size for m in members) > MAX_ZIP_BYTES:
            raise UserError(
                "{path} has over {most:,} files or unpacks to over {max_gb} GB: split it.",
                path=self.path,
                most=MAX_FILES,
                max_gb=MAX_ZIP_BYTES // 2**30,
            )
        by_name = {info.filename: info for info in members}
        names = sorted(name for name in by_name if not _is_ignored_path(name))
        return [self._entry(by_name[name]) for name in names]

    def _entry(self, info: zipfile.ZipInfo) -> Entry:
        flaw = None
        if ".." in _parts(info.filename) or info.filename.startswith(("/", "\\")):
            flaw = "its path leads out of the zip"
        elif info.flag_bits & 1:
            flaw = "it is locked with a password"
        elif info.file_size > max(BOMB_BYTES, BOMB_RATIO * info.compress_size):
            flaw = "it unpacks to far more than a photo would: a zip bomb"
        return Entry(info.filename, f"{info.CRC:08x}", info.file_size, flaw)

    def read(self, entry: Entry) -> bytes:
        """The bytes of one member; raises UnreadableImageError."""
        try:
            with self.archive.open(entry.name) as member:
                return member.read(images.MAX_FILE_BYTES)
        except Exception as error:  # zipfile raises any exception on hostile bytes
            raise UnreadableImageError("it is damaged within the zip") from error


def open_source(source: Path) -> Folder | Zip:
    """Open a folder or zip as a context manager; raises UserError where it is neither."""
    return Folder(source) if source.is_dir() else Zip(source)


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name in _IGNORED


def _is_ignored_path(name: str) -> bool:
    return any(_is_ignored(part) for part in _parts(name) if part != "..")


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts
