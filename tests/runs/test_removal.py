"""What is left of a removed person: nothing, in each of the ways in which faces were left."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.data import dataset
from neuroceleb.data.faces import edit, identity, persons
from neuroceleb.data.faces.crop_photos import Options, crop_photos
from neuroceleb.data.faces.likeness import PersonFinder
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.removal import Selection
from neuroceleb.data.faces.rules import Rules
from neuroceleb.runs import removal, trash
from neuroceleb.runs.workspace import Workspace, create_run
from tests.data.faces.faces_helpers import (
    assert_crops_match_manifest,
    painted,
    painted_crowding,
    painted_embeddings,
    painted_set,
    portrait,
    row_of,
    save,
)

ANN, BOB = 1, 2


@pytest.fixture(autouse=True)
def painted_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "embed", painted_embeddings)
    monkeypatch.setattr(identity, "crowding_weights", painted_crowding)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "datasets").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def face_set(workspace: Workspace) -> FaceSet:
    """Four faces of Ann and three of Bob, sorted and named."""
    photos = {f"a{n}.jpg": (ANN, n) for n in range(4)} | {f"b{n}.jpg": (BOB, n) for n in range(3)}
    found = painted_set(workspace.datasets / "mine", photos)
    persons.sort(found)
    persons.rename(found, "person_001", "Ann")
    persons.rename(found, "person_002", "Bob")
    return found


def remove_ann(workspace: Workspace, face_set: FaceSet) -> removal.Removal:
    return removal.remove(workspace, face_set, Selection(person="Ann"))


def images_of(root: Path, person: int) -> list[Path]:
    """Every image below a folder that shows the person."""
    return [
        path
        for path in sorted(root.rglob("*.png"))
        if painted_embeddings(images.load(path)[None, :64, :64])[0, person] > 0
    ]


def test_crops_that_the_manifest_does_not_know(workspace: Workspace, face_set: FaceSet) -> None:
    """(a) A killed crop leaves crops without lines."""
    crop = face_set.crop_file(row_of(face_set, "a0.jpg"))
    for target in ("faces/Ann/0123456789abcdef-000000-0.png", "faces/photos/lost.png"):
        (face_set.path / target).parent.mkdir(exist_ok=True)
        shutil.copy(crop, face_set.path / target)
    bob = face_set.path / "faces" / "photos" / "b.png"
    shutil.copy(face_set.crop_file(row_of(face_set, "b0.jpg")), bob)
    edit.save(face_set, Rules.off())
    assert_crops_match_manifest(face_set)  # nothing that is unknown is trained on
    assert len(images_of(face_set.quarantine, ANN)) == 2
    done = remove_ann(workspace, face_set)
    assert (done.faces, done.quarantined, done.left_in_quarantine) == (4, 2, 1)
    assert images_of(workspace.root, ANN) == []
    assert len(images_of(workspace.root, BOB)) == 4


def test_crops_of_damaged_lines(workspace: Workspace, face_set: FaceSet) -> None:
    """(b) A damaged line loses its crop."""
    lines = face_set.manifest.read_bytes().splitlines(keepends=True)
    cut = [line[:-30] + b"\n" if b'"a' in line else line for line in lines]
    face_set.manifest.write_bytes(b"".join(cut))
    edit.save(face_set, Rules.off())
    assert {row.group for row in face_set.iter_rows()} == {"Bob"}
    assert images_of(face_set.faces, ANN) == []
    assert len(images_of(face_set.quarantine, ANN)) == 4
    assert face_set.damaged_lines.read_bytes().count(b"\n") == 4
    done = remove_ann(workspace, face_set)
    assert (done.faces, done.quarantined) == (0, 4)
    assert images_of(workspace.root, ANN) == []
    assert not face_set.damaged_lines.exists()


def test_what_was_decoded_under_an_old_name(workspace: Workspace, face_set: FaceSet) -> None:
    """(c) The decoded cache has every face."""
    cache = workspace.datasets / ".cache"
    dataset.load(face_set.faces, workspace.datasets)
    assert list(cache.glob("*.npy"))
    renamed = edit.rename(face_set, "other")
    assert not list(cache.iterdir())
    dataset.load(renamed.faces, workspace.datasets)
    renamed.path.rename(workspace.datasets / "by hand")
    by_hand = FaceSet(workspace.datasets / "by hand")
    dataset.load(by_hand.faces, workspace.datasets)
    remove_ann(workspace, by_hand)
    assert not list(cache.iterdir())


def test_photos_that_wait_to_be_cropped(workspace: Workspace, tmp_path: Path) -> None:
    """(d) A stopped batch has the photos still."""
    batch = workspace.uploads / "0123456789abcdef"
    blank = Image.new("RGB", (80, 80))
    save(batch / "photos" / "Ann" / "1.png", portrait())
    save(batch / "photos" / "2.png", blank)
    archive = batch / "zips" / "0" / "more.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(save(tmp_path / "x.png", portrait(250)), "Ann/3.png")
        opened.write(save(tmp_path / "y.png", blank.rotate(90)), "Bob/4.png")
    (batch / "job.json").write_text(json.dumps({"dataset": "batch"}))
    face_set = FaceSet(workspace.datasets / "batch")
    sources = [batch / "photos", archive]
    crop_photos(sources, face_set, Options(), workers=1)
    done = remove_ann(workspace, face_set)
    assert (done.faces, done.uploads, done.unseen) == (2, 2, {})
    assert [path.name for path in batch.rglob("*.png")] == ["2.png"]
    crop_photos(sources, face_set, Options(), workers=1)
    assert not any(row.crop for row in face_set.iter_rows())
    again = save(tmp_path / "again" / "1.png", portrait())  # not even from elsewhere
    assert crop_photos([again.parent], face_set, Options(), workers=1).new_faces == 0


@pytest.mark.parametrize(("seconds", "unseen"), [(-1.0, {"0123456789abcdef": 1}), (60.0, {})])
def test_photos_that_nobody_has_looked_at(
    seconds: float,
    unseen: dict[str, int],
    workspace: Workspace,
    face_set: FaceSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "LOOK_S", seconds)
    batch = workspace.uploads / "0123456789abcdef"
    save(batch / "photos" / "new.png", portrait())
    (batch / "job.json").write_text(json.dumps({"dataset": "mine", "path": "/elsewhere"}))
    done = remove_ann(workspace, face_set)
    assert done.unseen == unseen
    assert done.paths == ("/elsewhere",)
    assert (batch / "photos" / "new.png").exists()  # it shows somebody else
    assert any("/elsewhere" in str(sentence) for sentence in done.not_reached())


def test_photos_that_show_the_person(
    workspace: Workspace, face_set: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(d), (f) Nobody has cropped them yet, or nobody has said what for."""
    found = painted_embeddings(painted(ANN, 1)[None])
    monkeypatch.setattr(PersonFinder, "_faces", lambda *_: found)
    paths = [workspace.uploads / f"{n:016x}" / "photos" / "new.png" for n in range(3)]
    paths.append(workspace.received / "0123" / "sent.png")
    for path in paths:
        save(path, portrait())
    for number, name in enumerate(("mine", "another")):
        record = workspace.uploads / f"{number:016x}" / "job.json"
        record.write_text(json.dumps({"dataset": name}))
    done = remove_ann(workspace, face_set)
    assert [path.exists() for path in paths] == [False, True, False, False]
    assert (done.uploads, done.unseen) == (3, {})
    assert not (workspace.uploads / f"{0:016x}").exists()  # nothing is left of it


