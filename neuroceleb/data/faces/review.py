"""Judge the rows of a manifest by rules and a person's choices. Nothing is read or written."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neuroceleb.data.faces.detector import distance_from_middle
from neuroceleb.data.faces.duplicates import find_duplicates, unpack
from neuroceleb.data.faces.manifest import KEPT, NO_FACE, REJECTED, UNREADABLE, Row
from neuroceleb.data.faces.rules import Reason, Rules, face_reasons, group_reason
from neuroceleb.errors import UserError, gettext_noop

COLOURED = 12.0  # median chroma above which a dataset is coloured
PORTRAIT_PITCH = -2.9  # degrees: the median `mesh_pitch` of 9,000 portraits
ENOUGH_FOR_MEDIAN = 20  # faces; of fewer PORTRAIT_PITCH takes the place of the median

Choices = Mapping[str, str | None]  # by the id of a face: keep, reject, or None (no choice)


@dataclass(frozen=True)
class Counts:
    """How many photos and faces there are of each kind; a face may have several reasons."""

    photos: int = 0
    faces: int = 0
    kept: int = 0
    rejected: int = 0
    no_face: int = 0
    unreadable: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)


def judge(rows: Sequence[Row], rules: Rules) -> list[Row]:
    """The same rows, each face with its verdict and reasons by these rules.

    First each face by its own measures; then one of several faces of a photo; then grey faces
    among coloured ones; then near-duplicates, of which the sharpest is kept. A person's choice
    overrules all of these. The measure `nod` is computed here, from all faces.
    """
    rows = _with_nod(rows)
    reasons = [face_reasons(row.measures, rules) if row.crop else [] for row in rows]
    _add_not_chosen(rows, rules, reasons)
    _add_grey(rows, rules, reasons)
    _add_near_duplicates(rows, rules, reasons)
    return [_judged(row, found) for row, found in zip(rows, reasons, strict=True)]


def apply_choices(rows: Sequence[Row], choices: Choices) -> list[Row]:
    """The same rows with a person's choices; faces that are not in `choices` keep theirs."""
    return [
        dataclasses.replace(row, overruled=choices[row.id]) if row.id in choices else row
        for row in rows
    ]


def check_choice(choice: object) -> None:
    """Raises UserError where it is neither keep, reject nor None."""
    if choice not in ("keep", "reject", None):
        raise UserError("'{choice!s:.40}' is no choice: use keep or reject.", choice=choice)


def count(rows: Iterable[Row]) -> Counts:
    """How many rows there are of each kind."""
    verdicts: Counter[str] = Counter()
    by_reason: Counter[str] = Counter()
    photos = set()
    for row in rows:
        photos.add(hash(row.photo))
        verdicts[row.verdict] += 1
        if row.verdict == REJECTED:
            by_reason.update({reason.name for reason in row.reasons})
    kept, rejected = verdicts[KEPT], verdicts[REJECTED]
    return Counts(
        len(photos),
        kept + rejected,
        kept,
        rejected,
        verdicts[NO_FACE],
        verdicts[UNREADABLE],
        dict(by_reason.most_common()),
    )


def _with_nod(rows: Sequence[Row]) -> list[Row]:
    """The rows with the measure `nod`: the pitch of the mesh less the median of all faces, degrees.

    A mesh's pitch depends on the camera and the heads, so only the difference tells. Where Google
    gave the angle, or an older version measured no mesh, `nod` is the pitch itself.
    """
    pitches = [row.measures["mesh_pitch"] for row in rows if "mesh_pitch" in row.measures]
    is_enough = len(pitches) >= ENOUGH_FOR_MEDIAN
    median = float(np.median(pitches)) if is_enough else PORTRAIT_PITCH
    return [
        dataclasses.replace(row, measures=row.measures | {"nod": _nod(row, median)})
        if row.crop
        else row
        for row in rows
    ]


def _nod(row: Row, median: float) -> float:
    measures = row.measures
    if "google_tilt" in measures or "mesh_pitch" not in measures:
        return float(measures.get("pitch", 0.0))
    return round(float(measures["mesh_pitch"]) - median, 4)


def _judged(row: Row, reasons: list[Reason]) -> Row:
    if row.crop is None:
        return row
    is_kept = row.overruled == "keep" or (row.overruled is None and not reasons)
    if row.overruled == "reject":
        reasons = [*reasons, Reason("overruled", 0.0, 0.0, gettext_noop("rejected by hand"))]
    return dataclasses.replace(row, verdict=KEPT if is_kept else REJECTED, reasons=tuple(reasons))


def _add_not_chosen(rows: Sequence[Row], rules: Rules, reasons: list[list[Reason]]) -> None:
    if rules.faces == "all":
        return
    sort_key = _negative_area if rules.faces == "largest" else _distance_from_centre
    by_photo: dict[tuple[str, str | None], list[int]] = {}
    for index, row in enumerate(rows):
        if row.crop:
            by_photo.setdefault(row.photo, []).append(index)
    for indices in by_photo.values():
        ordered = sorted(indices, key=lambda index: sort_key(rows[index]))
        for rank, index in enumerate(ordered[1:], 2):
            reasons[index].append(group_reason("not_chosen", rank, 1))


def _negative_area(row: Row) -> float:
    return -row.box[2] * row.box[3] if row.box else 0.0


def _distance_from_centre(row: Row) -> float:
    if row.box is None or row.photo_px is None:
        return 0.0
    return distance_from_middle(row.box, row.photo_px)


def _add_grey(rows: Sequence[Row], rules: Rules, reasons: list[list[Reason]]) -> None:
    colours = {i: float(row.measures.get("colour", 0.0)) for i, row in enumerate(rows) if row.crop}
    kept = [colour for index, colour in colours.items() if not reasons[index]]
    if not kept or float(np.median(kept)) < COLOURED:
        return
    for index, colour in colours.items():
        if colour < rules.min_colour:
            reasons[index].append(group_reason("grey", colour, rules.min_colour))


def _add_near_duplicates(rows: Sequence[Row], rules: Rules, reasons: list[list[Reason]]) -> None:
    """Among faces that are kept otherwise; one that was kept by hand comes before all others."""
    candidates = np.array(
        [_is_candidate(row, found) for row, found in zip(rows, reasons, strict=True)]
    )
    hashes = unpack([str(row.measures.get("hash", "")) for row in rows])
    sharpness = np.array([float(row.measures.get("sharpness", 0.0)) for row in rows])
    sharpness += [1e9 if row.overruled else 0.0 for row in rows]
    boxes = np.array([_relative_box(row) for row in rows]).reshape(-1, 4)
    found = find_duplicates(hashes, boxes, sharpness, round(rules.duplicate_bits), candidates)
    for index, (_, bits) in found.items():
        reasons[index].append(group_reason("near_duplicate", bits, rules.duplicate_bits))


def _is_candidate(row: Row, reasons: Sequence[Reason]) -> bool:
    return bool(row.crop and row.overruled != "reject" and (not reasons or row.overruled))


def _relative_box(row: Row) -> tuple[float, ...]:
    """(left, top, width, height) as shares of the photo's sides."""
    if row.box is None or row.photo_px is None:
        return 0.0, 0.0, 0.0, 0.0
    return tuple(value / row.photo_px[i % 2] for i, value in enumerate(row.box))
