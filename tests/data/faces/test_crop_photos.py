"""Crop photos into a dataset: results, refusals, cancelled and continued."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from neuroceleb import images
from neuroceleb.data.faces import edit, identities, report
from neuroceleb.data.faces.crop_photos import Options, crop_photos
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests import icc
from tests.data.faces.faces_helpers import (
    assert_crops_match_manifest,
    photo_folder,
    portrait,
    row_of,
    save,
)
from tests.data.zips import zip_of


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


def test_photos_that_are_cut_already_stay_as_they_are(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path / "photos")
    cut, judged = FaceSet(tmp_path / "cut"), FaceSet(tmp_path / "judged")
    crop_photos([photos], cut, Options(size=96), workers=1)
    tall = Image.new("RGB", (96, 120))
    tall.paste(images_of(cut)[0], (0, 12))
    for number, image in enumerate((*images_of(cut), tall)):
        save(tmp_path / "squares" / f"{number}.png", image)
    options = Options(size=96, align="none", rules=Rules(duplicate_bits=0))
    counts = crop_photos([tmp_path / "squares"], judged, options, workers=1).counts
    assert counts.faces == len(images_of(cut)) + 1
    for row in judged.iter_rows():
        assert row.crop is not None
        photo = images.load(tmp_path / "squares" / row.source)
        top = (len(photo) - 96) // 2
        np.testing.assert_array_equal(images.load(judged.crop_file(row)), photo[top : top + 96])
        assert (row.measures["source_px"], row.measures["outside"]) == (96, 0)
    rows = list(judged.iter_rows())
    found = identities.embeddings(judged, rows)
    same = [
        place for place, row in enumerate(rows) if row.source in ("0.png", f"{len(rows) - 1}.png")
    ]
    assert np.linalg.norm(found[same[0]] - found[same[1]]) < 0.2


def test_of_a_photo_that_is_cut_already_the_most_central_face_counts(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path / "photos")
    judged = FaceSet(tmp_path / "judged")
    crop_photos([photos], judged, Options(align="none", rules=Rules.off()), workers=1)
    (row,) = [row for row in judged.iter_rows() if row.source == "two.png"]
    assert row.box is not None
    assert row.box[0] > 560  # the right one's
    assert images.load(judged.crop_file(row)).shape == (64, 64, 3)


def images_of(face_set: FaceSet) -> list[Image.Image]:
    """The crops of the kept faces."""
    return [
        Image.fromarray(images.load(face_set.crop_file(row)))
        for row in face_set.iter_rows()
        if row.verdict == "kept"
    ]


def groups(face_set: FaceSet) -> dict[str, str]:
    return {row.source: row.group for row in face_set.iter_rows()}


@pytest.mark.parametrize(("separator", "encoding"), [("/", None), ("\\", None), ("\\", "cp949")])
def test_a_zipped_folder_has_the_groups_of_the_folder(
    separator: str, encoding: str | None, tmp_path: Path
) -> None:
    members = {}
    for number, name in enumerate(("김철수", "이영희")):
        path = save(tmp_path / "set" / name / "사진.png", portrait(200 + 40 * number))
        members[separator.join(("set", name, ""))] = b""
        members[separator.join(("set", name, path.name))] = path.read_bytes()
    as_zip = zip_of(tmp_path / "packed.zip", members, encoding)
    for name, source in (("folder", tmp_path / "set"), ("zip", as_zip)):
        face_set = FaceSet(tmp_path / name)
        result = crop_photos([source], face_set, Options(rules=Rules.off()), workers=1)
        assert set(groups(face_set).values()) == {"김철수", "이영희"}
        assert {path.name for path in face_set.faces.iterdir()} == {"김철수", "이영희"}
        assert result.encodings == ({"packed.zip": "cp949"} if encoding and name == "zip" else {})
    assert report.read(FaceSet(tmp_path / "zip"))["zip_names"] == result.encodings


def test_a_zip_of_one_folder_is_a_group_of_its_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", portrait())
    face_set = FaceSet(tmp_path / "set")
    packed = zip_of(tmp_path / "photos.zip", {"민지/a.png": path.read_bytes()})
    crop_photos([packed], face_set, Options(), workers=1)
    assert groups(face_set) == {"민지/a.png": "민지"}


def test_files_that_are_no_photos_are_counted(tmp_path: Path) -> None:
    save(tmp_path / "family" / "minji" / "a.png", portrait())
    save(
        tmp_path / "family" / "minji" / "@eaDir" / "a.png" / "SYNOPHOTO_THUMB_M.png", portrait(160)
    )
    save(tmp_path / "family" / "$RECYCLE.BIN" / "S-1" / "$RA.png", portrait(220))
    (tmp_path / "family" / "minji" / "a.json").write_text("{}")
    face_set = FaceSet(tmp_path / "set")
    result = crop_photos([tmp_path / "family"], face_set, Options(), workers=1)
    assert groups(face_set) == {"minji/a.png": "minji"}
    assert (result.system_files, result.other_files, result.counts.unreadable) == (2, 1, 0)
    saved = report.read(face_set)
    assert (saved["system_files"], saved["other_files"]) == (2, 1)
    with pytest.raises(UserError, match="--zip-names"):
        crop_photos([tmp_path / "family"], face_set, Options(zip_names="klingon"), workers=1)


def test_wide_gamut_photos_have_the_crops_of_srgb(tmp_path: Path) -> None:
    profile = icc.rgb_profile(icc.DISPLAY_P3)
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    wide = ImageCms.profileToProfile(
        portrait(), ImageCms.createProfile("sRGB"), opened, outputMode="RGB"
    )
    assert wide is not None
    save(tmp_path / "srgb" / "a.png", portrait())
    save(tmp_path / "wide" / "a.png", wide, icc_profile=profile)
    crops = []
    for name in ("srgb", "wide"):
        face_set = FaceSet(tmp_path / f"{name}-set")
        crop_photos([tmp_path / name], face_set, Options(rules=Rules.off()), workers=1)
        (row,) = face_set.rows()
        crops.append(images.load(face_set.crop_file(row)).astype(int))
    assert np.abs(crops[0] - crops[1]).mean() < 3
