"""Uploaded photos that wait to be cropped."""

import hashlib
import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from neuroceleb.data.faces import pending
from neuroceleb.data.faces.pending import Unwanted
from neuroceleb.records import DamagedFileError


def batch(uploads: Path, name: str, request: dict[str, str] | None) -> Path:
    """Two photos in a folder and two in a zip, all different."""
    folder = uploads / name / "photos" / "ann"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"photo 1")
    (folder / "2.jpg").write_bytes(b"photo 2")
    archive = uploads / name / "zips" / "00" / "more.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("bob/3.jpg", b"photo 3")
        opened.writestr("ann/4.jpg", b"photo 4")
    if request is not None:
        (uploads / name / "job.json").write_text(json.dumps(request))
    return uploads / name


def digest(number: int) -> str:
    return hashlib.sha256(f"photo {number}".encode()).hexdigest()


def members(folder: Path) -> list[str]:
    with zipfile.ZipFile(next(folder.glob("zips/*/*.zip"))) as opened:
        return opened.namelist()


def test_photos_are_removed_from_folders_and_zips(tmp_path: Path) -> None:
    one = batch(tmp_path, "one", {"dataset": "mine"})
    other = batch(tmp_path, "other", {"dataset": "another", "path": "/photos"})
    gone = {digest(1), digest(3)}
    done = pending.remove_photos(tmp_path, "mine", Unwanted(gone, {digest(2)}))
    assert done == pending.Pending(4, {"one": 1}, ())
    for folder in (one, other):
        assert [path.name for path in (folder / "photos" / "ann").iterdir()] == ["2.jpg"]
        assert members(folder) == ["ann/4.jpg"]
    with zipfile.ZipFile(next(one.glob("zips/*/*.zip"))) as opened:
        assert opened.read("ann/4.jpg") == b"photo 4"


def test_a_person_s_folder_goes_whole(tmp_path: Path) -> None:
    one = batch(tmp_path, "one", {"dataset": "mine", "path": "/photos"})
    done = pending.remove_photos(tmp_path, "mine", Unwanted((), {digest(3)}, "ann"))
    assert done == pending.Pending(3, {}, ("/photos",))
    assert members(one) == ["bob/3.jpg"]
    assert pending.remove_photos(tmp_path / "none", "mine", Unwanted(())) == pending.Pending()


def test_a_damaged_zip_stays_and_is_no_error(tmp_path: Path) -> None:
    one = batch(tmp_path, "one", {"dataset": "mine"})
    next(one.glob("zips/*/*.zip")).write_bytes(b"PK\x03\x04rest")
    assert pending.remove_photos(tmp_path, "mine", Unwanted({digest(3)})).deleted == 0


def test_what_was_received_and_not_used_is_swept(tmp_path: Path) -> None:
    paths = [tmp_path / name / "photo.png" for name in ("earlier", "since", "just now")]
    now = time.time()
    for path, age in zip(paths, (3_000, 1_000, 10), strict=True):
        path.parent.mkdir()
        path.write_bytes(b"photo")
        for touched in (path, path.parent):
            os.utime(touched, (now - age, now - age))
    pending.sweep_received(tmp_path, 600, now - 2_000)
    assert [path.parent.name for path in sorted(tmp_path.rglob("*.png"))] == ["just now", "since"]
    pending.sweep_received(tmp_path, 600, now)
    assert [path.parent.name for path in tmp_path.rglob("*.png")] == ["just now"]
    pending.sweep_received(tmp_path / "none", 600, now)


@pytest.mark.parametrize("text", ["{", "[]", '{"dataset": 3}', '{"size": 64}', "[" * 5_000])
def test_a_batch_with_a_damaged_request_is_kept_and_looked_at(tmp_path: Path, text: str) -> None:
    one = batch(tmp_path, "one", None)
    (one / "job.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"job\.json is damaged"):
        pending.read_request(one)
    assert pending.sweep(tmp_path, -1) == []
    assert pending.remove_photos(tmp_path, "mine", Unwanted({digest(3)})).deleted == 1


def test_only_idle_batches_that_nobody_crops_are_swept(tmp_path: Path) -> None:
    old, fresh = batch(tmp_path, "old", None), batch(tmp_path, "fresh", None)
    stopped = batch(tmp_path, "stopped", {"dataset": "mine"})
    past = time.time() - 1_000
    for folder in (old, stopped):
        for path in [folder, *folder.rglob("*")]:
            os.utime(path, (past, past))
    assert pending.sweep(tmp_path, 600) == ["old"]
    assert not old.exists() and fresh.exists() and stopped.exists()
    assert pending.sweep(tmp_path / "none", 0) == []
