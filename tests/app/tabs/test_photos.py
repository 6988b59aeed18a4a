"""The listeners of the Photos tab, without a browser: uploads, crops, review, persons, saving."""

import dataclasses
import io
import json
import secrets
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.app import catalogue, cropping, sandboxes, uploads
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.cropping import Cropper, CropRequest, Previews, cropper_of
from neuroceleb.app.shared import Lead, read_lead
from neuroceleb.app.tabs import photos
from neuroceleb.app.tabs.photos import NAMES, bring, changes, review, words
from neuroceleb.app.tabs.photos.review import JUDGED, WHOLE_VIEW
from neuroceleb.data.faces import draft, google_vision, listing
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.runs import trash
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.data.faces.faces_helpers import portrait
from tests.data.faces.vision_server import VisionServer


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


FACE = encoded(portrait())
OTHER = encoded(portrait(280).transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def event(**data: Any) -> gr.EventData:
    return SimpleNamespace(**data)  # type: ignore[return-value]


class Visitor:
    """What the page does for somebody who brings photos."""

    def __init__(self, workspace: Path, access: Access | None = None) -> None:
        self.context = Context(Workspace(workspace), access or Access(is_local=True))

    @property
    def cropper(self) -> Cropper:
        return cropper_of(self.context.workspace)

    def uploaded(self, data: bytes) -> str:
        """The path of a file in Gradio's cache."""
        path = self.context.new_file(f"{secrets.token_hex(4)}.bin")
        path.write_bytes(data)
        return str(path)

    def send(self, files: dict[str, bytes], batch: str | None = None, **more: Any) -> Any:
        sent = [[name, self.uploaded(data)] for name, data in files.items()]
        return bring.take(self.context, {"batch": batch, "files": sent, **more})

    def start(self, batch: str, name: str = "mine", **values: Any) -> tuple[Any, ...]:
        form = {"size": 64, "detector": "yunet", "by_person": False, "path": ""} | values
        return bring.start(self.context, batch, name, **form)

    def wait(self) -> cropping.Status:
        helpers.wait_for(lambda: self.cropper.statuses()[0].state != cropping.RUNNING)
        return self.cropper.statuses()[0]

    def crop(self, files: dict[str, bytes], name: str = "mine", **values: Any) -> cropping.Status:
        """Send, crop, wait for the end."""
        assert self.start(self.send(files)["batch"], name, **values)[0] == name
        return self.wait()

    def show(self, view: str = "all", person: str = "", page: int = 0) -> dict[str, Any]:
        return review.show(self.context, "mine", view, person, page)

    def faces(self, view: str = "all") -> dict[str, dict[str, Any]]:
        return {item["name"]: item for item in self.show(view)["grid"]["faces"]}

    @property
    def face_set(self) -> FaceSet:
        return self.cropper.face_set("mine")


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    made = Visitor(tmp_path)
    yield made
    made.cropper.close()


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a dataset of five faces, two of which are left out."""
    root = tmp_path_factory.mktemp("reviewed")
    made = Visitor(root)
    two = Image.new("RGB", (900, 400), (90, 90, 90))
    two.paste(portrait(240), (20, 60))
    two.paste(portrait(300).transpose(Image.Transpose.FLIP_LEFT_RIGHT), (560, 20))
    dark = portrait(260).point(lambda value: value // 8)
    none = Image.new("RGB", (300, 300), (9, 90, 9))
    pictures = {"a/one.png": portrait(), "two.png": two, "b/dark.png": dark, "none.png": none}
    files = {name: encoded(image) for name, image in pictures.items()}
    status = made.crop(files | {"b.txt": b"no", "no.jpg": b"no photo"})
    assert (status.state, status.new_faces) == (cropping.FINISHED, 4)
    return root


@pytest.fixture
def owner(reviewed: Path, tmp_path: Path) -> Visitor:
    """Of a copy of that workspace."""
    shutil.copytree(reviewed / "datasets", tmp_path / "datasets")
    return Visitor(tmp_path)


# Uploads and crops ---------------------------------------------------------------------------


def test_from_photos_to_a_saved_dataset_and_a_training(visitor: Visitor, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("bob/other.png", OTHER)
    files = {"ann/사람 😀.png": FACE, "b.txt": b"no", "more.zip": archive.getvalue()}
    status = visitor.crop(files)
    assert (status.state, status.new_faces) == (cropping.FINISHED, 2)
    assert "The photos are deleted." in bring.describe(status)
    # Nothing of the photos is left but the crops.
    assert list((tmp_path / ".cache" / "uploads").iterdir()) == []
    assert not [path for path in visitor.context.files.rglob("*") if path.is_file()]
    shown = visitor.show()
    assert shown["facts"].startswith("2 photos, 2 faces · 2 kept, 0 left out · 64 px · yunet")
    assert shown["person"]["choices"] == [
        ("Everybody", ""),
        ("ann (1)", "ann"),
        ("bob (1)", "bob"),
    ]
    assert len(visitor.show(person="ann")["grid"]["faces"]) == 1
    assert changes.save(visitor.context, "mine", "우리 faces") == "우리 faces"
    saved, lead = changes.train(visitor.context, "우리 faces", "우리 faces")
    assert (saved, read_lead(lead)) == ("우리 faces", Lead("train", {"dataset": "우리 faces"}))
    assert len(list((tmp_path / "datasets" / "우리 faces" / "faces").rglob("*.png"))) == 2


def test_equal_and_hostile_names_are_numbered_and_stay_inside(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["../../evil.png", "/etc/passwd", "..\\..\\up.png", "a" * 400 + ".jpg", "10:30.png"]
    taken = visitor.send(dict.fromkeys(names, b"x"))
    assert taken["refused"] == []
    batch = visitor.cropper.uploads.batch(taken["batch"])
    visitor.send({"evil.png": b"y", "10?30.png": b"z"}, batch.id)
    there = {
        path.relative_to(batch.path).as_posix() for path in batch.path.rglob("*") if path.is_file()
    }
    fit = ("evil.png", "evil (2).png", "etc/passwd", "up.png", "a" * 120 + ".jpg")
    assert there == {f"photos/{name}" for name in (*fit, "10_30.png", "10_30 (2).png")}
    for name in ("", "..", "/", "a/" * 9 + "b"):
        ((_name, why),) = visitor.send({name: b"x"}, batch.id)["refused"]
        assert "no name of a photo" in why
    ((_name, why),) = visitor.send({"evil.png/in.png": b"y"}, batch.id)["refused"]
    assert "could not be written" in why
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 1_000)
    ((_name, why),) = visitor.send({"big.png": bytes(1_001)}, batch.id)["refused"]
    assert "send it in parts" in why
    monkeypatch.setattr(uploads, "MAX_FILES", 1)
    ((_name, why),) = visitor.send({"many.png": b"x"}, batch.id)["refused"]
    assert "as a zip" in why
    assert not [path for path in visitor.context.files.rglob("*") if path.is_file()]


def test_what_is_no_photo_is_named(visitor: Visitor) -> None:
    names = ["a.png", "notes.txt", "ann/clip.mov", "@eaDir/a.png", "more.zip"]
    taken = visitor.send(dict.fromkeys(names, b"x"))
    assert dict(taken["refused"]) == dict.fromkeys(names[1:4], "it is no photo and was passed over")
    batch = visitor.cropper.uploads.batch(taken["batch"])
    found = {path.name for path in batch.path.rglob("*") if path.is_file()}
    assert found == {"a.png", "more.zip"}
    assert not [path for path in visitor.context.files.rglob("*") if path.is_file()]


def test_only_uploaded_files_are_taken(visitor: Visitor, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(FACE)
    with pytest.raises(UserError, match="A file is missing"):
        bring.take(visitor.context, {"batch": None, "files": [["a.png", str(secret)]]})
    assert secret.exists()
    with pytest.raises(UserError, match="no longer here"):
        visitor.send({"a.png": FACE}, "../..")


def test_what_is_cleared_is_deleted_also_while_it_is_sent(visitor: Visitor) -> None:
    batch = visitor.send({"a.png": FACE})["batch"]
    bring.clear_upload(visitor.context, event(batch=batch))
    bring.clear_upload(visitor.context, event(batch=batch))  # a second time
    bring.clear_upload(visitor.context, event(batch=None))
    assert visitor.cropper.uploads.all() == []
    assert visitor.send({"late.png": FACE}, batch, drop=True) == {"batch": None, "refused": []}
    assert not [path for path in visitor.context.files.rglob("*") if path.is_file()]


def test_the_suggested_name_stands_until_another_is_typed(visitor: Visitor) -> None:
    sent = event(batch="b", suggested="Summer", done=False)
    batch, name, button = bring.follow_upload(visitor.context, "", sent)
    assert (batch, name, button["interactive"]) == ("b", "Summer", False)
    sent.done = True
    assert bring.follow_upload(visitor.context, "mine", sent)[1:] == (
        gr.skip(),
        gr.update(interactive=True),
    )


def test_what_nobody_cropped_is_swept_away(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = visitor.send({"a.png": FACE})["batch"]
    monkeypatch.setattr(uploads, "IDLE_S", -1)
    new = visitor.send({"a.png": FACE})["batch"]
    assert [batch.id for batch in visitor.cropper.uploads.all()] == [new] != [old]


def test_a_damaged_request_is_reported_and_kept_aside(visitor: Visitor) -> None:
    batch = visitor.cropper.uploads.batch(visitor.send({"a.png": FACE})["batch"])
    other = visitor.send({"b.png": FACE})["batch"]
    for text in ('{"dataset": "../mine"}', '{"dataset": '):
        batch.record.write_text(text)
        (status,) = visitor.cropper.statuses()
        assert (status.batch, status.state) == (batch.id, cropping.FAILED)
        assert "job.json is damaged" in bring.describe(status)
        with pytest.raises(UserError, match=r"job\.json is damaged"):
            visitor.cropper.resume(batch)
    visitor.start(batch.id)
    visitor.wait()
    assert visitor.start(other, "other")[0] == "other"
    assert visitor.wait().state == cropping.FINISHED
    broken = visitor.cropper.uploads.batch(visitor.send({"c.png": FACE})["batch"])
    broken.record.write_text("{")
    visitor.cropper.discard(broken)
    assert not broken.path.exists()


def test_a_request_is_written_beside_a_damaged_one(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UserError("Not today.")

    monkeypatch.setattr(cropping, "crop_photos", fail)
    batch = visitor.cropper.uploads.batch(visitor.send({"a.png": FACE})["batch"])
    batch.record.write_text("{")
    with pytest.raises(UserError), batch.locked():
        visitor.cropper.start(batch, cropping.CropRequest("mine"))
    assert batch.record.read_text() == "{"
    visitor.cropper.start(batch, cropping.CropRequest("mine"))
    assert batch.record.with_name("job.json.damaged").read_text() == "{"
    visitor.wait()


def test_what_was_sent_to_a_killed_server_is_swept(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = visitor.context.workspace
    visitor.send({"a.png": FACE})
    stray = Path(visitor.uploaded(FACE))
    later = cropping.Cropper(workspace)  # as another server: at once nothing is idle
    later.sweep()
    assert len(later.uploads.all()) == 1 and stray.exists()
    monkeypatch.setattr(uploads, "IDLE_AT_START_S", -1.0)
    sent = later.uploads.new()
    later.sweep()
    assert [batch.id for batch in later.uploads.all()] == [sent.id]
    assert not stray.exists()


def test_a_failure_is_reported_and_nothing_lost(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full: make room, then try again.")

    monkeypatch.setattr(cropping, "crop_photos", full)
    status = visitor.crop({"a.png": FACE})
    assert status.state == cropping.FAILED
    assert bring.describe(status) == "Cropping failed: The disk is full: make room, then try again."
    monkeypatch.setattr(cropping, "crop_photos", lambda *_, **__: 1 / 0)
    bring.change(visitor.context, "mine", "resume")
    assert visitor.wait().error == catalogue.SORRY  # the log has the rest
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    bring.change(visitor.context, "mine", "resume")
    assert visitor.wait().state == cropping.FINISHED


def test_an_interrupted_crop_is_resumed_by_another_server(visitor: Visitor) -> None:
    batch = visitor.cropper.uploads.batch(visitor.send({"a.png": FACE, "b.png": OTHER})["batch"])
    batch.record.write_text(json.dumps(dataclasses.asdict(CropRequest("mine"))))
    shown = dict(zip(NAMES, photos.show(visitor.context, "mine", "all", "", 0), strict=True))
    assert "Nothing is lost" in shown["progress"]
    assert (shown["resume"]["visible"], shown["stop"]["visible"]) == (True, False)
    assert ("mine · interrupted", "mine") in shown["dataset"]["choices"]
    address = photos.restore(visitor.context, fake_ui(), {}, None)
    assert next(iter(address.values()))["value"] == "mine"
    bring.change(visitor.context, "mine", "resume")
    assert visitor.wait().new_faces == 2
    with pytest.raises(UserError, match="no longer here"):
        visitor.cropper.resume(batch)
    with pytest.raises(UserError, match="no longer here"):
        bring.change(visitor.context, "other", "stop")


def fake_ui() -> Any:
    return SimpleNamespace(**{name: name for name in NAMES})


def test_while_it_is_cropped_progress_and_photos_are_shown(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, real = threading.Event(), cropping.crop_photos

    def held(*args: Any, progress: Any, **options: Any) -> Any:
        def report(one: Any) -> None:
            progress(one)
            go_on.wait(30)

        return real(*args, progress=report, workers=1, **options)

    monkeypatch.setattr(cropping, "crop_photos", held)
    visitor.start(visitor.send({"a.png": FACE, "b.png": OTHER})["batch"])
    helpers.wait_for(lambda: visitor.cropper.newest() != [])
    shown = dict(zip(NAMES, photos.show(visitor.context, "mine", "all", "", 0), strict=True))
    assert "Cropping: 1 of 2 photos · 1 kept, 0 left out" in shown["progress"]
    assert shown["timer"]["active"]
    (face,) = shown["grid"]["faces"]
    assert shown["grid"]["live"] and len(face["boxes"]) == 1
    preview = review.photo(visitor.context, face["photo"])
    assert preview is not None and preview.startswith("data:image/jpeg")
    with pytest.raises(UserError, match="Other photos are being cropped"):
        visitor.start(visitor.send({"a.png": FACE})["batch"], "another")
    with pytest.raises(UserError, match="stop that first"):
        bring.change(visitor.context, "mine", "discard")
    bring.change(visitor.context, "mine", "stop")
    go_on.set()
    assert visitor.wait().state == cropping.STOPPED
    bring.change(visitor.context, "mine", "discard")
    assert [one.dataset for one in visitor.cropper.statuses()] == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "has no name yet"),
        ({"name": "../up"}, "is not a name"),
        ({"size": 65}, "64, 96 or 128"),
        ({"detector": "magic"}, "yunet or google-vision"),
        ({}, "There are no photos yet"),
        ({"batch": "../.."}, "no longer here"),
        ({"path": "nowhere"}, "not there"),
        ({"name": "taken"}, "already something named"),
    ],
)
def test_bad_requests_are_refused(
    visitor: Visitor, tmp_path: Path, values: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "datasets" / "taken").mkdir(parents=True)
    with pytest.raises(UserError, match=sentence):
        visitor.start(**({"batch": ""} | values))
    assert visitor.cropper.statuses() == []


def test_a_folder_on_this_machine_is_cropped_and_left_alone(
    visitor: Visitor, tmp_path: Path
) -> None:
    photo = tmp_path / "album" / "ann" / "a.png"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(FACE)
    visitor.start("", path=str(tmp_path / "album"))
    status = visitor.wait()
    assert (status.state, status.is_upload) == (cropping.FINISHED, False)
    assert photo.exists()
    assert visitor.cropper.uploads.all() == []
    guest = Visitor(tmp_path, Access(is_local=False, has_password=True))
    with pytest.raises(UserError, match="can only be named there"):
        guest.start("", path=str(tmp_path / "album"))


def test_what_is_no_photo_is_counted_where_it_was_passed_over(
    visitor: Visitor, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    (album / "@eaDir").mkdir(parents=True)
    (album / "a.png").write_bytes(FACE)
    for name in ("a.xmp", "notes.txt", "@eaDir/thumb.jpg"):
        (album / name).write_bytes(b"no photo")
    visitor.start("", path=str(album))
    status = visitor.wait()
    assert (status.photos, status.passed_over) == (1, 3)
    assert bring._ended(status) == (
        "Done: 1 new face from 1 photo. 3 files are no photos and were passed over."
    )


def test_nothing_goes_to_google_without_credentials_and_a_yes(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    batch = visitor.send({"a.png": FACE, "b.png": OTHER})["batch"]
    with pytest.raises(UserError, match="No usable Google credentials"):
        visitor.start(batch, detector="google-vision")
    with VisionServer() as google:
        monkeypatch.setattr(google_vision, "_signed_in_client", google.client)
        for agreed in (0, 1, 3):
            asked = visitor.start(batch, detector="google-vision", agreed=agreed)
            assert asked[1]["visible"] and asked[3] == 2
            assert "2 photos would leave this machine" in asked[2]
        assert bring.refuse(visitor.context) == (gr.update(visible=False), "", 0)
        assert google.requests == []
        assert visitor.start(batch, detector="google-vision", agreed=2)[0] == "mine"
        assert visitor.wait().state == cropping.FINISHED
        assert sum(len(request.requests) for request in google.requests) == 2


def test_more_photos_than_were_agreed_to_are_not_sent(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody adds to a batch that was interrupted."""
    batch = visitor.cropper.uploads.batch(visitor.send({"a.png": FACE, "b.png": OTHER})["batch"])
    with VisionServer() as google:
        monkeypatch.setattr(google_vision, "_signed_in_client", google.client)
        visitor.cropper.start(batch, CropRequest("mine", detector="google-vision", agreed=1))
        assert "Nothing was sent" in str(visitor.wait().error)
        assert google.requests == []


def test_previews_are_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cropping, "PREVIEWS_BYTES", 10)
    previews = Previews()
    previews.put("set", "a", b"1234")
    previews.put("set", "b", b"1234")
    assert previews.get("set", "a") == b"1234"  # looked at last, so it stays
    previews.put("set", "c", b"1234")
    assert [key for key in "abc" if previews.get("set", key)] == ["a", "c"]
    previews.rename("set", "other")
    assert (previews.get("set", "a"), previews.get("other", "c")) == (None, b"1234")
    previews.drop("other")
    assert previews.get("other", "a") is None


