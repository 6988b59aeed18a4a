"""Judging again, choosing, overruling and removing, without a photo and without a loss."""

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from neuroceleb.data.faces import edit, report, review
from neuroceleb.data.faces.crop_photos import Options, crop_photos
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import portrait, save


def folder_of(root: Path) -> Path:
    flipped = portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    save(root / "ann" / "sharp.png", portrait())
    save(root / "ann" / "again.jpg", portrait().filter(ImageFilter.GaussianBlur(1)), quality=80)
    save(root / "bob" / "other.png", flipped)
    save(root / "bob" / "dark.png", ImageEnhance.Brightness(flipped).enhance(0.12))
    two = Image.new("RGB", (900, 500), (90, 90, 90))
    two.paste(portrait(240), (20, 100))
    two.paste(portrait(300), (560, 60))
    save(root / "two.png", two)
    save(root / "none.png", Image.new("RGB", (300, 300), (9, 90, 9)))
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    photos = folder_of(tmp_path_factory.mktemp("photos"))
    place = tmp_path_factory.mktemp("made") / "set"
    crop_photos([photos], FaceSet(place), Options(), workers=1)
    return photos, place


@pytest.fixture
def face_set(made: tuple[Path, Path], tmp_path: Path) -> FaceSet:
    """A copy to change."""
    import shutil

    return FaceSet(Path(shutil.copytree(made[1], tmp_path / "set")))


def row_of(face_set: FaceSet, name: str) -> Row:
    return next(row for row in face_set.iter_rows() if row.source == name)


def assert_files_agree(face_set: FaceSet) -> None:
    said = {row.crop for row in face_set.iter_rows() if row.crop}
    there = {p.relative_to(face_set.path).as_posix() for p in face_set.path.glob("*/*/*.png")}
    assert said == there


def test_what_became_of_each(face_set: FaceSet) -> None:
    assert row_of(face_set, "none.png").verdict == "no_face"
    dark = row_of(face_set, "bob/dark.png")
    assert (dark.verdict, "dark" in {r.name for r in dark.reasons}) == ("rejected", True)
    assert row_of(face_set, "ann/sharp.png").group == "ann"
    again = row_of(face_set, "ann/again.jpg")
    assert [r.name for r in again.reasons] == ["near_duplicate"]
    assert len([row for row in face_set.iter_rows() if row.source == "two.png"]) == 2
    assert_files_agree(face_set)
    card = json.loads(face_set.report.read_text("utf-8"))
    assert card["photos"] == 6
    assert card["no_face"] == 1
    assert sum(card["histograms"]["yaw"]["kept"]) == card["kept"]
    assert face_set.report.with_suffix(".jpg").stat().st_size > 1_000


