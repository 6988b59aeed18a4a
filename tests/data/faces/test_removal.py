"""Removing faces from a dataset for good."""

from pathlib import Path

import pytest

from neuroceleb.data import persons as stored
from neuroceleb.data.faces import draft, persons, removal
from neuroceleb.data.faces.crop_photos import Options, crop_photos
from neuroceleb.data.faces.draft import Draft
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.removal import Selection
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import assert_crops_match_manifest, painted_set, row_of


def test_removing_deletes_crops_and_rows(face_set: FaceSet) -> None:
    done = removal.remove(face_set, Selection(person="bob"))
    assert (done.faces, len(done.photos)) == (2, 2)
    assert "bob" not in {row.group for row in face_set.iter_rows()}
    assert not list(face_set.path.glob("*/bob/*"))
    two = row_of(face_set, "two.png")
    assert removal.remove(face_set, Selection(face_id=two.id)).faces == 1
    assert removal.remove(face_set, Selection(photo=two.photo)).faces == 1
    assert_crops_match_manifest(face_set)
    with pytest.raises(UserError, match="no such faces"):
        removal.remove(face_set, Selection(photo=two.photo))


def test_removed_photos_are_not_cropped_again(
    face_set: FaceSet, cropped: tuple[Path, Path]
) -> None:
    removal.remove(face_set, Selection(person="bob"))
    result = crop_photos([cropped[0]], face_set, Options(), workers=1)
    assert (result.new_faces, result.removed) == (0, 2)
    assert "bob" not in {row.group for row in face_set.iter_rows()}
    again = crop_photos([cropped[0]], face_set, Options(include_removed=True), workers=1)
    assert (again.new_faces, again.removed) == (2, 0)
    assert not face_set.removed.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"photos": 3}'])
def test_a_damaged_list_of_removed_photos_is_named(face_set: FaceSet, text: str) -> None:
    face_set.removed.write_text(text)
    with pytest.raises(UserError, match="is damaged"):
        removal.removed_photos(face_set)


@pytest.mark.usefixtures("painted_people")
def test_nothing_of_a_person_is_left_in_the_dataset(tmp_path: Path) -> None:
    photos = {f"{n}.jpg": (1, n) for n in range(4)} | {f"{n}-other.jpg": (2, n) for n in range(3)}
    face_set = painted_set(tmp_path / "set", photos)
    persons.sort(face_set)
    gone = [row.id for row in face_set.iter_rows() if row.group == "person_001"]
    draft.write(face_set, Draft(Rules.off(), {gone[0]: "reject"}))
    assert removal.remove(face_set, Selection(person="person_001")).faces == 4
    left = b"".join(
        path.read_bytes()
        for path in face_set.path.rglob("*")
        if path.is_file() and path != face_set.removed
    )
    assert not any(face_id.encode() in left for face_id in gone)
    assert not draft.exists(face_set)
    assert stored.read(face_set.path) == ("person_002",)
    assert len(removal.removed_photos(face_set)) == 4
