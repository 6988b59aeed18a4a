"""Damaged files of a dataset: nothing is decided by defaults, and nothing is overwritten."""

import pytest

from neuroceleb.data.faces import draft, edit, removal
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import assert_crops_match_manifest

BAD = ["", '{"rules": {"min_sharpness": 4', '{"rules": [1]}', '{"rules": {"min_sharpness": -5}}']


@pytest.mark.parametrize("text", BAD)
def test_a_damaged_report_never_resets_the_rules(face_set: FaceSet, text: str) -> None:
    before = [row.verdict for row in face_set.iter_rows()]
    face_set.report.write_text(text)
    face = next(row.id for row in face_set.iter_rows() if row.crop)
    for attempt in (
        lambda: edit.saved_rules(face_set),
        lambda: draft.read(face_set),
        lambda: edit.overrule(face_set, face, "keep"),
    ):
        with pytest.raises(UserError, match=r"report\.json is damaged"):
            attempt()
    assert [row.verdict for row in face_set.iter_rows()] == before
    assert face_set.report.read_text() == text


def test_saving_with_stated_rules_sets_a_damaged_report_aside(face_set: FaceSet) -> None:
    face_set.report.write_text("{")
    edit.save(face_set, Rules.checked(min_sharpness=123))
    assert edit.saved_rules(face_set).min_sharpness == 123
    assert face_set.path.joinpath("report.json.damaged").read_text() == "{"


def test_a_person_is_removed_even_so(face_set: FaceSet) -> None:
    face_set.report.write_text("{")
    removal.remove(face_set, removal.Selection(person="ann"))
    assert not any(row.group == "ann" for row in face_set.iter_rows())
    assert_crops_match_manifest(face_set)


def test_a_damaged_draft_is_set_aside(face_set: FaceSet) -> None:
    face_set.draft.write_text('{"rules": {}, "choices": {"x": 3}}')
    assert draft.read(face_set).choices == {}
    assert face_set.path.joinpath("draft.json.damaged").exists()
    assert not draft.exists(face_set)
