"""Make a dataset's files and its manifest agree.

A killed crop leaves crops that the manifest does not know, a damaged line loses its crop, and a
killed change leaves crops in other folders than the manifest says. Afterwards every file of the
dataset is known or in `quarantine/`, and every line of the manifest can be read.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neuroceleb import files
from neuroceleb.data.faces.manifest import FOLDERS, LOCK, FaceSet, Row


@dataclass(frozen=True)
class Settled:
    """What was found: paths moved to `quarantine/`, relative to the dataset, and numbers.

    `returned` crops were moved to where the manifest says they are, `missing` ones are nowhere,
    `damaged_lines` of the manifest were moved to a file beside it.
    """

    quarantined: tuple[str, ...] = ()
    returned: int = 0
    missing: int = 0
    damaged_lines: int = 0


def settle(face_set: FaceSet) -> Settled:
    """Make the files of a dataset and its manifest agree, see the module.

    Raises UserError where it is being changed or cannot be written.
    """
    with face_set.lock():
        return settle_locked(face_set)


def settle_locked(face_set: FaceSet) -> Settled:
    """`settle` for a caller that holds the dataset's lock. Raises UserError."""
    lines = list(face_set.iter_lines())
    rows = [line for line in lines if isinstance(line, Row)]
    damaged = [line for line in lines if isinstance(line, bytes)]
    if damaged:
        _set_aside(face_set, damaged)
        face_set.rewrite(rows)
    found = set(_files(face_set))
    strangers = found - _known(face_set, rows)
    returned, missing = _return_crops(face_set, rows, strangers)
    quarantined = sorted(path for path in strangers if not _is_leftover(path))
    for path in strangers:
        if _is_leftover(path):
            path.unlink(missing_ok=True)
    for path in quarantined:
        _quarantine(face_set, path)
    _remove_empty_folders(face_set)
    names = tuple(path.relative_to(face_set.path).as_posix() for path in quarantined)
    return Settled(names, returned, missing, len(damaged))


def quarantined_files(face_set: FaceSet) -> list[Path]:
    """The files in `quarantine/`, by name; links are not followed."""
    return sorted(_walk(face_set.quarantine))


def read_damaged_lines(face_set: FaceSet) -> list[bytes]:
    """The lines that were moved out of the manifest since they could not be read."""
    try:
        return face_set.damaged_lines.read_bytes().splitlines(keepends=True)
    except OSError:
        return []


def write_damaged_lines(face_set: FaceSet, lines: Sequence[bytes]) -> None:
    """Replace them; the file is deleted where there are none. Raises UserError."""
    if lines:
        files.write_bytes(face_set.damaged_lines, b"".join(lines))
    else:
        face_set.damaged_lines.unlink(missing_ok=True)


def _set_aside(face_set: FaceSet, damaged: Sequence[bytes]) -> None:
    before = read_damaged_lines(face_set)
    write_damaged_lines(face_set, [*before, *(line for line in damaged if line not in before)])


def _files(face_set: FaceSet) -> Iterator[Path]:
    """Every file of the dataset but those in `quarantine/`; a link is a file."""
    return (path for path in _walk(face_set.path) if not path.is_relative_to(face_set.quarantine))


def _walk(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        yield from (here / name for name in names)
        yield from (here / name for name in subfolders if (here / name).is_symlink())


def _known(face_set: FaceSet, rows: Iterable[Row]) -> set[Path]:
    """The files of the dataset itself, and the crop of every row."""
    own = {
        *(face_set.manifest, face_set.damaged_lines, face_set.report, face_set.draft),
        *(face_set.report.with_suffix(".jpg"), face_set.persons_file, face_set.identities),
        *(face_set.removed, face_set.path / LOCK),
    }
    own |= {path for path in face_set.path.glob("*.damaged") if path.is_file()}
    return own | {face_set.crop_file(row) for row in rows if row.crop}


def _is_leftover(path: Path) -> bool:
    """Whether it is the temporary file of a killed process (`files.replacing`)."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _return_crops(face_set: FaceSet, rows: Iterable[Row], strangers: set[Path]) -> tuple[int, int]:
    """Move crops that are in another folder to where the manifest says; (returned, missing)."""
    lost = [row for row in rows if row.crop and not face_set.crop_file(row).exists()]
    crops = {path.stem: path for path in strangers if _is_crop(face_set, path)}
    returned = 0
    for row in lost:
        path = crops.get(row.id)
        if path is None:
            continue
        target = face_set.path / str(row.crop)
        _move(path, target)
        strangers.discard(path)
        returned += 1
    return returned, len(lost) - returned


def _is_crop(face_set: FaceSet, path: Path) -> bool:
    parts = path.relative_to(face_set.path).parts
    return len(parts) == 3 and parts[0] in FOLDERS.values() and path.is_file()


def _quarantine(face_set: FaceSet, path: Path) -> None:
    """Move a file to its path under `quarantine/`, numbered where that is taken."""
    wanted = face_set.quarantine / path.relative_to(face_set.path)
    target, number = wanted, 1
    while os.path.lexists(target):
        number += 1
        target = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
    _move(path, target)


def _move(path: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    except OSError as error:
        raise files.not_written(target, error) from error


def _remove_empty_folders(face_set: FaceSet) -> None:
    """Remove empty groups, which `ImageFolder` rejects."""
    for top in (face_set.faces, face_set.rejected, face_set.quarantine):
        for folder, _, _ in os.walk(top, topdown=False):
            if Path(folder) not in {face_set.faces, face_set.rejected}:
                with suppress(OSError):
                    Path(folder).rmdir()
