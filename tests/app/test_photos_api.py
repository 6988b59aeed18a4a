"""Photos over HTTP: sent, cropped, judged, saved, removed; hostile names, limits, who may."""

import asyncio
import dataclasses
import io
import json
import os
import time
import zipfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from neuroceleb import images
from neuroceleb.app import (
    catalogue,
    cropping,
    payloads,
    photos_api,
    photos_tab,
    server,
    threshold_histograms,
    translations,
    uploads,
)
from neuroceleb.app.access import Access
from neuroceleb.app.background import Tasks
from neuroceleb.app.cropping import Cropper, CropRequest, Previews
from neuroceleb.app.photos_api import PhotosApi
from neuroceleb.data import dataset
from neuroceleb.data.faces import draft, edit, google_vision
from neuroceleb.data.faces.crop_photos import DETECTORS, Options, crop_photos
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.data.faces.faces_helpers import portrait, save
from tests.data.faces.vision_server import VisionServer


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


class Visitor:
    """What the page's script does, without the page."""

    def __init__(self, workspace: Path, host: str = "127.0.0.1") -> None:
        self.tasks = Tasks(workspace / ".cache" / "tasks")
        self.cropper = Cropper(Workspace(workspace), self.tasks)
        app = FastAPI()
        app.add_exception_handler(UserError, server._error_json)
        photos_api.add_routes(app, self.cropper.workspace, self.cropper, Access.of(host, None))
        self.client = TestClient(app)
        self.workspace = workspace

    def post(self, act: str, **values: object) -> dict[str, Any]:
        return dict(self.client.post(f"/photos/{act}", json=values).json())

    def upload(self, batch: str, name: str, data: bytes) -> dict[str, Any]:
        url = f"/photos/upload/{batch}?name={quote(name)}"
        return dict(self.client.post(url, content=data).json())

    def batch(self, files: dict[str, bytes]) -> str:
        batch = str(self.post("batch")["batch"])
        for name, data in files.items():
            assert self.upload(batch, name, data) == {}
        return batch

    def state(self) -> dict[str, Any]:
        return dict(self.client.get("/photos").json()["tasks"][0])

    def crop(self, files: dict[str, bytes], name: str = "mine", **values: object) -> dict[str, Any]:
        """Send, crop, wait for the end; what became of the job."""
        body = {"dataset": name, "size": 64, "detector": "yunet"} | values
        assert self.post("start", batch=self.batch(files), **body) == {"dataset": name}
        helpers.wait_for(lambda: self.state()["state"] != "running")
        return self.state()

    def look(self, name: str = "mine", **values: object) -> dict[str, Any]:
        return self.post("look", dataset=name, **values)

    def faces(self, name: str = "mine") -> dict[str, dict[str, Any]]:
        return {
            shot["source"]: shot["faces"][0]
            for shot in self.look(name, show="all")["photos"]
            if shot["faces"]
        }


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    made = Visitor(tmp_path)
    yield made
    made.tasks.close()


FACE = encoded(portrait())
OTHER = encoded(portrait(280).transpose(Image.Transpose.FLIP_LEFT_RIGHT))


# From photos to a dataset ------------------------------------------------------------------