# Review --------------------------------------------------------------------------------------


def test_views_have_counts_and_rows(owner: Visitor) -> None:
    shown = owner.show()
    names = [name for _text, name in shown["view"]["choices"]]
    assert names[:3] == ["all", "kept", "rejected"]
    assert {"dark", "no_face", "unreadable"} <= set(names)
    assert shown["grid"]["total"] == 4
    assert "too dark" in owner.faces("dark")["b/dark.png"]["label"]
    none = owner.faces("no_face")["none.png"]
    assert (none["label"], none["kept"]) == (None, False)
    assert "not an image" in owner.faces("unreadable")["no.jpg"]["note"]
    assert owner.show("nonsense")["view"]["value"] == "all"
    assert owner.show(page=99)["page"] == 0


def test_thresholds_are_tried_at_once_and_taken_back(owner: Visitor) -> None:
    rules = dataclasses.asdict(Rules()) | {"min_source_px": 4_000}
    before = owner.show("kept")["grid"]["total"]
    shown = photos.try_rules(owner.context, "mine", "kept", "", 0, *rules.values())
    judged = dict(zip(JUDGED, shown, strict=True))
    assert before > 0 == judged["grid"]["total"]
    assert "not saved" in judged["facts"]
    wider = review.rules_of(owner.context, "mine")[0]
    assert (wider["value"], wider["maximum"]) == (4_000, 4_000)
    review.recommend(owner.context, "mine")
    assert owner.show("kept")["grid"]["total"] == before
    assert not draft.exists(owner.face_set)
    with pytest.raises(UserError, match="--max-yaw 999"):
        review.try_rules(owner.context, "mine", *(rules | {"max_yaw": 999}).values())
    review.try_rules(owner.context, "mine", *(rules | {"max_yaw": 3}).values())
    review.undo(owner.context, "mine")
    assert not draft.exists(owner.face_set)
    assert review.rules_of(owner.context, "") == [gr.skip()] * len(rules)