def test_crops_without_lines_keep_their_photos_away(
    workspace: Workspace, face_set: FaceSet
) -> None:
    """(a) and (d): a crop is killed before its line is written, and is called again."""
    photo = save(workspace.root / "photos" / "new.png", portrait())
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    lost = face_set.faces / "Ann" / f"{digest[:16]}-000000-0.png"
    shutil.copy(face_set.crop_file(row_of(face_set, "a0.jpg")), lost)
    remove_ann(workspace, face_set)
    assert not list(face_set.path.rglob(lost.name))
    assert crop_photos([photo.parent], face_set, Options(), workers=1).new_faces == 0
    again = Options(include_removed=True)
    assert crop_photos([photo.parent], face_set, again, workers=1).new_faces == 1
    assert digest[:16] not in face_set.removed.read_text()


def test_runs_that_knew_the_dataset_by_another_name(
    workspace: Workspace, face_set: FaceSet
) -> None:
    """(c) and (e): the dataset was renamed, and one of its runs is in the trash."""
    for name in ("old", "binned"):
        run = create_run(workspace, name, {"dataset": {"path": "mine"}})
        images.save(run.real_sheet_file("webp"), images.load(next(face_set.faces.rglob("*.png"))))
    trash.put(workspace, workspace.checkpoints / "binned")
    other = edit.rename(edit.rename(face_set, "second"), "third")
    done = remove_ann(workspace, other)
    assert set(done.trained) == set(done.sheets) == {"old", "binned"}
    assert not list(workspace.root.rglob("real_samples*"))
    assert "binned" in str(done.not_reached()[0])


