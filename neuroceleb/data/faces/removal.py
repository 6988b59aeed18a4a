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
from neuroceleb.data.faces import clustering, draft, edit, identities, identity, settle
from neuroceleb.data.faces.identity import Embeddings
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.records import DamagedFileError

MAX_REMOVED_BYTES = 128 * 2**20
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

    `photos` are the SHA-256 of the photos that showed the faces. `quarantined` files were deleted
    from `quarantine/`; `left_in_quarantine` are there still, since they show somebody else, or no
    face that can be compared.
    """

    faces: int
    photos: frozenset[str]
    quarantined: int
    left_in_quarantine: int


def remove(face_set: FaceSet, selection: Selection) -> Removed:
    """Remove faces from a dataset, and keep their photos from being cropped again.

    Crops are deleted before the manifest is written, so a killed removal can be repeated. Raises
    UserError where there are no such faces.
    """
    with face_set.lock():
        settle.settle_locked(face_set)
        rows = face_set.rows()
        gone = [row for row in rows if selection.has(row)]
        strangers = _in_quarantine(face_set, gone, selection)
        if not gone and not strangers:
            raise UserError(
                "There are no such faces in '{dataset}': choose others.", dataset=face_set.name
            )
        photos = frozenset(row.source_sha256 for row in gone if row.source_sha256)
        _remember(face_set, photos)
        for path in [*strangers, *(face_set.crop_file(row) for row in gone if row.crop)]:
            path.unlink(missing_ok=True)
        ids = {row.id for row in gone if row.crop}
        identities.forget(face_set, ids)
        _forget_lines(face_set, gone, selection)
        left = [row for row in rows if not selection.has(row)]
        face_set.rewrite(left)
        _forget_names(face_set, left)
        _judge_again(face_set, ids)
    return Removed(len(ids), photos, len(strangers), len(settle.quarantined_files(face_set)))


def _judge_again(face_set: FaceSet, gone: Collection[str]) -> None:
    """Make draft and report anew; without the rules, the report's image of faces is deleted."""
    try:
        draft.forget(face_set, gone)
        edit.save_locked(face_set, edit.saved_rules(face_set))
    except DamagedFileError:
        face_set.report.with_suffix(".jpg").unlink(missing_ok=True)
        face_set.draft.unlink(missing_ok=True)


def removed_photos(face_set: FaceSet) -> frozenset[str]:
    """The SHA-256 of the photos whose faces were removed. Raises DamagedFileError."""
    value = records.read(face_set.removed, Saved, MAX_REMOVED_BYTES)
    return frozenset() if value is None else frozenset(value["photos"])


def readmit(face_set: FaceSet, photos: Collection[str]) -> None:
    """Let these photos, by their SHA-256, be cropped again. Raises UserError."""
    _write_removed(face_set, removed_photos(face_set) - set(photos))


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


def _in_quarantine(face_set: FaceSet, gone: Sequence[Row], selection: Selection) -> list[Path]:
    """The files in quarantine that show the removed faces.

    By their names: the same crop, or another of the same photo where all of that was removed; of a
    person also those of its folder, and those that look like its faces.
    """
    ids = {row.id for row in gone if row.crop}
    whole = {str(row.source_sha256)[:16] for row in gone} if selection.face_id is None else set()
    found: list[Path] = []
    others: list[Path] = []
    for path in settle.quarantined_files(face_set):
        name = _CROP.match(path.stem)
        parts = path.relative_to(face_set.quarantine).parts
        is_named = name is not None and (name[0] in ids or name[1] in whole)
        in_folder = selection.person is not None and selection.person in parts[:-1]
        (found if is_named or in_folder else others).append(path)
    if selection.person is None or not others:
        return found
    faces = identities.embeddings(face_set, [row for row in gone if row.crop])
    return found + [path for path in others if _is_like(path, faces)]


def _is_like(path: Path, faces: Embeddings) -> bool:
    """Whether an image shows the person of these embeddings."""
    try:
        crop = images.load(path) if path.is_file() and not path.is_symlink() else None
    except UserError:
        return False
    if crop is None or crop.shape[0] != crop.shape[1] or not len(faces):
        return False
    away = clustering.adjusted_distances(identity.embed(crop[None]), faces)
    return bool(away.min() < clustering.COMPLETE or np.mean(away) < clustering.AVERAGE)
