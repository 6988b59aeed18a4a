"""The persons of a dataset: sort faces by person, name, merge, split, find and thin them.

A person is a group of the manifest, so a folder in `faces/` and one in `rejected/`;
`persons.json` lists the groups that are persons. No photo is needed. Every function but those that
end in `_locked` locks the dataset.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuroceleb.data import persons
from neuroceleb.data.faces import clustering, crop, edit, identities, report, settle
from neuroceleb.data.faces.clustering import Thresholds
from neuroceleb.data.faces.identity import Progress
from neuroceleb.data.faces.manifest import FOLDERS, KEPT, FaceSet, Row
from neuroceleb.errors import UserError

UNNAMED = "person_{:03d}"
_UNNAMED = re.compile(r"person_(\d{3,7})")


@dataclass(frozen=True)
class Person:
    """A group of faces. `is_known` is False for a folder of photos that were never sorted."""

    name: str
    kept: int
    rejected: int
    is_known: bool

    @property
    def faces(self) -> int:
        return self.kept + self.rejected


@dataclass(frozen=True)
class Likeness:
    """A face, and its adjusted distance to another: below 0.6 most often the same person."""

    face_id: str
    person: str
    distance: float
    kept: bool


def list_persons(face_set: FaceSet) -> list[Person]:
    """The groups of a dataset, the one with the most kept faces first. Raises UserError."""
    _check_exists(face_set)
    known = set(persons.read(face_set.path) or ())
    counts: dict[str, list[int]] = {}
    for row in face_set.iter_rows():
        if row.crop:
            counts.setdefault(row.group, [0, 0])[row.verdict != KEPT] += 1
    found = [Person(name, kept, no, name in known) for name, (kept, no) in counts.items()]
    return sorted(found, key=lambda one: (-one.kept, -one.faces, one.name))


# Sorting -----------------------------------------------------------------------------------


def sort(
    face_set: FaceSet,
    thresholds: Thresholds | None = None,
    progress: Progress = lambda *_: None,
) -> list[Person]:
    """Sort the faces of a dataset by person; returns the persons. Raises UserError.

    Faces of photos in folders stay in these: the folders are persons, unless one folder holds all
    photos. The others join a person that is known already, or become new ones, `person_001` the
    largest. First those that are kept, then the rejected ones. `progress(done, total)` counts
    embeddings that are computed.
    """
    with face_set.lock():
        sort_locked(face_set, thresholds, progress)
    return list_persons(face_set)


def sort_locked(
    face_set: FaceSet,
    thresholds: Thresholds | None = None,
    progress: Progress = lambda *_: None,
) -> None:
    """`sort` for a caller that holds the dataset's lock. Raises UserError."""
    _check_exists(face_set)
    settle.settle_locked(face_set)
    rows = face_set.rows()
    indices = [index for index, row in enumerate(rows) if row.crop]
    faces = [rows[index] for index in indices]
    known = set(persons.read(face_set.path) or ()) | _folders(faces)
    found = identities.embeddings(face_set, faces, progress)
    names = sorted(known)
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers.get(row.group, -1) for row in faces], np.int64)
    is_kept = np.array([row.verdict == KEPT for row in faces], np.bool_)
    later = ~is_kept & (labels < 0)
    labels[~later] = clustering.extend(found[~later], labels[~later], thresholds)
    labels = clustering.extend(found, labels, thresholds)
    names += _new_names(known, int(labels.max(initial=-1)) + 1 - len(names))
    groups = {faces[i].id: names[label] for i, label in enumerate(labels.tolist())}
    _regroup_locked(face_set, rows, groups, names)


def _folders(faces: Sequence[Row]) -> set[str]:
    """The folders of photos that are persons: none where one folder holds all photos."""
    folders = {row.group for row in faces if _has_folder(row)}
    return folders if len(folders) > 1 or not all(map(_has_folder, faces)) else set()


def _has_folder(row: Row) -> bool:
    """Whether its photo was in a folder of the photos that were given."""
    return "/" in row.source.strip("/") if row.in_folder is None else row.in_folder


def _new_names(known: Collection[str], count: int) -> list[str]:
    matches = (_UNNAMED.fullmatch(name) for name in known)
    last = max((int(match[1]) for match in matches if match), default=0)
    return [UNNAMED.format(last + number) for number in range(1, count + 1)]


def _regroup_locked(
    face_set: FaceSet, rows: Sequence[Row], groups: Mapping[str, str], names: Iterable[str]
) -> None:
    """Give faces, by their id, other groups: the manifest first, then the files follow it."""
    report.read(face_set)  # raises where it is damaged, before anything is changed
    changed = [_moved(row, groups[row.id]) if row.id in groups else row for row in rows]
    used = {row.group for row in changed if row.crop}
    persons.write(face_set.path, used & set(names))
    face_set.rewrite(changed)
    settle.settle_locked(face_set)
    report.write_persons(face_set, changed)


def _moved(row: Row, group: str) -> Row:
    if row.group == group:
        return row
    path = f"{FOLDERS[row.verdict]}/{group}/{row.id}.png"
    return dataclasses.replace(row, group=group, crop=path)


# Changing persons --------------------------------------------------------------------------


def rename(face_set: FaceSet, person: str, name: str) -> None:
    """Give a person another name that is not in use. Raises UserError."""
    with face_set.lock():
        rows = _rows_of(face_set, person)
        wanted = _check_name(name)
        if wanted in {row.group for row in face_set.iter_rows()} - {person}:
            raise UserError(
                "There is already a person '{name}' in '{dataset}': merge them, or use another "
                "name.",
                name=wanted,
                dataset=face_set.name,
            )
        _assign_locked(face_set, rows, wanted, [person])