def test_from_dropped_photos_to_a_saved_dataset(visitor: Visitor, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("bob/other.png", OTHER)
    done = visitor.crop({"ann/사람 😀.png": FACE, "b.doc": b"no", "more.zip": archive.getvalue()})
    assert (done["state"], done["new_faces"], done["photos"]) == ("finished", 2, 3)
    # Nothing of the photos is left but the crops.
    assert list((tmp_path / ".cache" / "uploads").iterdir()) == []
    left = {path.suffix for path in (tmp_path / "datasets").rglob("*") if path.is_file()}
    assert left == {".png", ".jsonl", ".json", ".jpg"}

    seen = visitor.look()
    assert seen["counts"]["kept"] == 2
    assert seen["counts"]["unreadable"] == 1
    assert seen["saved"] is True
    assert [name for name, _ in seen["groups"]] == ["ann", "bob", "photos"]
    shots = {shot["source"]: shot for shot in seen["photos"]}
    preview = visitor.client.get("/" + shots["ann/사람 😀.png"]["preview"])
    assert images.read_photo(preview.content).size == portrait().size
    (face,) = shots["bob/other.png"]["faces"]
    crop = visitor.client.get("/" + face["crop"])
    assert images.read_photo(crop.content).size == (64, 64)
    assert images.read_photo(visitor.client.get("/" + seen["mean"]).content).size == (64, 64)
    assert visitor.client.get("/" + seen["card"]).headers["content-type"] == "image/jpeg"
    assert visitor.client.get("/photos").json()["datasets"] == [
        {"name": "mine", "photos": 3, "kept": 2, "rejected": 0, "size": 64, "saved": True}
    ]

    # Thresholds and choices are tried, then saved: only then anything moves.
    tried = visitor.look(rules={"min_source_px": 4_000})
    assert (tried["counts"]["kept"], tried["saved"]) == (0, False)
    assert visitor.post("choose", dataset="mine", face=face["id"], choice="keep") == {}
    assert visitor.look()["counts"]["kept"] == 1
    face_set = FaceSet(tmp_path / "datasets" / "mine")
    assert len(list(face_set.faces.rglob("*.png"))) == 2
    assert visitor.post("save", dataset="mine", name="ours") == {"dataset": "ours"}
    face_set = FaceSet(tmp_path / "datasets" / "ours")
    assert [path.stem for path in face_set.faces.rglob("*.png")] == [face["id"]]
    seen = visitor.look("ours")
    assert (seen["counts"]["kept"], seen["saved"]) == (1, True)
    assert any(shot["preview"] for shot in seen["photos"])  # under the new name as well

    # More photos are added to it, of the same size, judged by its rules; known ones are not.
    done = visitor.crop({"third.png": encoded(portrait(320)), "again.png": FACE}, "ours", size=96)
    assert done["new_faces"] == 1
    assert visitor.look("ours")["size"] == 64
    assert visitor.look("ours")["counts"]["kept"] == 1


def test_what_was_tried_can_be_undone(visitor: Visitor) -> None:
    visitor.crop({"a.png": FACE, "b.png": OTHER})
    face = visitor.faces()["a.png"]
    visitor.look(rules={"max_yaw": 0})
    visitor.post("choose", dataset="mine", face=face["id"], choice="reject")
    assert visitor.faces()["a.png"]["overruled"] == "reject"
    visitor.post("choose", dataset="mine", face=face["id"], choice=None)
    assert visitor.faces()["a.png"]["overruled"] is None
    visitor.post("revert", dataset="mine", defaults=True)
    assert visitor.look()["saved"] is True  # for it is what was saved
    visitor.look(rules={"max_yaw": 1})
    visitor.post("revert", dataset="mine")
    assert visitor.look()["rules"] == dataclasses.asdict(Rules())


def test_one_photo_and_one_person_are_removed(visitor: Visitor, tmp_path: Path) -> None:
    visitor.crop({"ann/a.png": FACE, "bob/b.png": OTHER, "bob/c.png": encoded(portrait(330))})
    face_set = FaceSet(tmp_path / "datasets" / "mine")
    workspace = Workspace(tmp_path)
    dataset.load(face_set.faces, workspace.datasets)
    cache = tmp_path / "datasets" / ".cache"
    assert list(cache.glob("*.npy"))
    create_run(workspace, "learned", {"dataset": {"path": str(face_set.faces)}})
    assert visitor.look()["trained"] == ["learned"]
    (key,) = (shot["key"] for shot in visitor.look()["photos"] if shot["source"] == "ann/a.png")
    assert visitor.post("remove", dataset="mine", photo=key) == {"gone": 1, "trained": ["learned"]}
    assert not list(cache.glob("*.npy"))  # decoded faces are gone as well
    assert visitor.post("remove", dataset="mine", group="bob")["gone"] == 2
    assert list(face_set.path.rglob("*.png")) == []
    assert face_set.rows() == []
    assert "no such photo" in visitor.post("remove", dataset="mine", group="")["error"]
    assert "no such photo" in visitor.post("remove", dataset="mine", photo=key)["error"]
    error = visitor.post("save", dataset="mine", name="other")["error"]
    assert "keeps its name" in error
    assert "learned" in error


def test_photos_are_shown_by_what_became_of_them(visitor: Visitor) -> None:
    blank = encoded(Image.new("RGB", (90, 90)))
    small = encoded(portrait(60))
    visitor.crop({"a/good.png": FACE, "b/small.png": small, "blank.png": blank, "bad.png": b"x"})

    def sources(**values: object) -> list[str]:
        return [shot["source"] for shot in visitor.look(**values)["photos"]]

    assert sources() == ["a/good.png", "b/small.png", "bad.png", "blank.png"]
    assert sources(show="kept") == ["a/good.png"]
    assert sources(show="rejected") == sources(show="too_small") == ["b/small.png"]
    assert sources(show="no_face") == ["blank.png"]
    assert sources(show="unreadable") == ["bad.png"]
    assert sources(show="changed") == []
    assert sources(group="b") == ["b/small.png"]
    assert visitor.look(page=99)["page"] == 0
    face = visitor.faces()["a/good.png"]
    visitor.post("choose", dataset="mine", face=face["id"], choice="reject")
    assert sources(show="changed") == ["a/good.png"]


# Interrupted -------------------------------------------------------------------------------


SOME = 120  # photos: so many that a stop comes before the last of them


@pytest.mark.slow
def test_stopped_by_hand_or_by_the_end_and_gone_on(visitor: Visitor, tmp_path: Path) -> None:
    many = {f"{number}.png": encoded(portrait(400 + number)) for number in range(SOME)}
    batch = visitor.batch(many)
    assert visitor.post("start", batch=batch, dataset="mine", size=64, detector="yunet")
    refused = visitor.post("start", batch=batch, dataset="other", size=64, detector="yunet")
    assert "Other photos are being cropped" in refused["error"]
    assert "stop that first" in visitor.post("task/discard", batch=batch)["error"]
    helpers.wait_for(lambda: visitor.state().get("done", 0) > 0)
    assert visitor.state()["newest"][0]["preview"]
    visitor.tasks.close()  # as the end of the server does
    assert visitor.state()["state"] == "stopped"
    before = len(FaceSet(tmp_path / "datasets" / "mine").rows())
    assert 0 < before < SOME
    seen = visitor.look()
    assert (seen["saved"], seen["settled"], seen["counts"]["photos"]) == (False, False, before)

    again = Visitor(tmp_path)  # the app is started again
    (status,) = again.client.get("/photos").json()["tasks"]
    assert (status["state"], status["dataset"], status["batch"]) == ("stopped", "mine", batch)
    again.crop({"new.png": FACE}, "meanwhile")
    states = [task["state"] for task in again.client.get("/photos").json()["tasks"]]
    assert states == ["finished", "stopped"]
    assert again.post("task/resume", batch=batch) == {}
    helpers.wait_for(lambda: again.state()["state"] == "finished")
    assert again.state()["new_faces"] == SOME - before
    assert len(FaceSet(tmp_path / "datasets" / "mine").rows()) == SOME
    assert "no longer here" in again.post("task/resume", batch=batch)["error"]
    again.tasks.close()


def test_sent_photos_can_be_thrown_away(visitor: Visitor, tmp_path: Path) -> None:
    batch = visitor.batch({"a.png": FACE})
    assert visitor.post("task/discard", batch=batch) == {}
    assert list((tmp_path / ".cache" / "uploads").iterdir()) == []
    assert "no longer here" in visitor.upload(batch, "a.png", FACE)["error"]


def test_what_nobody_cropped_is_swept_away(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = visitor.batch({"a.png": FACE})
    monkeypatch.setattr(uploads, "IDLE_S", -1)
    new = visitor.post("batch")["batch"]
    assert [batch.id for batch in visitor.cropper.uploads.all()] == [new] != [old]


def test_photos_of_an_unfinished_upload_do_not_outlive_a_restart(
    visitor: Visitor, tmp_path: Path
) -> None:
    batch = tmp_path / ".cache" / "uploads" / visitor.batch({"ann/a.png": FACE})
    again = Visitor(tmp_path)
    again.tasks.close()
    assert batch.exists()  # another server may be receiving it
    past = time.time() - 2 * uploads.IDLE_AT_START_S
    for path in [batch, *batch.rglob("*")]:
        os.utime(path, (past, past))
    again = Visitor(tmp_path)
    again.tasks.close()
    assert not batch.exists()


def test_a_batch_that_another_server_crops_is_left_alone(visitor: Visitor) -> None:
    batch = visitor.batch({"a.png": FACE})
    with visitor.cropper.uploads.batch(batch).locked():
        body = {"dataset": "mine", "size": 64, "detector": "yunet"}
        for answer in (
            visitor.post("start", batch=batch, **body),
            visitor.post("task/discard", batch=batch),
        ):
            assert "cropped by another process" in answer["error"]
        assert visitor.client.get("/photos").json()["tasks"] == []
    assert visitor.post("task/discard", batch=batch) == {}


def test_discarding_leaves_no_crop_that_nobody_knows(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    visitor.crop({"a.png": FACE})
    face_set = FaceSet(tmp_path / "datasets" / "mine")

    def killed(*_: object, **__: object) -> None:
        save(face_set.faces / "photos" / "0123456789abcdef-000000-0.png", portrait(64))
        raise UserError("The system ended a worker process.")

    monkeypatch.setattr(cropping, "crop_photos", killed)
    done = visitor.crop({"b.png": OTHER})
    assert len(list(face_set.faces.rglob("*.png"))) == 2
    assert visitor.post("task/discard", batch=done["batch"]) == {}
    assert len(list(face_set.faces.rglob("*.png"))) == 1
    assert len(list(face_set.quarantine.rglob("*.png"))) == 1


def test_a_failure_is_told_and_nothing_lost(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full: make room, then try again.")

    monkeypatch.setattr(cropping, "crop_photos", full)
    done = visitor.crop({"a.png": FACE})
    assert (done["state"], done["error"]) == (
        "failed",
        "The disk is full: make room, then try again.",
    )
    monkeypatch.setattr(cropping, "crop_photos", lambda *_, **__: 1 / 0)
    assert visitor.post("task/resume", batch=done["batch"]) == {}
    helpers.wait_for(lambda: visitor.state()["state"] != "running")
    assert visitor.state()["error"] == str(catalogue.SORRY)  # the log has the rest
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    assert visitor.post("task/resume", batch=done["batch"]) == {}
    helpers.wait_for(lambda: visitor.state()["state"] == "finished")


# Names and limits --------------------------------------------------------------------------


@given(st.text(max_size=60))
def test_any_name_stays_inside_its_batch(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    batch = uploads.Batch(tmp_path_factory.getbasetemp() / "batch")
    batch.path.mkdir(exist_ok=True)
    try:
        path = batch._place(name, name.lower().endswith(".zip"))
    except UserError:
        return
    inside = path.relative_to(batch.path)
    assert ".." not in inside.parts
    assert inside.parts[0] in {"photos", "zips"}
    assert all(len(part.encode()) <= 140 for part in inside.parts)
    assert not any(ord(sign) < 32 for sign in path.name)


def test_hostile_names_and_sizes(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch = visitor.batch({})
    for name in (
        "../../evil.png",
        "/etc/passwd",
        "..\\..\\up.png",
        "a" * 400 + ".jpg",
        "a:b|c?.png",
    ):
        assert visitor.upload(batch, name, b"x") == {}
    folder = tmp_path / ".cache" / "uploads" / batch
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(there) == sorted(
        f"photos/{name}"
        for name in ("evil.png", "etc/passwd", "up.png", "a" * 120 + ".jpg", "a_b_c_.png")
    )
    assert visitor.upload(batch, "evil.png", b"y") == {}
    assert (folder / "photos" / "evil (2).png").read_bytes() == b"y"
    assert "could not be written" in visitor.upload(batch, "evil.png/in.png", b"y")["error"]
    for name in ("", "..", "/", "a/" * 9 + "b"):
        assert "no name of a photo" in visitor.upload(batch, name, b"x")["error"]
    for wrong in ("0" * 16, "...", "xyz"):
        assert "no longer here" in visitor.upload(wrong, "a.png", b"x")["error"]
    assert visitor.client.post("/photos/upload/..%2F..?name=a.png", content=b"x").status_code == 404
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 1000)
    assert "send it in parts" in visitor.upload(batch, "big.png", bytes(1001))["error"]
    assert not (folder / "photos" / "big.png").exists()
    monkeypatch.setattr(uploads, "MAX_FILES", 1)
    assert "as a zip" in visitor.upload(batch, "many.png", b"x")["error"]


def test_a_refusal_waits_for_what_is_still_being_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = uploads.Uploads(tmp_path / "uploads").new()
    sent: list[int] = []

    async def sending() -> AsyncIterator[bytes]:
        for part in range(20):
            sent.append(part)
            yield bytes(100)

    def send(name: str) -> None:
        with ThreadPoolExecutor(1) as elsewhere:  # a browser's loop may be running in this thread
            elsewhere.submit(lambda: asyncio.run(batch.take(name, 2000, sending(), {}))).result()

    monkeypatch.setattr(images, "MAX_FILE_BYTES", 1000)
    with pytest.raises(UserError, match="send it in parts"):
        send("big.png")
    assert len(sent) == 20

    monkeypatch.setattr(payloads, "MAX_DRAINED_BYTES", 500)  # but not for ever
    sent.clear()
    with pytest.raises(UserError, match="send it in parts"):
        send("bigger.png")
    assert len(sent) == 11 + 6


def files_of(batch: uploads.Batch) -> dict[str, bytes]:
    found = (path for path in batch.path.rglob("*") if path.is_file())
    return {path.relative_to(batch.path).as_posix(): path.read_bytes() for path in found}


def send(kept: uploads.Uploads, batch: uploads.Batch, name: str, *parts: bytes) -> None:
    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    take(kept.take(batch.id, name, sum(map(len, parts)), body()))


def take(taking: Coroutine[None, None, None]) -> None:
    with ThreadPoolExecutor(1) as elsewhere:  # a browser's loop may be running in this thread
        elsewhere.submit(lambda: asyncio.run(taking)).result()


def test_names_that_become_equal_are_numbered(tmp_path: Path) -> None:
    kept = uploads.Uploads(tmp_path / "uploads")
    batch = kept.new()
    names = ("10:30.jpg", "10?30.jpg", "a/é.png", "a/e\u0301.png", "x" * 130, "x" * 140)
    for number, name in enumerate(names):
        send(kept, batch, name, b"%d" % number)
    wanted = ("10_30.jpg", "10_30 (2).jpg", "a/é.png", "a/é (2).png", "x" * 120, "x" * 120 + " (2)")
    expected = {f"photos/{name}": b"%d" % number for number, name in enumerate(wanted)}
    assert files_of(batch) == expected
    send(kept, batch, "10?30.jpg", b"sent ", b"again")
    assert files_of(batch) == expected | {"photos/10_30 (2).jpg": b"sent again"}


def test_a_zip_sent_again_replaces_itself(tmp_path: Path) -> None:
    kept = uploads.Uploads(tmp_path / "uploads")
    batch = kept.new()
    for content in (b"one", b"two"):
        send(kept, batch, "a.zip", content)
    assert list(files_of(batch).values()) == [b"two"]
    assert len(batch.sources()) == 1


@pytest.mark.parametrize("stop_at", range(4))
@pytest.mark.parametrize("chunk_bytes", [10, 2**20])
def test_photos_discarded_while_they_are_sent_are_no_longer_here(
    tmp_path: Path, chunk_bytes: int, stop_at: int
) -> None:
    kept = uploads.Uploads(tmp_path / "uploads")
    batch = kept.new()
    send(kept, batch, "before.png", b"whole")

    async def body() -> AsyncIterator[bytes]:
        for part in range(3):
            if part == stop_at:
                batch.remove()
            yield bytes(chunk_bytes)
        if stop_at == 3:
            batch.remove()

    with pytest.raises(UserError, match="no longer here"):
        take(kept.take(batch.id, "a.png", 3 * chunk_bytes, body()))
    assert list(kept.folder.iterdir()) == []
    batch.remove()  # twice


def test_the_rest_of_a_removal_that_was_cut_short_is_removed(tmp_path: Path) -> None:
    kept = uploads.Uploads(tmp_path / "uploads")
    (kept.folder / f"{uploads.REMOVED}x" / "photos").mkdir(parents=True)
    assert kept.all() == []
    batch = kept.new()
    assert list(kept.folder.iterdir()) == [batch.path]


def test_a_full_disk_is_said(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = visitor.batch({})
    monkeypatch.setattr(uploads, "KEPT_FREE_BYTES", 2**62)
    assert "nearly full" in visitor.upload(batch, "a.png", FACE)["error"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "is not a name"),
        ({"dataset": "../up"}, "is not a name"),
        ({"dataset": "a", "size": 65}, "64, 96 or 128"),
        ({"dataset": "a", "size": 64, "detector": "magic"}, "yunet or google-vision"),
        ({"dataset": "a", "size": 64, "detector": "yunet"}, "no longer here"),
        ({"dataset": "a", "size": 64, "detector": "yunet", "batch": "../.."}, "no longer here"),
        ({"dataset": "a", "size": 64, "detector": "yunet", "path": "nowhere"}, "not there"),
        ({"dataset": "taken", "size": 64, "detector": "yunet"}, "already something named"),
    ],
)
def test_bad_values_are_one_sentence(
    visitor: Visitor, tmp_path: Path, values: dict[str, object], words: str
) -> None:
    (tmp_path / "datasets" / "taken").mkdir(parents=True)
    assert words in visitor.post("start", **values)["error"]
    assert visitor.client.get("/photos").json()["tasks"] == []


def test_bad_looks_are_one_sentence(visitor: Visitor, tmp_path: Path) -> None:
    visitor.crop({"a.png": FACE})
    assert "There is no dataset" in visitor.look("none")["error"]
    assert "--max-yaw 999" in visitor.look(rules={"max_yaw": 999})["error"]
    assert "no rule 'x'" in visitor.look(rules={"x": 1})["error"]
    face = visitor.faces()["a.png"]["id"]
    assert "no choice" in visitor.post("choose", dataset="mine", face=face, choice="x")["error"]
    assert (
        "no such face" in visitor.post("choose", dataset="mine", face="x", choice="keep")["error"]
    )
    assert "to save" in visitor.post("save", dataset="none")["error"]
    (tmp_path / "datasets" / "taken").mkdir()
    assert "already a dataset" in visitor.post("save", dataset="mine", name="taken")["error"]
    assert "not a name" in visitor.post("save", dataset="mine", name="a/b")["error"]
    for url in ("crop/mine/x", "preview/mine/x", "crop/none/x", "report/none", "mean/none"):
        assert visitor.client.get(f"/photos/{url}").status_code == 400
    (tmp_path / "datasets" / "mine" / "draft.json").write_text('{"rules": {"max_yaw": "x"}}')
    assert visitor.look()["rules"]["max_yaw"] == 28


def test_a_folder_on_this_machine_is_cropped_and_left_alone(
    visitor: Visitor, tmp_path: Path
) -> None:
    path = save(tmp_path / "album" / "ann" / "a.png", portrait())
    values = {"dataset": "mine", "size": 64, "detector": "yunet", "path": str(tmp_path / "album")}
    assert visitor.post("start", **values) == {"dataset": "mine"}
    helpers.wait_for(lambda: visitor.state()["state"] == "finished")
    assert visitor.state()["sent"] is False
    assert path.exists()
    assert visitor.cropper.uploads.all() == []


# Who may -----------------------------------------------------------------------------------


def test_visitors_see_no_faces_and_bring_none(tmp_path: Path) -> None:
    owner = Visitor(tmp_path)
    owner.crop({"a.png": FACE})
    face = owner.faces()["a.png"]
    stranger = Visitor(tmp_path, host="0.0.0.0")
    assert stranger.client.get("/photos").json() == {"allowed": False}
    refusals = [
        stranger.post("batch"),
        stranger.upload("0" * 16, "a.png", FACE),
        *(
            stranger.post(act, dataset="mine", face=face["id"], group="photos")
            for act in ("look", "cost", "start", "save", "choose", "revert", "remove")
        ),
        *(stranger.post(f"task/{act}", batch="0" * 16) for act in ("stop", "resume", "discard")),
        *(
            stranger.client.get(f"/{url}").json()
            for url in (face["crop"], "photos/preview/mine/x", "photos/mean/mine")
        ),
        stranger.client.get("/photos/report/mine").json(),
    ]
    assert all("does not let visitors see photos" in answer["error"] for answer in refusals)
    owner.tasks.close()


def test_with_a_password_photos_may_be_sent_but_no_paths_named(tmp_path: Path) -> None:
    workspace, tasks = Workspace(tmp_path), Tasks(tmp_path / "tasks")
    guest = PhotosApi(workspace, Cropper(workspace, tasks), Access(False, True))
    assert guest.overview()["paths"] is False
    values = {"dataset": "a", "size": 64, "detector": "yunet", "path": str(tmp_path)}
    with pytest.raises(UserError, match="can only be named there"):
        guest.start(values)


# Google ------------------------------------------------------------------------------------


def test_nothing_goes_to_google_without_credentials_and_a_yes(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    batch = visitor.batch({"a.png": FACE, "b.png": OTHER})
    values = {"batch": batch, "dataset": "mine", "size": 64, "detector": "google-vision"}
    assert "No usable Google credentials" in visitor.post("cost", **values)["error"]

    with VisionServer() as google:
        monkeypatch.setattr(google_vision, "_signed_in_client", google.client)
        cost = visitor.post("cost", **values)
        assert cost == {"photos": 2, "calls": 2, "usd": 0.0, "year": 2026, "free": 1000}
        for agreed in (None, 0, 1, 3, "2"):
            error = visitor.post("start", **values, agreed=agreed)["error"]
            assert "Agree first that 2 photos" in error
        assert google.requests == []
        assert visitor.post("start", **values, agreed=2) == {"dataset": "mine"}
        helpers.wait_for(lambda: visitor.state()["state"] != "running")
        assert visitor.state()["state"] == "finished"
        assert sum(len(request.requests) for request in google.requests) == 2
    assert visitor.look()["counts"]["no_face"] == 2  # for that server finds none


def test_more_photos_than_were_agreed_to_are_not_sent(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody adds to a batch that was interrupted."""
    batch = visitor.cropper.uploads.batch(visitor.batch({"a.png": FACE, "b.png": OTHER}))
    with VisionServer() as google:
        monkeypatch.setattr(google_vision, "_signed_in_client", google.client)
        visitor.cropper.start(batch, CropRequest("mine", detector="google-vision", agreed=1))
        helpers.wait_for(lambda: visitor.state()["state"] != "running")
        assert "Nothing was sent" in visitor.state()["error"]
        assert google.requests == []


# Previews, levels, words -------------------------------------------------------------------


def test_previews_are_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cropping, "PREVIEWS_BYTES", 10)
    previews = Previews()
    previews.put("set", "a", b"1234")
    previews.put("set", "b", b"1234")
    assert previews.get("set", "a") == b"1234"  # looked at last, so it stays
    previews.put("set", "c", b"1234")
    assert [key for key in "abc" if previews.has("set", key)] == ["a", "c"]
    previews.rename("set", "other")
    previews.drop("other", "a")
    assert (previews.get("other", "a"), previews.get("other", "c")) == (None, b"1234")
    monkeypatch.setattr(cropping, "PREVIEWS_KEPT_S", 0.0)
    time.sleep(0.01)
    assert previews.get("other", "c") is None


def test_levels_count_every_face_once() -> None:
    measures = {"yaw": -40.0, "sharpness": 5_000.0, "source_px": 90.0}
    rows = [
        Row("a", "1", "kept", crop="faces/g/a.png", measures=measures),
        Row("b", "2", "rejected", crop="rejected/g/b.png", measures=measures | {"yaw": 3.0}),
        Row("c", "3", "no_face"),
    ]
    found = threshold_histograms.compute(rows, Rules(max_yaw=170))
    assert found["max_yaw"]["high"] >= 170
    for name, level in found.items():
        assert level["low"] <= getattr(Rules(), name) <= level["high"]
        if "kept" in level:
            assert (sum(level["kept"]), sum(level["rejected"])) == (1, 1)
    turned = (
        found["max_yaw"]["kept"].index(1) / threshold_histograms.BARS * found["max_yaw"]["high"]
    )
    assert 30 < turned <= 40  # to whichever side
    assert threshold_histograms.compute([], Rules()).keys() == found.keys()


def test_every_rule_and_reason_has_its_words() -> None:
    for words in translations.TEXTS.values():
        for spec in photos_tab.rules_spec():
            assert f"ph_r_{spec['reason']}" in words
            assert "choices" in spec or f"ph_l_{spec['name']}" in words
        for rule in ("all", "largest", "central"):
            assert f"ph_faces_{rule}" in words
        for detector in DETECTORS:
            assert f"ph_{detector}" in words
    json.dumps(photos_tab.rules_spec())


def test_a_draft_is_read_back_and_saved(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", portrait())
    face_set = FaceSet(tmp_path / "set")
    crop_photos([tmp_path / "in"], face_set, Options(), workers=1)
    (row,) = face_set.rows()
    tried = draft.read(face_set).with_rules(max_pitch=3).with_choice(row, "keep")
    draft.write(face_set, tried)
    assert draft.read(face_set) == tried
    assert draft.save(face_set).kept == 1
    assert not draft.exists(face_set)
    (row,) = face_set.rows()
    assert (row.overruled, edit.saved_rules(face_set).max_pitch) == ("keep", 3)
    assert draft.read(face_set).with_choice(row, "keep").choices == {}
