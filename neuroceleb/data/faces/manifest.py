"""A dataset folder and its manifest, one line per face, so that every choice can be undone.

`faces/<group>/<id>.png` are kept, `rejected/<group>/<id>.png` are not; `manifest.jsonl` has the
reasons. A group is a folder of the photos, or a person (see `persons`).
"""

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal, Required, TypedDict

from neuroceleb import files, records
from neuroceleb.data import persons
from neuroceleb.data.faces.measure import Measures
from neuroceleb.data.faces.rules import Reason
from neuroceleb.errors import UserError
from neuroceleb.file_lock import EXCLUSIVE, open_to_lock, try_lock
from neuroceleb.records import DamagedFileError

KEPT, REJECTED, NO_FACE, UNREADABLE = "kept", "rejected", "no_face", "unreadable"
LOCK = ".lock"
MAX_BYTES = 512 * 2**20  # of a manifest
FOLDERS = {KEPT: "faces", REJECTED: "rejected"}


class SavedReason(TypedDict):
    """A reason in a line of the manifest: a `Reason`."""

    name: str
    value: float
    limit: float
    text: str


class Line(TypedDict, total=False):
    """A line of manifest.jsonl; see `records` and `Row`."""

    source: Required[str]
    source_sha256: Required[str | None]
    verdict: Required[Literal["kept", "rejected", "no_face", "unreadable"]]
    reasons: Required[list[SavedReason]]
    crop: str | None
    box: Required[tuple[float, float, float, float] | None]
    landmarks: Required[list[tuple[float, float]] | None]
    score: float | None
    measures: Required[dict[str, float | str | None]]
    group: str
    turned: int
    photo_px: Required[tuple[int, int] | None]
    overruled: Literal["keep", "reject"] | None
    in_folder: bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One face of a photo; or, without box and crop, a photo without a face or unreadable.

    `source` is the photo's path relative to its PHOTOS argument. `verdict` is KEPT, REJECTED,
    NO_FACE or UNREADABLE. `box` (left, top, width, height) and `landmarks` are in pixels of the
    upright photo: turned as its EXIF says, then by `turned` degrees counter-clockwise; `photo_px`
    is its width and height. `overruled` is a person's choice: keep, reject or None. `in_folder`
    says whether the photo was in a folder of the photos that were given, which names its group;
    None in manifests of version 0.1. The fields are the keys of a line of the manifest.
    """

    source: str
    source_sha256: str | None
    verdict: str
    reasons: tuple[Reason, ...] = ()
    crop: str | None = None
    box: tuple[float, ...] | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None
    score: float | None = None
    measures: Measures = field(default_factory=dict)
    group: str = ""
    turned: int = 0
    photo_px: tuple[int, int] | None = None
    overruled: str | None = None
    in_folder: bool | None = None

    @property
    def id(self) -> str:
        """The name of its crop, without folder and suffix; unique in its dataset."""
        return PurePosixPath(self.crop).stem if self.crop else ""

    @property
    def photo(self) -> tuple[str, str | None]:
        """What identifies its photo: source and SHA-256."""
        return self.source, self.source_sha256

    def to_json(self) -> str:
        """One line of the manifest, without the newline."""
        value = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        value["reasons"] = [dataclasses.asdict(reason) for reason in self.reasons]
        return files.json_text(value)

    @classmethod
    def from_json(cls, line: bytes | str) -> "Row":
        """Raises ValueError for a line that is damaged, or of a later version."""
        value = records.parse(line, Line)
        if unknown := sorted(value.keys() - Line.__annotations__.keys()):
            raise ValueError(f"'{unknown[0][:40]}' is not known")
        value["reasons"] = tuple(Reason(**reason) for reason in value["reasons"])
        value["measures"] = {sys.intern(name): it for name, it in value["measures"].items()}
        for name in ("box", "photo_px"):
            value[name] = tuple(value[name]) if value[name] is not None else None
        if value["landmarks"] is not None:
            value["landmarks"] = tuple((x, y) for x, y in value["landmarks"])
        if value.get("crop") is not None and not _is_inside(value["crop"]):
            raise ValueError("its crop is not a PNG inside the dataset")
        return cls(**value)


def _read_lines(file: BinaryIO) -> Iterator[Row | bytes]:
    is_start = True
    while line := file.readline(records.MAX_LINE_BYTES):
        is_whole, is_start = is_start and line.endswith(b"\n"), line.endswith(b"\n")
        if not is_start and len(line) < records.MAX_LINE_BYTES:
            return  # unfinished
        try:
            yield Row.from_json(line) if is_whole else line
        except ValueError:
            yield line


def _is_inside(crop: str) -> bool:
    parts = PurePosixPath(crop).parts
    is_inside = len(parts) == 3 and parts[0] in FOLDERS.values() and ".." not in parts
    return is_inside and crop.endswith(".png")


@dataclass(frozen=True)
class FaceSet:
    """A dataset folder of `crop`; it need not exist yet."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def faces(self) -> Path:
        return self.path / "faces"

    @property
    def rejected(self) -> Path:
        return self.path / "rejected"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.jsonl"

    @property
    def report(self) -> Path:
        return self.path / "report.json"

    @property
    def draft(self) -> Path:
        return self.path / "draft.json"

    @property
    def persons_file(self) -> Path:
        """The names of the groups that are persons, where they are known."""
        return self.path / persons.FILE

    @property
    def identities(self) -> Path:
        """A cache of the faces' embeddings."""
        return self.path / "identities.npz"

    @property
    def removed(self) -> Path:
        """The SHA-256 of photos whose faces were removed, which are not cropped again."""
        return self.path / "removed.json"

    @property
    def damaged_lines(self) -> Path:
        """Lines of the manifest that could not be read."""
        return self.path / "manifest.damaged.jsonl"

    @property
    def quarantine(self) -> Path:
        """Files that the manifest does not know, at their former paths."""
        return self.path / "quarantine"

    def exists(self) -> bool:
        return self.manifest.is_file()

    def rows(self) -> list[Row]:
        """The whole manifest, in its order."""
        return list(self.iter_rows())

    def iter_rows(self) -> Iterator[Row]:
        """The rows, read line by line; unfinished and damaged lines are skipped.

        Raises DamagedFileError where the whole manifest cannot be read.
        """
        return (row for row in self.iter_lines() if isinstance(row, Row))

    def iter_lines(self) -> Iterator[Row | bytes]:
        """The rows, and the bytes of damaged lines; an unfinished last line is skipped.

        A line of over `records.MAX_LINE_BYTES` is damaged, and comes in parts. Raises
        DamagedFileError where the whole manifest cannot be read.
        """
        try:
            with files.open_regular(self.manifest) as file:
                if os.fstat(file.fileno()).st_size > MAX_BYTES:
                    raise DamagedFileError(self.manifest, f"it is over {MAX_BYTES >> 20} MB")
                yield from _read_lines(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise DamagedFileError(self.manifest, error.strerror or str(error)) from error

    def crop_file(self, row: Row) -> Path:
        """The file of a row's crop; after an interrupted move it is in the other folder.

        Raises UserError for a row without a face.
        """
        if row.crop is None:
            raise UserError("{source} has no face: choose another.", source=row.source)
        path = self.path / row.crop
        return path if path.exists() else self._moved(path)

    def _moved(self, path: Path) -> Path:
        folder = self.rejected if path.is_relative_to(self.faces) else self.faces
        other = folder / path.parent.name / path.name
        return other if other.exists() else path

    def append(self, rows: Iterable[Row]) -> None:
        """Append rows, all or none; raises UserError where they cannot be written."""
        data = b"".join(map(_line, rows))
        try:
            with files.open_to_write(self.manifest, appends=True) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    files.write_whole(file, data)
                except OSError:
                    os.ftruncate(file.fileno(), size)
                    raise
        except OSError as error:
            raise files.not_written(self.manifest, error) from error

    def repair(self) -> None:
        """Remove the unfinished last line of a killed process, so that rows can be appended."""
        with suppress(FileNotFoundError), self.manifest.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - records.MAX_LINE_BYTES)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
                if newline >= 0:
                    file.truncate(start + newline + 1)
                    return
                end = start
            file.truncate(0)

    def rewrite(self, rows: Iterable[Row]) -> None:
        """Replace the manifest atomically; raises UserError."""
        with files.replacing(self.manifest) as temporary, temporary.open("xb") as file:
            for row in rows:
                file.write(_line(row))
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the dataset for this process; the folder is created where it is missing.

        Raises UserError where another process has the lock or the folder cannot be created.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            path = self.path / LOCK
            path.touch()
            descriptor = open_to_lock(path)
        except OSError as error:
            raise UserError(
                "{path} cannot be created ({reason}): use another name or --workspace.",
                path=self.path,
                reason=error.strerror,
            ) from error
        try:
            if not try_lock(descriptor, EXCLUSIVE, path):
                raise UserError(
                    "The dataset '{name}' is being changed by another process: wait for it.",
                    name=self.name,
                )
            yield
        finally:
            os.close(descriptor)


def _line(row: Row) -> bytes:
    return row.to_json().encode("utf-8", "backslashreplace") + b"\n"