def merge(face_set: FaceSet, names: Sequence[str], into: str | None = None) -> str:
    """Make several persons one, by default under the first name; returns the name.

    Raises UserError.
    """
    with face_set.lock():
        wanted = _check_name(names[0] if into is None else into)
        rows = [row for name in dict.fromkeys(names) for row in _rows_of(face_set, name)]
        _assign_locked(face_set, rows, wanted, names)
    return wanted


def split(
    face_set: FaceSet, person: str, face_ids: Collection[str] = (), into: str | None = None
) -> str:
    """Make some of a person's faces another person; returns its name.

    Without `face_ids` the faces are divided in two by average linkage, and the smaller part is the
    other person. `into` may be a person that is there. Raises UserError.
    """
    with face_set.lock():
        rows = _rows_of(face_set, person)
        chosen = _chosen(rows, face_ids) if face_ids else _smaller_part(face_set, rows)
        if len(chosen) == len(rows):
            raise UserError(
                "These are all faces of '{person}': rename it, or choose fewer.", person=person
            )
        taken = {row.group for row in face_set.iter_rows()}
        wanted = _check_name(into) if into is not None else _new_names(taken, 1)[0]
        _assign_locked(face_set, chosen, wanted)
    return wanted


def _chosen(rows: Sequence[Row], face_ids: Collection[str]) -> list[Row]:
    strangers = set(face_ids) - {row.id for row in rows}
    if strangers:
        raise UserError(
            "The face '{face}' is not of '{person}': choose faces of one person.",
            face=min(strangers)[:80],
            person=rows[0].group,
        )
    return [row for row in rows if row.id in set(face_ids)]


def _smaller_part(face_set: FaceSet, rows: Sequence[Row]) -> list[Row]:
    if len(rows) < 2:
        raise UserError("'{person}' has one face only: it cannot be split.", person=rows[0].group)
    labels = clustering.in_two(identities.embeddings(face_set, rows))
    return [row for row, label in zip(rows, labels.tolist(), strict=True) if label == 1]


def _assign_locked(
    face_set: FaceSet, faces: Iterable[Row], name: str, whole: Collection[str] = ()
) -> None:
    """Give faces to a person; of `whole` groups the photos without a face, too."""
    settle.settle_locked(face_set)
    rows = [
        dataclasses.replace(row, group=name) if not row.crop and row.group in whole else row
        for row in face_set.iter_rows()
    ]
    names = {*(persons.read(face_set.path) or ()), name}
    _regroup_locked(face_set, rows, {row.id: name for row in faces}, names)


# Likeness ----------------------------------------------------------------------------------


def find(face_set: FaceSet, face_id: str, progress: Progress = lambda *_: None) -> list[Likeness]:
    """Every face of a dataset by its distance to one of them, which is the first.

    Raises UserError where there is no such face.
    """
    with face_set.lock():
        _check_exists(face_set)
        faces = [row for row in face_set.iter_rows() if row.crop]
        index = next((i for i, row in enumerate(faces) if row.id == face_id), None)
        if index is None:
            raise UserError(
                "There is no face '{face}' in '{dataset}': choose another.",
                face=face_id[:80],
                dataset=face_set.name,
            )
        found = identities.embeddings(face_set, faces, progress)
    away = clustering.adjusted_distances(found, found[index : index + 1])[:, 0]
    away[index] = 0.0
    order = np.argsort(away, kind="stable")
    return [
        Likeness(faces[i].id, faces[i].group, float(away[i]), faces[i].verdict == KEPT)
        for i in order.tolist()
    ]


def thin(face_set: FaceSet, person: str, count: int) -> int:
    """Reject the `surplus` of the kept faces of a person; returns how many. Raises UserError.

    It is the same as rejecting them by hand, so it can be undone face by face.
    """
    with face_set.lock():
        kept = [row for row in _rows_of(face_set, person) if row.verdict == KEPT]
        choices = {row.id: "reject" for row in surplus(face_set, kept, count)}
        if choices:
            edit.save_locked(face_set, edit.saved_rules(face_set), choices)
    return len(choices)


def surplus(face_set: FaceSet, rows: Sequence[Row], count: int) -> list[Row]:
    """All of a person's faces but the `count` most varied.

    Near-alikes are surplus first (`clustering.most_varied`, from the most typical face). Raises
    UserError.
    """
    if count < 1:
        raise UserError("--keep {count} is out of bounds: use 1 or more.", count=count)
    if len(rows) <= count:
        return []
    found = identities.embeddings(face_set, rows)
    chosen = set(clustering.most_varied(found, count, clustering.medoid(found)))
    return [row for index, row in enumerate(rows) if index not in chosen]


# Checks ------------------------------------------------------------------------------------


def _check_exists(face_set: FaceSet) -> None:
    if not face_set.exists():
        raise UserError(
            "There is no dataset '{dataset}' made of photos: crop photos first.",
            dataset=face_set.name,
        )


def _rows_of(face_set: FaceSet, person: str) -> list[Row]:
    """The faces of a person; raises UserError where there are none."""
    _check_exists(face_set)
    rows = [row for row in face_set.iter_rows() if row.crop and row.group == person]
    if not rows:
        raise UserError(
            "There is no person '{person}' in '{dataset}': use a name from the list of persons.",
            person=person[:80],
            dataset=face_set.name,
        )
    return rows


def _check_name(name: str) -> str:
    """The name, normalized (NFC); raises UserError where no folder can have it."""
    wanted = unicodedata.normalize("NFC", name)
    if not wanted or crop.clean_group(wanted) != wanted:
        raise UserError(
            "'{name}' cannot be the name of a folder: use letters and digits, at most "
            "{limit} bytes.",
            name=name[:80],
            limit=crop.MAX_GROUP_BYTES,
        )
    return wanted