def test_a_cache_of_a_killed_renaming(
    workspace: Workspace, face_set: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(c) The old cache is still there, and so is another dataset of that name."""
    dataset.load(face_set.faces, workspace.datasets)
    monkeypatch.setattr(dataset, "sweep_cache", lambda _: None)
    renamed = edit.rename(face_set, "other")
    monkeypatch.undo()
    painted_set(face_set.path, {"s.jpg": (5, 0)})
    monkeypatch.setattr(identity, "embed", painted_embeddings)
    monkeypatch.setattr(identity, "crowding_weights", painted_crowding)
    remove_ann(workspace, renamed)
    assert not list((workspace.datasets / ".cache").iterdir())


def test_sheets_of_real_faces(workspace: Workspace, face_set: FaceSet) -> None:
    """(e) A run shows 64 of the faces it was trained on."""
    fingerprint = dataset.load(face_set.faces, workspace.datasets).fingerprint
    for name, described in (
        ("by-name", {"path": "mine"}),
        ("by-fingerprint", {"path": "elsewhere", "fingerprint": fingerprint}),
        ("another", {"path": "another"}),
    ):
        run = create_run(workspace, name, {"dataset": described})
        images.save(run.real_sheet_file("webp"), images.load(next(face_set.faces.rglob("*.png"))))
        preview = workspace.root / ".cache" / "sheet_previews" / name / "real_samples-1-2.jpg"
        preview.parent.mkdir(parents=True)
        preview.write_bytes(b"a picture")
    done = remove_ann(workspace, face_set)
    assert set(done.trained) == set(done.sheets) == {"by-name", "by-fingerprint"}
    left = [path.parent.name for path in workspace.root.rglob("real_samples*")]
    assert left == ["another", "another"]


def test_other_datasets_with_the_same_photos_are_named(
    workspace: Workspace, face_set: FaceSet
) -> None:
    shutil.copytree(face_set.path, workspace.datasets / "copy")
    painted_set(workspace.datasets / "strangers", {"s.jpg": (5, 0)})
    (workspace.datasets / "plain").mkdir()
    shutil.copytree(face_set.path, workspace.datasets / "deleted")
    trash.put(workspace, workspace.datasets / "deleted")
    damaged = workspace.datasets / "damaged"
    damaged.mkdir()
    (damaged / "manifest.jsonl").symlink_to(face_set.manifest)
    done = remove_ann(workspace, face_set)
    assert done.datasets == ("copy", "damaged", "deleted")  # nobody knows whom that shows
    assert images_of(face_set.path, ANN) == []
