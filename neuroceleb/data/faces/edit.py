"""Change a dataset of faces: judge it again and save it, overrule, rename.

No photo is needed. Every function locks the dataset.
"""

import dataclasses
import errno
from contextlib import suppress

from neuroceleb import files
from neuroceleb.data import dataset
from neuroceleb.data.faces import report, review, settle
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
    settle.settle_locked(face_set)
    rows = review.apply_choices(face_set.rows(), choices or {})
    rows = [_move_crop(face_set, row) for row in review.judge(rows, rules)]
    face_set.rewrite(rows)
    _clean_up(face_set)
    counts = review.count(rows)
    report.write(face_set, rows, dataclasses.asdict(counts), dataclasses.asdict(rules))
    return counts


def saved_rules(face_set: FaceSet) -> Rules:
    """The rules a dataset was last saved with; the defaults where it was not saved yet.

    Rules of an older version that are no more are left out. Raises DamagedFileError.
    """
    known = {spec.name for spec in dataclasses.fields(Rules)}
    saved = report.read(face_set).get("rules", {})
    try:
        return Rules.checked(**{name: value for name, value in saved.items() if name in known})
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
    """Give a dataset another name that is not in use. Raises UserError.

    What was decoded under the old name is deleted.
    """
    renamed = FaceSet(face_set.path.with_name(name))
    with face_set.lock():
        try:
            if renamed.path.exists():
                raise FileExistsError(errno.EEXIST, "the name is in use")
            report.add_former_name(face_set, face_set.name)
            face_set.path.rename(renamed.path)
        except OSError as error:
            raise UserError(
                "'{name}' could not be renamed to '{new}' ({reason}): use another name.",
                name=face_set.name,
                new=name,
                reason=error.strerror,
            ) from error
    dataset.sweep_cache(face_set.path.parent)
    return renamed


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
