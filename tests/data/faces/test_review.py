"""Judge rows that depend on other rows."""

import dataclasses

import pytest

from neuroceleb.data.faces import review
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.data.faces.rules import Rules
from tests.data.faces.faces_helpers import row_of


@pytest.mark.parametrize(("choice", "width"), [("largest", 300), ("central", 240)])
def test_one_of_several_faces(face_set: FaceSet, choice: str, width: int) -> None:
    rows = review.judge(face_set.rows(), dataclasses.replace(Rules(), faces=choice))
    two = [row for row in rows if row.source == "two.png"]
    left = [row for row in two if "not_chosen" not in {r.name for r in row.reasons}]
    assert len(left) == 1
    by_size = sorted(two, key=lambda row: row.measures["source_px"])
    if choice == "largest":
        assert left[0] is by_size[-1]
    else:
        assert abs(left[0].box[0] + left[0].box[2] / 2 - 450) <= min(
            abs(row.box[0] + row.box[2] / 2 - 450) for row in two
        )


def test_a_grey_face_among_coloured_ones(face_set: FaceSet) -> None:
    rows = face_set.rows()
    grey = dataclasses.replace(rows[0], measures=rows[0].measures | {"colour": 0.0})
    coloured = [
        dataclasses.replace(row, measures=row.measures | {"colour": 20.0}) for row in rows[1:]
    ]
    judged = review.judge([grey, *coloured], Rules())
    assert "grey" in {reason.name for reason in judged[0].reasons}
    alone = review.judge([grey], Rules())
    assert "grey" not in {reason.name for reason in alone[0].reasons}


def pitched(face_set: FaceSet, pitches: list[float]) -> list[Row]:
    """Faces that differ in their pitch only, and in their photos."""
    row = row_of(face_set, "ann/sharp.png")
    return [
        dataclasses.replace(
            row, source=str(n), source_sha256=str(n), measures=row.measures | {"mesh_pitch": pitch}
        )
        for n, pitch in enumerate(pitches)
    ]


def nodding(rows: list[Row]) -> list[bool]:
    rules = dataclasses.replace(Rules(), duplicate_bits=0)
    judged = review.judge(rows, rules)
    return ["nodding" in {reason.name for reason in row.reasons} for row in judged]


def test_nodding_is_relative_to_the_other_faces(face_set: FaceSet) -> None:
    raised = [10.0] * 28  # by a camera from below
    rows = pitched(face_set, [*raised, 30.0, -10.0, 26.0])
    assert nodding(rows) == [False] * 28 + [True, True, False]
    assert review.judge(rows, Rules())[28].measures["nod"] == pytest.approx(20)


def test_few_faces_are_compared_with_usual_portraits(face_set: FaceSet) -> None:
    assert nodding(pitched(face_set, [review.PORTRAIT_PITCH + 17, -30.0, 40.0])) == [
        *(False, True, True)
    ]


def test_older_and_google_s_angles_are_nods_themselves(face_set: FaceSet) -> None:
    (row,) = pitched(face_set, [50.0])
    google = row.measures | {"google_tilt": -25.0, "pitch": -25.0}
    old = {k: v for k, v in row.measures.items() if k != "mesh_pitch"} | {"pitch": 5.0}
    rows = [dataclasses.replace(row, measures=measures) for measures in (google, old)]
    assert nodding(rows) == [True, False]
    assert [it.measures["nod"] for it in review.judge(rows, Rules())] == [-25.0, 5.0]