def test_a_click_keeps_a_face_or_leaves_it_out(owner: Visitor) -> None:
    face = owner.faces()["a/one.png"]
    where = (owner.context, "mine", "all", "", 0)
    photos.toggle(*where, event(face=face["id"]))
    changed = owner.faces("changed")["a/one.png"]
    assert changed["by_hand"] and changed["kept"] != face["kept"]
    photos.toggle(*where, event(face=face["id"]))
    assert owner.faces()["a/one.png"] == face
    with pytest.raises(UserError, match="no such face"):
        photos.toggle(*where, event(face="x"))


def test_ticked_faces_are_kept_or_left_out_together(owner: Visitor) -> None:
    where = (owner.context, "mine", "all", "", 0)
    with pytest.raises(UserError, match="No face is selected"):
        photos.choose_ticked(*where, [], "reject")
    ids = [item["id"] for item in owner.faces().values()][:2]
    assert changes.describe_ticked(owner.context, event(faces=ids)) == "2 are selected."
    photos.choose_ticked(*where, ids, "reject")
    assert owner.show("changed")["grid"]["total"] == 2
    photos.choose_ticked(*where, [WHOLE_VIEW], "keep")
    assert owner.show("kept")["grid"]["total"] == 4
    photos.choose_ticked(*where, [WHOLE_VIEW], "")
    assert owner.show("kept")["facts"] == owner.show()["facts"]
    assert not draft.exists(owner.face_set)


