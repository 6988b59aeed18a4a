"""The verb `crop`: good and bad photos, interrupts, a full disk, and `train` on the dataset."""

import io
import json
import signal
import sys
import zipfile
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests import helpers
from tests.data.faces.faces_helpers import portrait, save


def manifest(workspace: Path, name: str) -> dict[str, dict[str, object]]:
    lines = (workspace / "datasets" / name / "manifest.jsonl").read_text("utf-8").splitlines()
    return {row["source"]: row for row in map(json.loads, lines)}


def bad_photos(root: Path) -> Path:
    whole = io.BytesIO()
    portrait().save(whole, "JPEG")
    root.mkdir()
    (root / "truncated.jpg").write_bytes(whole.getvalue()[:4000])
    (root / "zero.jpg").write_bytes(b"")
    (root / "text.jpg").write_text("not a photo")
    (root / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (root / "inner.zip").write_bytes(b"PK\x03\x04rest")
    save(root / "one.png", Image.new("RGB", (1, 1)))
    Image.new("1", (20_000, 20_000)).save(root / "bomb.png")
    save(root / "wide.png", Image.new("RGB", (30_000, 60), "grey"))
    return root


def test_bad_files_are_listed_and_good_ones_cropped(here: helpers.Here) -> None:
    root = bad_photos(here.workspace / "in")
    save(root / "사람 😀.jpg", portrait())
    save(root / "cmyk.jpg", portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("CMYK"))
    save(root / "wrong.png", portrait(280), format="JPEG")
    save(root / "animated.gif", portrait(), save_all=True, append_images=[portrait().rotate(180)])
    pillow_heif.from_pillow(portrait()).save(root / "phone.heic")
    deep = np.asarray(portrait().convert("L")).astype(np.uint16) * 257
    save(root / "deep.png", Image.fromarray(deep))
    outcome = here("crop", root, "--out", "bad", "--json")
    assert outcome.code == 0, outcome.err
    rows = manifest(here.workspace, "bad")
    verdicts = {name: row["verdict"] for name, row in rows.items()}
    for name in ("truncated.jpg", "zero.jpg", "text.jpg", "drawing.svg", "inner.zip", "bomb.png"):
        assert verdicts.pop(name) == "unreadable"
        assert rows[name]["reasons"][0]["text"]
        assert name in outcome.err
    assert [verdicts.pop(name) for name in ("one.png", "wide.png")] == ["no_face"] * 2
    assert set(verdicts.values()) <= {"kept", "rejected"}
    assert len(verdicts) == 6
    figures = json.loads(outcome.out)
    assert figures["photos"] == 14
    assert figures["unreadable"] == 6


def test_exif_orientation_is_applied_and_exif_removed(here: helpers.Here) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "secret camera"
    sideways = portrait().transpose(Image.Transpose.ROTATE_90)
    path = save(here.workspace / "phone.jpg", sideways, exif=exif, quality=95)
    assert here("crop", path, "--out", "phone").code == 0
    row = manifest(here.workspace, "phone")["phone.jpg"]
    assert row["turned"] == 0
    assert tuple(row["photo_px"]) == portrait().size
    crop = here.workspace / "datasets" / "phone" / str(row["crop"])
    with Image.open(crop) as image:
        assert image.size == (64, 64)
        assert not image.getexif()
    assert b"secret" not in crop.read_bytes()


def test_hostile_members_of_a_zip_are_unreadable(here: helpers.Here) -> None:
    photo = io.BytesIO()
    portrait().save(photo, "PNG")
    path = here.workspace / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann/1.png", photo.getvalue())
        archive.writestr("../../evil.png", photo.getvalue())
        archive.writestr("bomb.jpg", bytes(80 * 2**20))
        archive.writestr("inner.zip", b"PK\x03\x04rest")
    assert here("crop", path, "--out", "zipped").code == 0
    rows = manifest(here.workspace, "zipped")
    assert rows["ann/1.png"]["verdict"] == "kept"
    assert rows["ann/1.png"]["group"] == "ann"
    assert "zip bomb" in rows["bomb.jpg"]["reasons"][0]["text"]
    assert "leads out" in rows["../../evil.png"]["reasons"][0]["text"]
    assert "zip within" in rows["inner.zip"]["reasons"][0]["text"]
    assert not list(here.workspace.parent.rglob("evil*"))


def test_train_accepts_the_dataset(here: helpers.Here) -> None:
    save(here.workspace / "in" / "ann" / "a.png", portrait())
    assert here("crop", here.workspace / "in", "--out", "mine").code == 0
    outcome = here("train", "mine", "--run", "r", "--dry-run", *helpers.TINY)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nowhere", "--out", "x"), "nowhere"),
        (("--out", "x"), "Missing PHOTOS"),
        ((".", "--out", "../x y/../.."), "other files"),
        ((".", "--out", "x", "--size", "65"), "65"),
        ((".", "--out", "x", "--max-yaw", "999"), "999"),
        ((".", "--out", "x", "--detector", "magic"), "magic"),
        ((".", "--out", "/proc/x/y"), "cannot be created"),
    ],
)
def test_invalid_arguments_are_one_sentence(
    here: helpers.Here, arguments: tuple[str, ...], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(here.workspace / "a.png", portrait(80))
    monkeypatch.chdir(here.workspace)
    here("crop", *arguments).assert_refused(text)


def test_nothing_is_sent_without_consent(here: helpers.Here) -> None:
    path = save(here.workspace / "a.png", portrait(80))
    outcome = here("crop", path, "--out", "x", "--detector", "google-vision")
    assert outcome.code == 2
    assert "1 call" in outcome.err


@pytest.mark.slow
def test_an_interrupted_crop_continues(tmp_path: Path) -> None:
    for number in range(60):
        save(tmp_path / "in" / f"{number}.png", portrait(300 + number))
    process = helpers.start(tmp_path, "crop", tmp_path / "in", "--out", "set")
    lines = tmp_path / "datasets" / "set" / "manifest.jsonl"
    helpers.wait_for(lambda: lines.exists() and lines.stat().st_size > 0, process)
    process.send_signal(signal.SIGINT)
    outcome = helpers.finish(process)
    assert outcome.code in {130, 0}
    assert "Traceback" not in outcome.err
    before = lines.read_text().count("\n")
    assert before > 0
    outcome = helpers.command(tmp_path, "crop", tmp_path / "in", "--out", "set", "--json")
    figures = json.loads(outcome.out)
    assert figures["photos"] == 60
    assert figures["new_faces"] == 60 - before or before == 60
    assert len(set(manifest(tmp_path, "set"))) == 60


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    for number in range(40):
        save(tmp_path / "in" / f"{number}.png", portrait(200 + number))
    disk = tmp_path / "disk"
    disk.mkdir()
    crop = f"'{sys.executable}' -m neuroceleb crop '{tmp_path}/in' --out set --workspace '{disk}'"
    script = f"""{crop}; echo "code $?"
        find '{disk}' -name '.*.tmp' | wc -l; wc -l < '{disk}/datasets/set/manifest.jsonl'
        mount -o remount,size=20m '{disk}'; {crop} --json"""
    done = helpers.in_small_disk("400k", disk, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    code, leftovers, rows, figures = done.stdout.strip().splitlines()
    assert (code, leftovers) == ("code 2", "0")
    assert 0 < int(rows) < 40
    assert json.loads(figures)["faces"] == 40
    assert json.loads(figures)["new_faces"] == 40 - int(rows)


def test_a_face_in_a_very_wide_panorama(here: helpers.Here) -> None:
    wide = Image.new("RGB", (30_000, 150), (120, 130, 140))
    wide.paste(portrait(100), (24_000, 10))
    save(here.workspace / "wide.jpg", wide, quality=95)
    assert here("crop", here.workspace / "wide.jpg", "--out", "wide").code == 0
    row = manifest(here.workspace, "wide")["wide.jpg"]
    assert row["box"][0] == pytest.approx(24_000 + (178 - 120) * 100 / 210, abs=10)


def test_a_thousand_files(here: helpers.Here) -> None:
    """Most are no photos: each has its row, and the good ones their crops."""
    for number in range(1_000):
        path = here.workspace / "in" / f"{number:04d}.jpg"
        if number % 250 == 0:
            save(path, portrait(200 + number // 50))
        else:
            path.write_bytes(b"\xff\xd8 no photo %d" % number)
    outcome = here("crop", here.workspace / "in", "--out", "many", "--json")
    assert outcome.code == 0, outcome.err
    figures = json.loads(outcome.out)
    assert (figures["photos"], figures["faces"], figures["unreadable"]) == (1_000, 4, 996)
    assert len(outcome.err.splitlines()) < 40  # the first are named, the report has them all
    card = json.loads((here.workspace / "datasets" / "many" / "report.json").read_text())
    assert len(card["unreadable_photos"]) == 996