def test_other_rules_move_crops_there_and_back(face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    none = edit.save(face_set, dataclasses.replace(Rules(), min_source_px=4_000))
    assert none.kept == 0
    assert not list(face_set.faces.iterdir())  # ImageFolder takes no empty class
    assert_files_agree(face_set)
    edit.save(face_set, Rules())
    assert face_set.manifest.read_bytes() == before


@pytest.mark.parametrize(("choice", "width"), [("largest", 300), ("central", 240)])
def test_one_of_several_faces(face_set: FaceSet, choice: str, width: int) -> None:
    rows = review.judge(face_set.rows(), dataclasses.replace(Rules(), faces=choice))
    two = [row for row in rows if row.source == "two.png"]
    left = [row for row in two if "not_chosen" not in {r.name for r in row.reasons}]
    assert len(left) == 1
    by_size = sorted(two, key=lambda row: row.measures["source_px"])
    if choice == "largest":
        assert left[0] is by_size[-1]
    else:
        assert abs(left[0].box[0] + left[0].box[2] / 2 - 450) <= min(
            abs(row.box[0] + row.box[2] / 2 - 450) for row in two
        )


def test_a_grey_face_among_coloured_ones(face_set: FaceSet) -> None:
    rows = face_set.rows()
    grey = dataclasses.replace(rows[0], measures=rows[0].measures | {"colour": 0.0})
    coloured = [
        dataclasses.replace(row, measures=row.measures | {"colour": 20.0}) for row in rows[1:]
    ]
    judged = review.judge([grey, *coloured], Rules())
    assert "grey" in {reason.name for reason in judged[0].reasons}
    alone = review.judge([grey], Rules())
    assert "grey" not in {reason.name for reason in alone[0].reasons}


def test_a_person_overrules_and_takes_it_back(face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    dark = row_of(face_set, "bob/dark.png")
    assert edit.overrule(face_set, dark.id, "keep").verdict == "kept"
    assert_files_agree(face_set)
    assert edit.overrule(face_set, dark.id, "reject").reasons[-1].name == "overruled"
    edit.overrule(face_set, dark.id, None)
    assert face_set.manifest.read_bytes() == before
    with pytest.raises(UserError):
        edit.overrule(face_set, "nobody", "keep")


def test_removing_leaves_nothing(face_set: FaceSet) -> None:
    assert edit.remove(face_set, group="bob") == 2
    assert "bob" not in {row.group for row in face_set.iter_rows()}
    assert not list(face_set.path.glob("*/bob/*"))
    assert edit.remove(face_set, source="two.png") == 2
    assert_files_agree(face_set)
    assert report.read(face_set)["faces"] == 2


def test_the_same_again_adds_nothing(made: tuple[Path, Path], face_set: FaceSet) -> None:
    before = face_set.manifest.read_bytes()
    outcome = crop_photos([made[0]], face_set, Options(), workers=1)
    assert outcome.new_faces == 0
    renamed = made[0].with_name("copies")
    import shutil

    shutil.copytree(made[0] / "ann", renamed)
    assert crop_photos([renamed], face_set, Options(), workers=1).new_faces == 0
    assert face_set.manifest.read_bytes() == before


def test_stopped_and_gone_on_is_the_same(made: tuple[Path, Path], tmp_path: Path) -> None:
    half = FaceSet(tmp_path / "half")
    seen: list[int] = []
    outcome = crop_photos(
        [made[0]],
        half,
        Options(),
        workers=1,
        progress=lambda it: seen.append(it.done),
        cancelled=lambda: True,
    )
    assert not outcome.finished
    crop_photos([made[0] / "two.png"], half, Options(), workers=1)
    with half.manifest.open("ab") as file:
        file.write(b'{"source": "bob/da')  # killed while it wrote
    outcome = crop_photos([made[0]], half, Options(), workers=1)
    assert outcome.finished
    whole = {row.source: row.verdict for row in FaceSet(made[1]).iter_rows()}
    assert {row.source: row.verdict for row in half.iter_rows()} == whole


def test_refusals(made: tuple[Path, Path], face_set: FaceSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--size 64"):
        crop_photos([made[0]], face_set, Options(size=96))
    with pytest.raises(UserError, match="size 65"):
        crop_photos([made[0]], face_set, Options(size=65))
    with pytest.raises(UserError, match="not there"):
        crop_photos([tmp_path / "nowhere"], face_set, Options())
    with (
        face_set.lock(),
        pytest.raises(UserError, match="another process"),
    ):
        edit.save(FaceSet(face_set.path), Rules())


def test_previews_are_the_upright_photo(tmp_path: Path) -> None:
    lying = portrait().transpose(Image.Transpose.ROTATE_90)
    save(tmp_path / "lying.png", lying)
    seen = []
    place = FaceSet(tmp_path / "set")
    crop_photos(
        [tmp_path / "lying.png"],
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


def test_raw_box_crops_for_comparison(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos")
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


def test_rules_that_are_off_are_in_bounds() -> None:
    off = Rules.off()
    assert Rules.checked(**dataclasses.asdict(off)) == off
    assert off.max_yaw == 180
    assert off.min_sharpness == off.duplicate_bits == 0
