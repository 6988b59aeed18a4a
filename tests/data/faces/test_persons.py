"""Persons of a dataset: sorted, named, merged, split, found, thinned."""

from pathlib import Path
from typing import Any

import pytest

from neuroceleb.data import persons as stored
from neuroceleb.data.faces import edit, identities, persons, report
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import assert_crops_match_manifest, painted_set, row_of

pytestmark = pytest.mark.usefixtures("painted_people")

PHOTOS = {
    **{f"a{number}.jpg": (1, number) for number in range(5)},
    **{f"b{number}.jpg": (2, number) for number in range(3)},
    "c-rejected.jpg": (1, 30),
    "d-rejected.jpg": (3, 0),
}


@pytest.fixture
def crowd(tmp_path: Path) -> FaceSet:
    return painted_set(tmp_path / "crowd", PHOTOS, "rejected")


def names(face_set: FaceSet) -> dict[str, str]:
    return {row.source: row.group for row in face_set.iter_rows()}


def test_faces_are_sorted_largest_first(crowd: FaceSet) -> None:
    done: list[tuple[int, int]] = []
    found = persons.sort(crowd, progress=lambda *figures: done.append(figures))
    assert [(one.name, one.kept, one.rejected, one.is_known) for one in found] == [
        ("person_001", 5, 1, True),
        ("person_002", 3, 0, True),
        ("person_003", 0, 1, True),
    ]
    assert done[-1] == (10, 10)
    assert_crops_match_manifest(crowd)
    assert len(list((crowd.faces / "person_001").iterdir())) == 5
    assert not (crowd.faces / "photos").exists()
    before = crowd.manifest.read_bytes()
    persons.sort(crowd)
    assert crowd.manifest.read_bytes() == before
    edit.save(crowd, Rules.off())
    assert crowd.manifest.read_bytes() == before


def test_folders_of_the_photos_win(tmp_path: Path) -> None:
    photos = {"ann/1.jpg": (1, 0), "ann/2.jpg": (2, 0), "bob/3.jpg": (2, 1), "4.jpg": (2, 2)}
    face_set = painted_set(tmp_path / "set", photos | {"5.jpg": (5, 0)})
    persons.sort(face_set)
    found = names(face_set)
    assert found["ann/1.jpg"] == found["ann/2.jpg"] == "ann"
    assert found["bob/3.jpg"] == found["4.jpg"] == "bob"
    assert found["5.jpg"] == "person_001"


def test_one_folder_that_holds_all_photos_is_no_person(tmp_path: Path) -> None:
    photos = {"trip/1.jpg": (1, 0), "trip/2.jpg": (1, 1), "trip/3.jpg": (2, 1)}
    face_set = painted_set(tmp_path / "set", photos)
    assert [one.name for one in persons.sort(face_set)] == ["person_001", "person_002"]


def test_new_photos_join_named_persons(crowd: FaceSet, tmp_path: Path) -> None:
    persons.sort(crowd)
    persons.rename(crowd, "person_002", "Bob")
    more = painted_set(tmp_path / "more", {"e.jpg": (2, 9), "f.jpg": (7, 0)})
    for row in more.iter_rows():
        target = crowd.path / str(row.crop)
        target.parent.mkdir(exist_ok=True)
        more.crop_file(row).rename(target)
    crowd.append(more.rows())
    persons.sort(crowd)
    assert names(crowd)["e.jpg"] == "Bob"
    assert names(crowd)["f.jpg"] == "person_004"
    assert_crops_match_manifest(crowd)


def test_renaming_moves_the_folder(crowd: FaceSet) -> None:
    persons.sort(crowd)
    persons.rename(crowd, "person_001", "박서준")
    assert {path.name for path in crowd.faces.iterdir()} == {"박서준", "person_002"}
    assert_crops_match_manifest(crowd)
    assert stored.read(crowd.path) == ("person_002", "person_003", "박서준")
    with pytest.raises(UserError, match="already a person 'person_002'"):
        persons.rename(crowd, "박서준", "person_002")
    with pytest.raises(UserError, match="no person 'person_001'"):
        persons.rename(crowd, "person_001", "Ann")


