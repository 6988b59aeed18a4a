"""The files of a folder or zip, in any layout: first their names, then their bytes on request.

Zips are not unpacked to disk, so no path can lead outside. Unusable files are listed with the
reason.
"""

import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from neuroceleb import files, images
from neuroceleb.data import zip_names
from neuroceleb.errors import Message, UserError
from neuroceleb.images import UnreadableImageError

MAX_FILES = 1_000_000
MAX_ZIP_BYTES = 64 * 2**30  # uncompressed, all members together
# A member is a zip bomb if it is larger than BOMB_BYTES and compressed by more than BOMB_RATIO.
BOMB_BYTES = 16 * 2**20
BOMB_RATIO = 200

# Folders of systems and NAS, in lower case: thumbnails, recycle bins, snapshots.
SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", ".@__thumb"),
        *("@sharebin", "@tmp", "network recycle bin", "network trash folder"),
        *("$recycle.bin", "recycler", "recycled", "system volume information", "lost+found"),
        *("__macosx", ".trashes", ".trash", ".thumbnails", ".thumbs", ".recycle", ".dtrash"),
        *(".appledouble", ".spotlight-v100", ".fseventsd", ".temporaryitems"),
    }
)
# What cameras, phones and editors keep beside photos.
SIDECARS = frozenset(
    {
        *(".json", ".xmp", ".aae", ".txt", ".csv", ".ini", ".xml", ".thm", ".db", ".log", ".lnk"),
        *(".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".mts", ".mp3", ".wav", ".m4a"),
    }
)


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    `stamp` changes when the content does. `flaw` is the reason why the file is unusable, if it is.
    `member` is its name as a zip stores it.
    """

    name: str
    stamp: str
    size_bytes: int
    flaw: Message | None = None
    member: str = ""


@dataclass(frozen=True)
class Listing:
    """The photos of a source, and how many files beside them are left alone.

    `system_files` are in folders of systems and NAS (SYSTEM_FOLDERS), `other_files` are SIDECARS.
    `encoding` is that of a zip's names, where they are not ASCII or marked as UTF-8.
    """

    entries: list[Entry]
    system_files: int = 0
    other_files: int = 0
    encoding: str | None = None


class Folder:
    """The files in a folder, at any depth.

    Symbolic links are followed, cycles are not; in a dataset of `crop`, which holds no links of
    its own, neither are.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.follows_links = not (root.parent / "manifest.jsonl").is_file()

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def entries(self) -> list[Entry]:
        """The photos of `listing`; raises UserError."""
        return self.listing().entries

    def listing(self) -> Listing:
        """The files, by name; raises UserError where there are more than MAX_FILES."""
        errors: list[OSError] = []
        names, left_alone = [], Counter[str]()
        for name in self._names(errors.append):
            kind = _left_alone(Path(name).parts)
            if kind is None:
                names.append(name)
            left_alone[kind or ""] += 1
        entries = [self.entry(name) for name in sorted(names)]
        entries += [self._unreadable(error) for error in errors]
        return Listing(entries, left_alone[SYSTEM], left_alone[OTHER])

    def _names(self, on_error: Callable[[OSError], None]) -> Iterator[str]:
        visited = set()
        count = 0
        walk = os.walk(self.root, onerror=on_error, followlinks=self.follows_links)
        for folder, subfolders, names in walk:
            identity = os.stat(folder)
            if (identity.st_dev, identity.st_ino) in visited:
                subfolders.clear()
                continue
            visited.add((identity.st_dev, identity.st_ino))
            subfolders[:] = [it for it in subfolders if _is_system(it) or not it.startswith(".")]
            for name in names:
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
        return Entry(name, "", 0, _not_read(error))

    def entry(self, name: str) -> Entry:
        """One file of the folder, whether it exists or not."""
        try:
            stat = (self.root / name).stat(follow_symlinks=self.follows_links)
        except OSError as error:
            return Entry(name, "", 0, _not_read(error))
        stamp = f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        if not S_ISREG(stat.st_mode):
            return Entry(name, stamp, 0, Message("it is not a plain file"))
        return Entry(name, stamp, stat.st_size)

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file; raises OSError, also for one over `images.MAX_FILE_BYTES`."""
        path = self.root / entry.name
        return files.read_bytes(path, images.MAX_FILE_BYTES, self.follows_links)


class Zip:
    """The members of a zip, read without unpacking it to disk.

    `names_encoding` is that of names that are not marked as UTF-8, or `zip_names.AUTO`.
    """

    def __init__(self, path: Path, names_encoding: str = zip_names.AUTO) -> None:
        self.path = path
        self._names_encoding = names_encoding
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
        """The photos of `listing`; raises UserError."""
        return self.listing().entries

    def listing(self) -> Listing:
        """The members, in the order of their stored names.

        Raises UserError over MAX_FILES or MAX_ZIP_BYTES, and where the names are not in the
        encoding that was given.
        """
        members = self.archive.infolist()
        if len(members) > MAX_FILES or sum(m.file_size for m in members) > MAX_ZIP_BYTES:
            raise UserError(
                "{path} has over {most:,} files or unpacks to over {max_gb} GB: split it.",
                path=self.path,
                most=MAX_FILES,
                max_gb=MAX_ZIP_BYTES // 2**30,
            )
        names, encoding = zip_names.decode(members, self._names_encoding)
        pairs = sorted(zip(names, members, strict=True), key=lambda pair: pair[1].filename)
        entries, left_alone = [], Counter[str]()
        for name, member in pairs:
            if name.endswith("/"):
                continue
            kind = _left_alone([part for part in _parts(name) if part != ".."])
            if kind is None:
                is_read = self.archive.getinfo(member.filename) is member
                entry = self._entry(name, member)
                entries.append(entry if is_read else _shadowed(entry, member))
            left_alone[kind or ""] += 1
        return Listing(entries, left_alone[SYSTEM], left_alone[OTHER], encoding)

    def _entry(self, name: str, info: zipfile.ZipInfo) -> Entry:
        flaw = None
        if ".." in _parts(name) or name.startswith("/"):
            flaw = Message("its path leads out of the zip")
        elif info.flag_bits & 1:
            flaw = Message("it is locked with a password")
        elif info.file_size > max(BOMB_BYTES, BOMB_RATIO * info.compress_size):
            flaw = Message("it unpacks to far more than a photo would: a zip bomb")
        return Entry(name, f"{info.CRC:08x}", info.file_size, flaw, info.filename)

    def read(self, entry: Entry) -> bytes:
        """The bytes of one member; raises UnreadableImageError."""
        try:
            with self.archive.open(entry.member) as member:
                return member.read(images.MAX_FILE_BYTES)
        except Exception as error:  # zipfile raises any exception on hostile bytes
            raise UnreadableImageError("it is damaged within the zip") from error


def _shadowed(entry: Entry, member: zipfile.ZipInfo) -> Entry:
    """A member of which the zip has another one with the same name, which is the one to read."""
    path = PurePosixPath(entry.name)
    name = str(path.with_name(f"{path.stem} (at {member.header_offset}){path.suffix}"))
    return replace(entry, name=name, flaw=Message("the zip has another file of the same name"))


def open_source(source: Path, names_encoding: str = zip_names.AUTO) -> Folder | Zip:
    """Open a folder or zip as a context manager; raises UserError where it is neither."""
    return Folder(source) if source.is_dir() else Zip(source, names_encoding)


SYSTEM, OTHER, HIDDEN = "system", "other", "hidden"


def _left_alone(parts: Sequence[str]) -> str | None:
    """Why a file with this path is no photo: SYSTEM, OTHER or HIDDEN; None where it may be one."""
    if any(map(_is_system, parts[:-1])):
        return SYSTEM
    if any(part.startswith(".") for part in parts):
        return HIDDEN
    suffix = PurePosixPath(parts[-1]).suffix.lower() if parts else ""
    return OTHER if suffix in SIDECARS else None


def is_passed_over(name: str) -> bool:
    """Whether a file of this name, with its folders, is left alone among photos."""
    parts = _parts(name.replace("\\", "/"))
    return _left_alone([part for part in parts if part not in {".", ".."}]) is not None


def _is_system(folder: str) -> bool:
    return folder.lower() in SYSTEM_FOLDERS or folder.lower().startswith(".trash-")


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


def _not_read(error: OSError) -> Message:
    return Message("it cannot be read ({reason})", reason=error.strerror)