def test_saving_checks_the_name(owner: Visitor, tmp_path: Path) -> None:
    (tmp_path / "datasets" / "taken").mkdir()
    for name, note, can_save in (
        ("mine", "", False),
        ("new", "", True),
        ("taken", "already a dataset", False),
        ("a/b", "is not a name", False),
    ):
        text, button = changes.check_new_name(owner.context, "mine", name)
        assert note in text
        assert button["interactive"] == can_save
    with pytest.raises(UserError, match="already a dataset"):
        changes.save(owner.context, "mine", "taken")
    create_run(owner.context.workspace, "r", {"dataset": {"path": str(owner.face_set.faces)}})
    with pytest.raises(UserError, match="keeps its name"):
        changes.save(owner.context, "mine", "new")
    with pytest.raises(UserError, match="to save"):
        changes.save(owner.context, "none", "none")
    assert changes.save(owner.context, "mine", "") == "mine"


def test_the_report_card_is_one_page_without_markup_of_others(owner: Visitor) -> None:
    page = Path(changes.save_card(owner.context, "mine")).read_text("utf-8")
    assert "<h1>mine</h1>" in page and "5 photos, 4 faces" in page
    assert "data:image/jpeg" in page and "@page" in page
    assert "<script" not in page and "http" not in page
    owner.face_set.report.unlink()
    with pytest.raises(UserError, match="save it first"):
        changes.save_card(owner.context, "mine")


