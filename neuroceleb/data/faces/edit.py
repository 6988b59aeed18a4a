"""Change a dataset of faces: judge it again and save it, overrule, rename, remove.

No photo is needed. Every function locks the dataset.
"""

import dataclasses
import errno
from contextlib import suppress

from neuroceleb import files
from neuroceleb.data.faces import report, review
from neuroceleb.data.faces.manifest import FOLDERS, FaceSet, Row
from neuroceleb.data.faces.review import Choices, Counts
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.records import DamagedFileError


def save(face_set: FaceSet, rules: Rules, choices: Choices | None = None) -> Counts:
    """Judge by these rules and choices, move the crops, write manifest and report.

    Raises UserError.
    """
    with face_set.lock():
        return save_locked(face_set, rules, choices)


def save_locked(face_set: FaceSet, rules: Rules, choices: Choices | None = None) -> Counts:
    """`save` for a caller that holds the dataset's lock. Raises UserError."""
    rows = review.apply_choices(face_set.rows(), choices or {})
    rows = [_move_crop(face_set, row) for row in review.judge(rows, rules)]
    face_set.rewrite(rows)
    _clean_up(face_set)
    counts = review.count(rows)
    report.write(face_set, rows, dataclasses.asdict(counts), dataclasses.asdict(rules))
    return counts


def saved_rules(face_set: FaceSet) -> Rules:
    """The rules a dataset was last saved with; the defaults where it was not saved yet.

    Raises DamagedFileError.
    """
    rules = report.read(face_set).get("rules", {})
    try:
        return Rules.checked(**rules)
    except UserError as error:
        raise DamagedFileError(face_set.report, str(error)) from error


def overrule(face_set: FaceSet, face_id: str, choice: str | None) -> Row:
    """Keep or reject one face whatever the rules decide; None removes an earlier choice.

    The whole dataset is judged again, because its duplicates may change. Raises UserError.
    """
    review.check_choice(choice)
    with face_set.lock():
        if not any(row.id == face_id for row in face_set.iter_rows() if row.crop):
            raise UserError(
                "There is no face '{face_id}' in '{name}'.",
                face_id=face_id[:80],
                name=face_set.name,
            )
        save_locked(face_set, saved_rules(face_set), {face_id: choice})
        return next(row for row in face_set.iter_rows() if row.id == face_id)


def rename(face_set: FaceSet, name: str) -> FaceSet:
    """Give a dataset another name that is not in use. Raises UserError."""
    renamed = FaceSet(face_set.path.with_name(name))
    with face_set.lock():
        try:
            if renamed.path.exists():
                raise FileExistsError(errno.EEXIST, "the name is in use")
            face_set.path.rename(renamed.path)
        except OSError as error:
            raise UserError(
                "'{name}' could not be renamed to '{new}' ({reason}): use another name.",
                name=face_set.name,
                new=name,
                reason=error.strerror,
            ) from error
    return renamed


def remove(
    face_set: FaceSet,
    *,
    source: str | None = None,
    photo: tuple[str, str | None] | None = None,
    group: str | None = None,
    face_id: str | None = None,
) -> int:
    """Delete the crops and rows of a photo, a group (one person's folder) or one face.

    A photo is given by its `source`, or as `photo` by source and SHA-256. Returns the number of
    deleted faces. Crops are deleted first, so that no crop is left without a row.
    """

    def is_removed(row: Row) -> bool:
        pairs = (source, row.source), (photo, row.photo), (group, row.group), (face_id, row.id)
        return any(given is not None and given == value for given, value in pairs)

    with face_set.lock():
        rows = face_set.rows()
        removed = [row for row in rows if is_removed(row)]
        for row in removed:
            if row.crop:
                face_set.crop_file(row).unlink(missing_ok=True)
        face_set.rewrite(row for row in rows if not is_removed(row))
        with suppress(DamagedFileError):  # without the rules nothing is judged again
            save_locked(face_set, saved_rules(face_set))
    return sum(row.crop is not None for row in removed)


def _move_crop(face_set: FaceSet, row: Row) -> Row:
    """The row with its crop in the folder of its verdict."""
    if row.crop is None:
        return row
    current = face_set.crop_file(row)
    crop = f"{FOLDERS[row.verdict]}/{current.parent.name}/{current.name}"
    target = face_set.path / crop
    if current != target and current.exists():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            current.replace(target)
        except OSError as error:
            raise files.not_written(target, error) from error
    return dataclasses.replace(row, crop=crop)


def _clean_up(face_set: FaceSet) -> None:
    """Remove empty groups, which `ImageFolder` rejects, and files of a killed process."""
    for folder in (face_set.faces, face_set.rejected):
        folder.mkdir(exist_ok=True)
        for group in folder.iterdir():
            if group.is_dir():
                files.remove_leftovers(group)
                with suppress(OSError):
                    group.rmdir()
    files.remove_leftovers(face_set.path)