@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "a\\b", "x" * 121, "tab\t", "end."])
def test_names_that_no_folder_can_have_are_refused(crowd: FaceSet, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name"):
        persons.rename(crowd, "photos", name)


def test_merging_and_splitting(crowd: FaceSet) -> None:
    persons.sort(crowd)
    assert persons.merge(crowd, ["person_001", "person_002"], "Both") == "Both"
    assert [one.name for one in persons.list_persons(crowd)] == ["Both", "person_003"]
    assert persons.split(crowd, "Both") == "person_004"  # never a name that was in use
    assert {names(crowd)[f"b{number}.jpg"] for number in range(3)} == {"person_004"}
    chosen = [row_of(crowd, "a0.jpg").id, row_of(crowd, "c-rejected.jpg").id]
    assert persons.split(crowd, "Both", chosen, "person_004") == "person_004"
    assert_crops_match_manifest(crowd)
    assert names(crowd)["a0.jpg"] == names(crowd)["c-rejected.jpg"] == "person_004"
    with pytest.raises(UserError, match="is not of 'Both'"):
        persons.split(crowd, "Both", chosen)
    with pytest.raises(UserError, match="all faces of"):
        persons.split(crowd, "person_003", [row_of(crowd, "d-rejected.jpg").id])
    with pytest.raises(UserError, match="one face only"):
        persons.split(crowd, "person_003")


def test_a_person_is_found_by_likeness(crowd: FaceSet) -> None:
    found = persons.find(crowd, row_of(crowd, "a0.jpg").id)
    sources = {row.id: row.source for row in crowd.iter_rows()}
    assert [sources[one.face_id] for one in found[:3]] == ["a0.jpg", "a1.jpg", "a2.jpg"]
    assert [round(one.distance, 3) for one in found[:3]] == [0.0, 0.01, 0.02]
    assert [one.kept for one in found].count(False) == 2
    with pytest.raises(UserError, match="no face 'nobody'"):
        persons.find(crowd, "nobody")


def test_the_most_varied_are_kept(crowd: FaceSet) -> None:
    persons.sort(crowd)
    assert persons.thin(crowd, "person_001", 3) == 2
    kept = sorted(row.source for row in crowd.iter_rows() if row.verdict == "kept")
    assert kept == ["a0.jpg", "a2.jpg", "a4.jpg", "b0.jpg", "b1.jpg", "b2.jpg"]
    assert_crops_match_manifest(crowd)
    assert persons.thin(crowd, "person_001", 3) == 0
    edit.overrule(crowd, row_of(crowd, "a1.jpg").id, None)  # it can be undone
    assert row_of(crowd, "a1.jpg").verdict == "kept"
    with pytest.raises(UserError, match="out of bounds"):
        persons.thin(crowd, "person_001", 0)


def test_the_report_says_who_is_on_both_sides(crowd: FaceSet) -> None:
    assert report.read(crowd)["persons"] is None
    persons.sort(crowd)
    figures = report.read(crowd)["persons"]
    assert figures["count"] == 2
    assert figures["largest"] == 5
    assert figures["held_out"] == 3  # more than a tenth, for nobody has fewer
    assert figures["on_both_sides"] == 0.0


def test_a_killed_change_is_completed(crowd: FaceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is written first: the next change moves the files that are left behind."""
    persons.sort(crowd)

    returning, calls = persons.settle._return_crops, 0

    def killed(*arguments: Any) -> tuple[int, int]:
        nonlocal calls
        calls += 1
        if calls > 1:  # the first is before the change
            raise KeyboardInterrupt
        return returning(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(persons.settle, "_return_crops", killed)
        with pytest.raises(KeyboardInterrupt):
            persons.rename(crowd, "person_001", "Ann")
    assert "Ann" in {row.group for row in crowd.iter_rows()}
    assert not (crowd.faces / "Ann").exists()
    before = crowd.manifest.read_bytes()
    edit.save(crowd, Rules.off())
    assert_crops_match_manifest(crowd)
    assert crowd.manifest.read_bytes() == before
    assert (crowd.faces / "Ann").exists()
    assert not crowd.quarantine.exists()


# Cached embeddings -------------------------------------------------------------------------


def test_embeddings_are_computed_once(crowd: FaceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in crowd.iter_rows() if row.crop]
    first = identities.embeddings(crowd, rows)
    monkeypatch.setattr(identities.identity, "embed", None)
    assert (identities.embeddings(crowd, rows) == first).all()
    identities.keep_only(crowd, {rows[0].id})
    assert (identities.embeddings(crowd, rows[:1]) == first[:1]).all()
    identities.keep_only(crowd, ())
    assert not crowd.identities.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no numpy at all"])
def test_a_damaged_cache_is_computed_again(crowd: FaceSet, content: bytes) -> None:
    rows = [row for row in crowd.iter_rows() if row.crop]
    first = identities.embeddings(crowd, rows)
    crowd.identities.write_bytes(content)
    assert (identities.embeddings(crowd, rows) == first).all()


def test_a_missing_crop_is_like_nobody(crowd: FaceSet) -> None:
    for name in ("a0.jpg", "a1.jpg"):
        crowd.crop_file(row_of(crowd, name)).unlink()
    found = persons.sort(crowd)
    assert sorted((one.kept for one in found), reverse=True) == [3, 3, 1, 1, 0]
    assert names(crowd)["a0.jpg"] != names(crowd)["a1.jpg"]