# Persons -------------------------------------------------------------------------------------


def persons_of(owner: Visitor) -> dict[str, int]:
    return dict(listing.groups(listing.read(owner.face_set).rows))


def test_persons_are_sorted_named_merged_split_and_found(owner: Visitor) -> None:
    context = owner.context
    assert changes.sort(context, "mine", lambda *_: None) == ""  # type: ignore[arg-type]
    ids = {item["name"]: item["id"] for item in owner.show()["grid"]["faces"]}
    view, person = changes.find(context, "mine", [ids["a/one.png"]], lambda *_: None)  # type: ignore[arg-type]
    found = owner.show(view, person)
    assert found["grid"]["faces"][0]["id"] == ids["a/one.png"]
    assert found["grid"]["faces"][0]["label"].startswith("0.00")
    with pytest.raises(UserError, match="Tick one face"):
        changes.find(context, "mine", [WHOLE_VIEW], lambda *_: None)  # type: ignore[arg-type]
    assert changes.name_person(context, "mine", "a", "Eileen") == "Eileen"
    assert persons_of(owner)["Eileen"] == 3
    assert changes.name_person(context, "mine", "b", "Eileen") == "Eileen"
    assert persons_of(owner)["Eileen"] == 4
    with pytest.raises(UserError, match="Choose a person first"):
        changes.name_person(context, "mine", "", "x")
    changes.assign(context, "mine", [ids["b/dark.png"]], "all", "", "Somebody")
    assert persons_of(owner)["Somebody"] == 1
    with pytest.raises(UserError, match="of 2 persons: write the name"):
        changes.assign(context, "mine", [WHOLE_VIEW], "all", "", " ")
    changes.assign(context, "mine", [WHOLE_VIEW], "all", "", "All")
    assert persons_of(owner)["All"] == 4
    assert changes.thin(context, "mine", "All", 1) == "All"
    assert owner.show("kept")["grid"]["total"] == 1
    review.undo(context, "mine")  # nothing is saved yet
    assert owner.show("kept")["grid"]["total"] == 3


