"""The faces of a dataset as they are reviewed: judged by its draft, in views and persons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from neuroceleb.data.faces import draft, persons, report, review
from neuroceleb.data.faces.draft import Draft
from neuroceleb.data.faces.manifest import NO_FACE, REJECTED, UNREADABLE, FaceSet, Row
from neuroceleb.data.faces.review import Counts
from neuroceleb.errors import UserError

ALL, CHANGED = "all", "changed"
LIKE = "like:"  # before the id of a face: all faces, those like it first


@dataclass(frozen=True)
class Review:
    """A dataset by the rules and choices of its draft.

    `is_saved`: the draft equals what is saved, and cropping was not interrupted.
    """

    face_set: FaceSet
    rows: tuple[Row, ...]
    counts: Counts
    draft: Draft
    is_saved: bool

    @property
    def changed(self) -> int:
        """The number of faces that a person chose."""
        return sum(row.overruled is not None for row in self.rows)


def read(face_set: FaceSet) -> Review:
    """The review of a dataset. Raises UserError where there is none."""
    if not face_set.exists():
        raise UserError(
            "There is no dataset '{name}' made of photos: choose another.", name=face_set.name
        )
    stamps = [_stamp(path) for path in (face_set.manifest, face_set.draft, face_set.report)]
    return _read(face_set, *stamps)


@lru_cache(maxsize=4)
def _read(face_set: FaceSet, manifest: tuple[int, int], *_: tuple[int, int]) -> Review:
    edited = draft.read(face_set)
    rows = _rows(face_set, manifest)
    judged = review.judge(review.apply_choices(rows, edited.choices), edited.rules)
    is_whole = int(report.readable(face_set).get("rows", -1)) >= len(rows)
    is_saved = is_whole and not draft.exists(face_set)
    return Review(face_set, tuple(judged), review.count(judged), edited, is_saved)


@lru_cache(maxsize=3)
def _rows(face_set: FaceSet, _: tuple[int, int]) -> tuple[Row, ...]:
    """The manifest in order of persons and photos."""
    return tuple(sorted(face_set.iter_rows(), key=lambda row: (row.group, row.source)))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def select(found: Review, view: str, person: str | None = None) -> list[Row]:
    """The rows of a view: ALL faces, CHANGED ones, LIKE one, of a verdict, or of a reason."""
    if view.startswith(LIKE):
        by_id = {row.id: row for row in found.rows if row.crop}
        order = distances(found.face_set, view.removeprefix(LIKE))
        rows: Iterable[Row] = (by_id[face_id] for face_id in order if face_id in by_id)
    else:
        rows = (row for row in found.rows if _matches(row, view))
    return [row for row in rows if not person or row.group == person]


def _matches(row: Row, view: str) -> bool:
    if view == ALL:
        return row.crop is not None
    if view == CHANGED:
        return row.overruled is not None
    if row.verdict == view:
        return True
    return row.verdict == REJECTED and any(reason.name == view for reason in row.reasons)


def distances(face_set: FaceSet, face_id: str) -> dict[str, float]:
    """The distance of every face to one of them, by id, the nearest first. Raises UserError."""
    return _distances(face_set, face_id, _stamp(face_set.manifest))


@lru_cache(maxsize=4)
def _distances(face_set: FaceSet, face_id: str, _: tuple[int, int]) -> dict[str, float]:
    return {one.face_id: one.distance for one in persons.find(face_set, face_id)}


def views(found: Review) -> list[tuple[str, int]]:
    """The views that have something in them, with the number of their rows."""
    counts = found.counts
    listed = [(ALL, counts.faces), ("kept", counts.kept), (REJECTED, counts.rejected)]
    listed += list(counts.by_reason.items())
    listed += [(NO_FACE, counts.no_face), (UNREADABLE, counts.unreadable), (CHANGED, found.changed)]
    return [(view, number) for view, number in listed if number or view in (ALL, "kept")]


def groups(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Every group (a person) with its number of faces, the largest first."""
    faces: dict[str, int] = {}
    for row in rows:
        faces[row.group] = faces.get(row.group, 0) + (row.crop is not None)
    return sorted(faces.items(), key=lambda one: (-one[1], one[0]))
