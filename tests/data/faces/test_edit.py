"""Save with other rules and overrule faces, without photos."""

import dataclasses

import pytest

from neuroceleb import files
from neuroceleb.data.faces import edit, report
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.records import DamagedFileError
from tests.data.faces.faces_helpers import assert_crops_match_manifest, row_of


def test_saving_with_other_rules_moves_crops(face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    none = edit.save(face_set, dataclasses.replace(Rules(), min_source_px=4_000))
    assert none.kept == 0
    assert not list(face_set.faces.iterdir())  # ImageFolder takes no empty class
    assert_crops_match_manifest(face_set)
    edit.save(face_set, Rules())
    assert face_set.manifest.read_bytes() == before


def test_overruling_and_its_undo(face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    dark = row_of(face_set, "bob/dark.png")
    assert edit.overrule(face_set, dark.id, "keep").verdict == "kept"
    assert_crops_match_manifest(face_set)
    assert edit.overrule(face_set, dark.id, "reject").reasons[-1].name == "overruled"
    edit.overrule(face_set, dark.id, None)
    assert face_set.manifest.read_bytes() == before
    with pytest.raises(UserError):
        edit.overrule(face_set, "nobody", "keep")


def test_rules_of_an_older_version_are_left_out(face_set: FaceSet) -> None:
    saved = report.read(face_set)
    saved["rules"] |= {"max_eyes_closed": 1.0, "max_yaw": 31.0}
    files.write_json(face_set.report, saved)
    assert edit.saved_rules(face_set) == dataclasses.replace(Rules(), max_yaw=31.0)
    saved["rules"] |= {"max_yaw": 400}
    files.write_json(face_set.report, saved)
    with pytest.raises(DamagedFileError):
        edit.saved_rules(face_set)