def test_removal_is_asked_first_and_names_the_runs(
    owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = owner.context
    create_run(context.workspace, "learned", {"dataset": {"path": str(owner.face_set.faces)}})
    face = owner.faces()["a/one.png"]["id"]
    _column, question, doing = changes.ask(context, "mine", [face], "all", "", changes.PHOTOS)
    assert "a/one.png" in question and "learned" in question
    closed: list[str] = []
    monkeypatch.setattr(sandboxes, "close_of", closed.extend)
    assert changes.remove(context, doing) == (gr.update(visible=False), "mine")
    assert "a/one.png" not in owner.faces()
    assert closed == ["learned"]
    with pytest.raises(UserError, match="Choose a person first"):
        changes.ask(context, "mine", [], "all", "", changes.PERSON)
    _column, question, doing = changes.ask(context, "mine", [], "all", "b", changes.PERSON)
    assert "all faces of b" in question
    changes.remove(context, doing)
    assert not list(owner.face_set.path.glob("*/b"))


def test_a_deleted_dataset_can_be_restored(owner: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    context = owner.context
    _column, question, doing = changes.ask(context, "mine", [], "all", "", changes.DATASET)
    assert "to the trash" in question
    with owner.face_set.lock(), pytest.raises(UserError, match="is being changed"):
        changes.remove(context, doing)
    create_run(context.workspace, "learned", {"dataset": {"path": str(owner.face_set.faces)}})
    closed: list[str] = []
    monkeypatch.setattr(sandboxes, "close_of", closed.extend)
    assert changes.remove(context, doing) == (gr.update(visible=False), "")
    assert closed == ["learned"]
    assert not owner.face_set.path.exists()
    (deleted,) = trash.entries(context.workspace)
    assert trash.restore(context.workspace, deleted.key) == owner.face_set.path
    assert owner.show()["grid"]["total"] == 4


# Who may -------------------------------------------------------------------------------------


def test_visitors_see_no_faces_and_bring_none(owner: Visitor, tmp_path: Path) -> None:
    stranger = Visitor(tmp_path, Access(is_local=False)).context
    shown = dict(zip(NAMES, photos.show(stranger, "mine", "all", "", 0), strict=True))
    assert "only to those who sit at this machine" in shown["progress"]
    assert shown["dataset"] == gr.update(visible=False)
    assert "grid" not in {name for name, value in shown.items() if value != gr.skip()}
    face = owner.faces()["a/one.png"]
    calls = [
        lambda: review.judge(stranger, "mine", "all", "", 0),
        lambda: review.try_rules(stranger, "mine", *dataclasses.asdict(Rules()).values()),
        lambda: review.recommend(stranger, "mine"),
        lambda: review.undo(stranger, "mine"),
        lambda: review.toggle(stranger, "mine", event(face=face["id"])),
        lambda: changes.choose_ticked(stranger, "mine", [WHOLE_VIEW], "all", "", "keep"),
        lambda: changes.sort(stranger, "mine"),
        lambda: changes.find(stranger, "mine", [face["id"]]),
        lambda: changes.name_person(stranger, "mine", "a", "b"),
        lambda: changes.assign(stranger, "mine", [WHOLE_VIEW], "all", "", "b"),
        lambda: changes.thin(stranger, "mine", "a", 1),
        lambda: changes.ask(stranger, "mine", [], "all", "a", changes.PERSON),
        lambda: changes.remove(stranger, "{}"),
        lambda: changes.save(stranger, "mine", "x"),
        lambda: changes.train(stranger, "mine", "x"),
        lambda: changes.save_card(stranger, "mine"),
        lambda: photos.add_photos(stranger, "mine"),
        lambda: bring.start(stranger, "", "x", 64, "yunet", False, ""),
        lambda: bring.change(stranger, "mine", "stop"),
        lambda: bring.clear_upload(stranger, event(batch=None)),
    ]
    for call in calls:
        with pytest.raises(UserError, match="does not let visitors see photos"):
            call()
    for function, value in ((bring.take, {}), (review.photo, face["photo"])):
        with pytest.raises(UserError, match="does not let visitors see photos"):
            function(stranger, value)


@pytest.mark.parametrize("wanted", [None, {}, [], {"files": 1}, {"files": [1]}, {"files": ["ab"]}])
def test_what_is_no_list_of_files_is_refused(visitor: Visitor, wanted: Any) -> None:
    with pytest.raises(UserError, match="reload the page"):
        bring.take(visitor.context, wanted)
    with pytest.raises(UserError, match="reload the page"):
        review.photo(visitor.context, wanted)


def test_every_rule_and_reason_has_its_words() -> None:
    assert words.LIMITS.keys() == dataclasses.asdict(Rules()).keys()
    assert {"near_duplicate", "not_chosen", "grey", "overruled"} <= words.REASONS.keys()
