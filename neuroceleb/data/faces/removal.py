"""Remove faces from a dataset for good: crops, manifest, cached embeddings, what is set aside.

`runs.removal` does this, and reaches what was made of a dataset elsewhere.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from neuroceleb import files, images, records
from neuroceleb.data import persons
from neuroceleb.data.faces import draft, edit, identities, identity, likeness, settle
from neuroceleb.data.faces.crop import NAME_DIGITS
from neuroceleb.data.faces.identity import Embeddings
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.records import DamagedFileError

MAX_REMOVED_BYTES = 128 * 2**20
MAX_EXAMPLES = 64  # faces of a person by which others are recognized
_CROP = re.compile(r"([0-9a-f]{16}|None)-[0-9a-f]{6}-\d+")


class Saved(TypedDict):
    """removed.json; see `records`."""

    photos: list[str]


@dataclass(frozen=True)
class Selection:
    """Which faces: of a person, of one photo (its source and SHA-256) or one face by its id."""

    person: str | None = None
    photo: tuple[str, str | None] | None = None
    face_id: str | None = None

    def has(self, row: Row) -> bool:
        """Whether a row of the manifest is one of them."""
        if self.person is not None:
            return row.group == self.person
        if self.photo is not None:
            return row.photo == self.photo
        return bool(row.crop) and row.id == self.face_id


@dataclass(frozen=True)
class Removed:
    """What was removed from a dataset.

    `photos` are the SHA-256 of the photos that showed the faces, of those without a line only the
    part in the names of their crops (`crop.is_among`). `quarantined` files were deleted from
    `quarantine/`; `left_in_quarantine` are there still, since they show somebody else, or no face
    that can be compared. `examples` are embeddings of the person, (N, 128), N at most MAX_EXAMPLES;
    None where no person was removed.
    """

    faces: int
    photos: frozenset[str]
    quarantined: int
    left_in_quarantine: int
    examples: Embeddings | None = None


def remove(face_set: FaceSet, selection: Selection) -> Removed:
    """Remove faces from a dataset, and keep their photos from being cropped again.

    Crops are deleted before the manifest is written, so a killed removal can be repeated. Raises
    UserError where there are no such faces.
    """
    with face_set.lock():
        settle.settle_locked(face_set)
        rows = face_set.rows()
        gone = [row for row in rows if selection.has(row)]
        strangers, examples = _in_quarantine(face_set, gone, selection)
        if not gone and not strangers:
            raise UserError(
                "There are no such faces in '{dataset}': choose others.", dataset=face_set.name
            )
        photos = frozenset(row.source_sha256 for row in gone if row.source_sha256)
        photos |= {path.stem[:NAME_DIGITS] for path in strangers if _has_digest(path)} - {
            digest[:NAME_DIGITS] for digest in photos
        }
        _remember(face_set, photos)
        for path in [*strangers, *(face_set.crop_file(row) for row in gone if row.crop)]:
            path.unlink(missing_ok=True)
        ids = {row.id for row in gone if row.crop}
        _forget_lines(face_set, gone, selection)
        left = [row for row in rows if not selection.has(row)]
        identities.keep_only(face_set, {row.id for row in left})
        face_set.rewrite(left)
        _forget_names(face_set, left)
        _judge_again(face_set, ids)
    remaining = len(settle.quarantined_files(face_set))
    return Removed(len(ids), photos, len(strangers), remaining, examples)


def _judge_again(face_set: FaceSet, gone: Collection[str]) -> None:
    """Make draft and report anew; without the rules, the report's image of faces is deleted."""
    try:
        draft.forget(face_set, gone)
        edit.save_locked(face_set, edit.saved_rules(face_set))
    except DamagedFileError:
        face_set.report.with_suffix(".jpg").unlink(missing_ok=True)
        face_set.draft.unlink(missing_ok=True)


