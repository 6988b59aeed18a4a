"""Crop photos into a dataset: results, refusals, cancelled and continued."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from neuroceleb.data.faces import edit, report
from neuroceleb.data.faces.crop_photos import Options, crop_photos
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import (
    assert_crops_match_manifest,
    photo_folder,
    portrait,
    row_of,
    save,
)


def test_every_photo_has_its_verdict(face_set: FaceSet) -> None:
    assert row_of(face_set, "none.png").verdict == "no_face"
    dark = row_of(face_set, "bob/dark.png")
    assert (dark.verdict, "dark" in {r.name for r in dark.reasons}) == ("rejected", True)
    assert row_of(face_set, "ann/sharp.png").group == "ann"
    again = row_of(face_set, "ann/again.jpg")
    assert [r.name for r in again.reasons] == ["near_duplicate"]
    assert len([row for row in face_set.iter_rows() if row.source == "two.png"]) == 2
    assert_crops_match_manifest(face_set)
    card = json.loads(face_set.report.read_text("utf-8"))
    assert card["photos"] == 6
    assert card["no_face"] == 1
    assert sum(card["histograms"]["yaw"]["kept"]) == card["kept"]
    assert face_set.report.with_suffix(".jpg").stat().st_size > 1_000


def test_known_photos_are_skipped(cropped: tuple[Path, Path], face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    outcome = crop_photos([cropped[0]], face_set, Options(), workers=1)
    assert outcome.new_faces == 0
    renamed = cropped[0].with_name("copies")

    shutil.copytree(cropped[0] / "ann", renamed)
    assert crop_photos([renamed], face_set, Options(), workers=1).new_faces == 0
    assert face_set.manifest.read_bytes() == before


def test_a_cancelled_crop_continues(cropped: tuple[Path, Path], tmp_path: Path) -> None:
    half = FaceSet(tmp_path / "half")
    seen: list[int] = []
    outcome = crop_photos(
        [cropped[0]],
        half,
        Options(),
        workers=1,
        progress=lambda it: seen.append(it.done),
        cancelled=lambda: True,
    )
    assert not outcome.finished
    crop_photos([cropped[0] / "two.png"], half, Options(), workers=1)
    with half.manifest.open("ab") as file:
        file.write(b'{"source": "bob/da')  # killed while it wrote
    outcome = crop_photos([cropped[0]], half, Options(), workers=1)
    assert outcome.finished
    whole = {row.source: row.verdict for row in FaceSet(cropped[1]).iter_rows()}
    assert {row.source: row.verdict for row in half.iter_rows()} == whole


def test_invalid_calls(cropped: tuple[Path, Path], face_set: FaceSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--size 64"):
        crop_photos([cropped[0]], face_set, Options(size=96))
    with pytest.raises(UserError, match="size 65"):
        crop_photos([cropped[0]], face_set, Options(size=65))
    with pytest.raises(UserError, match="not there"):
        crop_photos([tmp_path / "nowhere"], face_set, Options())
    with (
        face_set.lock(),
        pytest.raises(UserError, match="another process"),
    ):
        edit.save(FaceSet(face_set.path), Rules())


def test_previews_show_the_upright_photo(tmp_path: Path) -> None:
    sideways = portrait().transpose(Image.Transpose.ROTATE_90)
    save(tmp_path / "sideways.png", sideways)
    seen = []
    place = FaceSet(tmp_path / "set")
    crop_photos(
        [tmp_path / "sideways.png"],
        place,
        Options(),
        workers=1,
        previews=True,
        progress=lambda it: seen.append(it.photo),
    )
    (done,) = seen
    assert done is not None
    assert done.preview.startswith(b"\xff\xd8")
    (row,) = place.rows()
    assert row.turned == 270
    assert row.photo_px == portrait().size
    assert row.group == "photos"


def test_crops_of_boxes(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path / "photos")
    raw, cut = FaceSet(tmp_path / "raw"), FaceSet(tmp_path / "cut")
    options = Options(align="box", rules=Rules.off())
    counts = crop_photos([photos], raw, options, workers=1).counts
    assert counts.kept == counts.faces == 6
    assert report.read(raw)["align"] == "box"
    crop_photos([photos], cut, Options(), workers=1)
    boxes, aligned = (
        {row.id: face_set.crop_file(row).read_bytes() for row in face_set.iter_rows() if row.crop}
        for face_set in (raw, cut)
    )
    assert boxes.keys() == aligned.keys()
    assert not {name for name in boxes if boxes[name] == aligned[name]}
    with pytest.raises(UserError, match="--align box"):
        crop_photos([photos], raw, Options(), workers=1)
    with pytest.raises(UserError, match="--align nose"):
        crop_photos([photos], raw, Options(align="nose"), workers=1)
