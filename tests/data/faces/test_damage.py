"""Damaged files of a dataset: nothing is decided by defaults, and nothing is overwritten."""

import json

import pytest

from neuroceleb import records
from neuroceleb.data.faces import draft, edit, manifest, removal, settle
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


# The manifest ------------------------------------------------------------------------------


def damaged_line(line: bytes, name: str) -> bytes:
    value = json.loads(line)
    changes: dict[str, dict[str, object]] = {
        "type of a group": {"group": 7},
        "type of a measure": {"measures": {"hash": ["00"]}},
        "verdict": {"verdict": "removed"},
        "number of a box": {"box": [1, 2, 3]},
        "no reason": {"reasons": [{"name": "blurred"}]},
        "path": {"crop": "faces/../../etc/passwd.png"},
        "a key of a later version": {"faces": 3},
        "huge number": {"turned": 10**30},
        "not finite": {"score": float("nan")},
    }
    if name == "depth":
        return line.replace(b'"turned": 0', b'"turned": ' + b"[" * 2_000 + b"]" * 2_000)
    if name == "length":
        return line.replace(b'"group": "', b'"group": "' + b"x" * records.MAX_LINE_BYTES)
    return json.dumps(value | changes[name]).encode() + b"\n"


@pytest.mark.parametrize(
    "name",
    [
        *("type of a group", "type of a measure", "verdict", "number of a box", "no reason"),
        *("path", "a key of a later version", "huge number", "not finite", "depth", "length"),
    ],
)
def test_a_damaged_line_is_kept_aside_whole(face_set: FaceSet, name: str) -> None:
    first, *others = face_set.manifest.read_bytes().splitlines(keepends=True)
    bad = damaged_line(first, name)
    face_set.manifest.write_bytes(bad + b"".join(others))
    assert len(face_set.rows()) == len(others)
    edit.save(face_set, Rules.off())
    assert face_set.damaged_lines.read_bytes() == bad
    assert len(face_set.rows()) == len(others)
    assert_crops_match_manifest(face_set)


@pytest.mark.parametrize("damage", ["link", "folder", "size"])
def test_a_manifest_that_cannot_be_read_is_not_an_empty_one(
    face_set: FaceSet, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = sorted(face_set.path.glob("*/*/*.png"))
    if damage == "size":
        monkeypatch.setattr(manifest, "MAX_BYTES", 100)
    else:
        kept = face_set.manifest.rename(face_set.path.parent / "kept.jsonl")
        face_set.manifest.symlink_to(kept) if damage == "link" else face_set.manifest.mkdir()
    for attempt in (face_set.rows, lambda: settle.settle(face_set)):
        with pytest.raises(UserError, match=r"manifest\.jsonl is damaged"):
            attempt()
    assert sorted(face_set.path.glob("*/*/*.png")) == crops


def test_an_unfinished_line_is_cut_off_however_long_it_is(face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    for rest in (b'{"source": ', b"x" * (3 * records.MAX_LINE_BYTES)):
        face_set.manifest.write_bytes(before + rest)
        face_set.repair()
        assert face_set.manifest.read_bytes() == before
    face_set.manifest.write_bytes(b"no newline")
    face_set.repair()
    assert face_set.manifest.read_bytes() == b""