def removed_photos(face_set: FaceSet) -> frozenset[str]:
    """The photos whose faces were removed, for `crop.is_among`. Raises DamagedFileError."""
    value = records.read(face_set.removed, Saved, MAX_REMOVED_BYTES)
    return frozenset() if value is None else frozenset(value["photos"])


def readmit(face_set: FaceSet, photos: Collection[str]) -> None:
    """Let these photos, by their SHA-256, be cropped again. Raises UserError."""
    parts = {photo[:NAME_DIGITS] for photo in photos}
    _write_removed(face_set, removed_photos(face_set) - set(photos) - parts)


def _remember(face_set: FaceSet, photos: frozenset[str]) -> None:
    _write_removed(face_set, removed_photos(face_set) | photos)


def _write_removed(face_set: FaceSet, photos: Collection[str]) -> None:
    if photos:
        files.write_json(face_set.removed, {"photos": sorted(photos)})
    else:
        face_set.removed.unlink(missing_ok=True)


def _forget_names(face_set: FaceSet, left: Sequence[Row]) -> None:
    known = persons.read(face_set.path)
    if known is not None:
        persons.write(face_set.path, {row.group for row in left if row.crop} & set(known))


def _forget_lines(face_set: FaceSet, gone: Sequence[Row], selection: Selection) -> None:
    """Delete the damaged lines that name a removed face, its photo or its person."""
    names = {row.id for row in gone if row.crop} | {row.source_sha256 for row in gone}
    names |= {row.source for row in gone} | {selection.person}
    texts = [json.dumps(name, ensure_ascii=False)[1:-1].encode() for name in names if name]
    lines = settle.read_damaged_lines(face_set)
    left = [line for line in lines if not any(text in line for text in texts)]
    if len(left) < len(lines):
        settle.write_damaged_lines(face_set, left)


# In quarantine -----------------------------------------------------------------------------


def _in_quarantine(
    face_set: FaceSet, gone: Sequence[Row], selection: Selection
) -> tuple[list[Path], Embeddings | None]:
    """The files in quarantine that show the removed faces, and embeddings of the person.

    By their names: the same crop, or another of the same photo where all of that was removed; of a
    person also those of its folder, and those that look like its faces.
    """
    ids = {row.id for row in gone if row.crop}
    is_whole = selection.face_id is None
    whole = {str(row.source_sha256)[:NAME_DIGITS] for row in gone} if is_whole else set()
    found: list[Path] = []
    others: list[Path] = []
    for path in settle.quarantined_files(face_set):
        name = _CROP.match(path.stem)
        parts = path.relative_to(face_set.quarantine).parts
        is_named = name is not None and (name[0] in ids or name[1] in whole)
        in_folder = selection.person is not None and selection.person in parts[:-1]
        (found if is_named or in_folder else others).append(path)
    if selection.person is None:
        return found, None
    examples = _examples(face_set, gone, found)
    alike = [path for path in others if likeness.is_like(_crops([path]), examples)]
    return found + alike, examples


def _has_digest(path: Path) -> bool:
    match = _CROP.match(path.stem)
    return match is not None and match[1] != "None"


def _examples(face_set: FaceSet, gone: Sequence[Row], quarantined: Sequence[Path]) -> Embeddings:
    """Embeddings of a person, by crops of the manifest and in quarantine, evenly chosen."""
    rows = [row for row in gone if row.crop]
    known = identities.embeddings(face_set, rows[:: len(rows) // MAX_EXAMPLES + 1])
    more = _crops(quarantined[:MAX_EXAMPLES])
    return np.concatenate([known, more])[:MAX_EXAMPLES] if len(more) else known


def _crops(paths: Sequence[Path]) -> Embeddings:
    """The embeddings of the files that are crops, (N, 128)."""
    found = []
    for path in paths:
        try:
            crop = images.load(path) if path.is_file() and not path.is_symlink() else None
        except UserError:
            continue
        if crop is not None and crop.shape[0] == crop.shape[1]:
            found.append(identity.embed(crop[None])[0])
    return np.array(found, np.float32).reshape(-1, identity.LENGTH)
