"""Files and manifest of a dataset that disagree."""

import shutil
from pathlib import Path

import pytest

from neuroceleb.data.faces import edit, report, settle
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import assert_crops_match_manifest, painted_set, row_of


@pytest.fixture
def three(tmp_path: Path) -> FaceSet:
    return painted_set(tmp_path / "three", {f"ann/{n}.jpg": (1, n) for n in range(3)})


def damage_line(face_set: FaceSet, source: str) -> bytes:
    """Cut the line of a photo in the middle of the manifest; returns it."""
    lines = face_set.manifest.read_bytes().splitlines(keepends=True)
    index = next(i for i, line in enumerate(lines) if source.encode() in line)
    lines[index] = lines[index][:-40] + b"\n"
    face_set.manifest.write_bytes(b"".join(lines))
    return lines[index]


def test_a_whole_dataset_stays_as_it_is(three: FaceSet) -> None:
    before = {path: path.read_bytes() for path in three.path.rglob("*") if path.is_file()}
    assert settle.settle(three) == settle.Settled()
    assert {path: path.read_bytes() for path in three.path.rglob("*") if path.is_file()} == before


def test_unknown_files_are_quarantined(three: FaceSet, tmp_path: Path) -> None:
    known = three.crop_file(row_of(three, "ann/0.jpg"))
    stranger = known.with_name("0123456789abcdef-000000-0.png")
    shutil.copy(known, stranger)
    (three.path / "notes.txt").write_text("mine")
    deep = three.path / "faces" / "ann" / "deeper" / "x.png"
    deep.parent.mkdir()
    shutil.copy(known, deep)
    secret = tmp_path / "secret.txt"
    secret.write_text("not of the dataset")
    (three.faces / "ann" / "link.png").symlink_to(secret)
    (three.path / "report.json.damaged").write_text("{")
    (three.path / ".report.json.1-aa.tmp").write_text("half")
    found = settle.settle(three)
    assert found.quarantined == (
        "faces/ann/0123456789abcdef-000000-0.png",
        "faces/ann/deeper/x.png",
        "faces/ann/link.png",
        "notes.txt",
    )
    assert (three.quarantine / "notes.txt").read_text() == "mine"
    assert (three.quarantine / "faces/ann/link.png").is_symlink()
    assert secret.read_text() == "not of the dataset"
    assert (three.path / "report.json.damaged").exists()
    assert not (three.path / ".report.json.1-aa.tmp").exists()
    assert not deep.parent.exists()
    assert_crops_match_manifest(three)
    (three.path / "notes.txt").write_text("more")
    settle.settle(three)
    assert (three.quarantine / "notes (2).txt").read_text() == "more"


def test_a_damaged_line_is_kept_aside_with_its_crop(three: FaceSet) -> None:
    crop = row_of(three, "ann/1.jpg").crop
    line = damage_line(three, "ann/1.jpg")
    edit.save(three, Rules.off())
    assert three.damaged_lines.read_bytes() == line
    assert [row.source for row in three.iter_rows()] == ["ann/0.jpg", "ann/2.jpg"]
    assert (three.quarantine / str(crop)).exists()
    assert_crops_match_manifest(three)
    assert report.read(three)["damaged_lines"] == report.read(three)["quarantined"] == 1
    assert settle.settle(three) == settle.Settled()


def test_a_crop_in_another_folder_is_returned(three: FaceSet) -> None:
    row = row_of(three, "ann/1.jpg")
    (three.faces / "bob").mkdir()
    three.crop_file(row).rename(three.faces / "bob" / f"{row.id}.png")
    assert settle.settle(three) == settle.Settled(returned=1)
    assert three.crop_file(row).exists()
    assert not (three.faces / "bob").exists()
    three.crop_file(row).unlink()
    assert settle.settle(three) == settle.Settled(missing=1)


def test_a_dataset_in_use_is_refused(three: FaceSet) -> None:
    with three.lock(), pytest.raises(UserError, match="another process"):
        settle.settle(three)
