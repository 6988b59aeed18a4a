"""Judge rows that depend on other rows."""

import dataclasses

import pytest

from neuroceleb.data.faces import review
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules


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
