"""Decoding of photos, sheets, encoding and saving."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from skimage import data

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import UnreadableImageError
from tests import helpers


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(image: Image.Image, kind: str = "PNG", **options: Any) -> np.ndarray:
    photo = images.read_photo(encoded(image, kind, **options))
    assert photo.mode == "RGB"
    return np.asarray(photo)


def a_photo() -> Image.Image:
    return helpers.photo(3, (40, 30))


# Kinds of photos ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM", "WEBP", "JPEG", "AVIF"])
def test_every_format_is_read(kind: str) -> None:
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    found = decoded(a_photo(), kind, **options).astype(int)
    expected = np.asarray(a_photo()).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 8


def test_grey_is_three_equal_channels() -> None:
    grey = a_photo().convert("L")
    found = decoded(grey)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], np.asarray(grey))


def test_one_bit_is_black_and_white() -> None:
    found = decoded(a_photo().convert("1"))
    assert set(np.unique(found)) == {0, 255}


def test_a_palette_is_looked_up() -> None:
    palette = a_photo().quantize(64)
    np.testing.assert_array_equal(decoded(palette), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode: str) -> None:
    image = a_photo().convert(mode)
    image.putalpha(Image.fromarray(np.tile(np.array([0, 255], np.uint8), (30, 20))))
    found = decoded(image)
    assert (found[:, 0::2] == 255).all()
    np.testing.assert_array_equal(found[:, 1::2], np.asarray(image.convert("RGB"))[:, 1::2])


def test_a_transparent_palette_colour_becomes_white() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((0, 0), 1)
    found = decoded(palette, transparency=0)
    assert found[0, 0].tolist() == [200, 100, 50]
    assert found[1, 1].tolist() == [255, 255, 255]


def test_cmyk_becomes_the_colours_it_means() -> None:
    found = decoded(a_photo().convert("CMYK"), "JPEG", quality=100).astype(int)
    assert np.abs(found - np.asarray(a_photo()).astype(int)).mean() < 6


def test_sixteen_bits_become_eight() -> None:
    values = np.linspace(0, 65535, 40 * 30).reshape(30, 40)
    expected = np.rint(values / 257)
    for image, kind in (
        (Image.fromarray(values.astype(np.uint16)), "PNG"),  # I;16
        (Image.fromarray(values.astype(np.uint16)), "TIFF"),
        (Image.fromarray(values.astype(np.int32)), "TIFF"),  # I
        (Image.fromarray(values.astype(np.float32)), "TIFF"),  # F
        (Image.fromarray((values / 65535).astype(np.float32)), "TIFF"),  # F from 0 to 1
    ):
        found = decoded(image, kind).astype(int)
        for channel in range(3):
            assert np.abs(found[..., channel] - expected).max() <= 1, (image.mode, kind)


def test_nan_and_infinity_are_accepted() -> None:
    values = np.full((8, 8), 0.5, np.float32)
    values[0] = [np.nan, np.inf, -np.inf, 0, 1, 2, -1, 1e30]
    assert decoded(Image.fromarray(values), "TIFF").shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_photos_are_turned_as_their_exif_says(orientation: int, kind: str) -> None:
    upright = Image.fromarray(data.astronaut()[:96, 160:288])  # a real photo, wider than high
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decoded(stored, kind, exif=exif).astype(int)
    assert found.shape == (96, 128, 3)
    assert np.abs(found - np.asarray(upright).astype(int)).mean() < 6


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # which Pillow says and `images` silences
def test_damaged_exif_is_ignored() -> None:
    whole = encoded(a_photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert images.read_photo(whole).size == (40, 30)


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "green")]
    found = decoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (found == [255, 0, 0]).all()


def test_a_large_jpeg_is_decoded_reduced_but_never_too_small() -> None:
    jpeg = encoded(helpers.photo(1, (1600, 1200)), "JPEG")
    width, height = images.read_photo(jpeg, draft_px=256).size
    assert 256 <= height < 1200
    assert width / height == pytest.approx(4 / 3, rel=0.01)


# Sizes -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_every_size_becomes_a_square(width: int, height: int) -> None:
    square = images.shrink_to_square(helpers.photo(0, (width, height)), 64)
    assert square.shape == (64, 64, 3)
    assert square.dtype == np.uint8


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (3, 5000), (5000, 1), (1, 20_000), (64, 64)])
def test_extreme_aspects_become_a_square(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (10, 200, 30))
    assert (images.shrink_to_square(image, 64) == [10, 200, 30]).all()


def test_the_centre_is_kept() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste((0, 0, 255), (100, 0, 200, 100))
    assert (images.shrink_to_square(image, 64)[:, 2:-2] == [0, 0, 255]).all()
    turned = image.transpose(Image.Transpose.ROTATE_90)
    assert (images.shrink_to_square(turned, 64)[2:-2] == [0, 0, 255]).all()


def test_a_real_photo_keeps_its_colours() -> None:
    photo = Image.fromarray(data.astronaut())
    square = images.shrink_to_square(photo, 64)
    np.testing.assert_allclose(square.mean((0, 1)), np.asarray(photo).mean((0, 1)), atol=1.5)


# What is no usable image -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bytes_of_file", "reason"),
    ids=range(12),
    argvalues=[
        (b"", "empty"),
        (b"Dear diary, today", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (b"\xff\xd8\xff", "not an image"),
        (encoded(helpers.photo(3), "JPEG")[:-400], "damaged"),
        (encoded(helpers.photo(3), "PNG")[:200], "damaged"),
        (encoded(helpers.photo(3), "GIF")[:-100], "damaged"),
        (encoded(helpers.photo(3), "WEBP")[:100], "damaged"),
        (helpers.png_that_claims(20_000, 10_001), "200 megapixels"),
        (helpers.png_that_claims(2**31 - 1, 2**31 - 1), "200 megapixels"),
        (helpers.png_that_claims(9_000, 9_000), "damaged"),  # fewer, but they are not in it
    ],
)
def test_other_files_are_refused_with_a_reason(bytes_of_file: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError, match=reason) as refusal:
        images.read_photo(bytes_of_file)
    assert "\n" not in str(refusal.value)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP"]), st.data())
def test_damaged_bytes_give_an_image_or_a_reason(kind: str, damage: st.DataObject) -> None:
    blob = bytearray(encoded(helpers.photo(3, (24, 16)), kind))
    for _ in range(damage.draw(st.integers(1, 6))):
        blob[damage.draw(st.integers(0, len(blob) - 1))] = damage.draw(st.integers(0, 255))
    try:
        image = images.read_photo(bytes(blob[: damage.draw(st.integers(1, len(blob)))]))
    except UnreadableImageError as error:
        assert str(error)
    else:
        assert image.mode == "RGB"


# Sheets ------------------------------------------------------------------------------------


@given(
    st.integers(1, 20), st.integers(1, 9), st.integers(1, 5), st.integers(0, 4), st.integers(0, 9)
)
def test_a_sheet_gives_its_images_back(
    count: int, size: int, columns: int, padding: int, seed: int
) -> None:
    shape = (count, size, size, 3)
    faces = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    sheet = images.grid(faces, columns, padding)
    np.testing.assert_array_equal(images.ungrid(sheet, count, size, padding), faces)


def test_a_sheet_has_black_lines_of_two_pixels_around_eight_columns() -> None:
    sheet = images.grid(np.full((64, 64, 64, 3), 200, np.uint8))
    assert sheet.shape == (8 * 66 + 2, 8 * 66 + 2, 3)
    lines = np.arange(len(sheet)) % 66 < 2
    assert (sheet[lines] == 0).all()
    assert (sheet[:, lines] == 0).all()
    assert (sheet[~lines][:, ~lines] == 200).all()


def test_a_sheet_too_small_is_refused() -> None:
    sheet = images.grid(np.zeros((4, 8, 8, 3), np.uint8))
    with pytest.raises(UserError, match="cannot hold 5"):
        images.ungrid(sheet, 5, 8)


# Files -------------------------------------------------------------------------------------


def test_png_is_lossless_and_has_the_provenance(tmp_path: Path) -> None:
    pixels = np.asarray(a_photo())
    images.save(tmp_path / "a.png", pixels, {"seed": 3, "model": "얼굴 😀"})
    np.testing.assert_array_equal(images.load(tmp_path / "a.png"), pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert isinstance(image, Image.Image)
        assert json.loads(image.info["neuroceleb"]) == {"seed": 3, "model": "얼굴 😀"}


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".PNG", ".JPG"])
def test_every_suffix_gives_its_own_format(suffix: str) -> None:
    blob = images.encode(np.asarray(a_photo()), suffix, {"seed": 3})
    kind = {".png": "PNG", ".webp": "WEBP"}.get(suffix.lower(), "JPEG")
    with Image.open(io.BytesIO(blob)) as image:
        assert image.format == kind


def test_another_suffix_is_refused() -> None:
    with pytest.raises(UserError, match=r"\.bmp.*\.png"):
        images.encode(np.asarray(a_photo()), ".bmp")


@pytest.mark.parametrize("suffix", [".webp", ".jpg"])
def test_a_sheet_too_long_for_its_format_is_refused(suffix: str) -> None:
    with pytest.raises(UserError, match=r"\.png"):
        images.encode(np.zeros((70_000, 2, 3), np.uint8), suffix)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    images.save(tmp_path / "a.webp", np.asarray(a_photo()))
    before = (tmp_path / "a.webp").read_bytes()
    with pytest.raises(UserError):
        images.save(tmp_path / "a.webp", np.zeros((70_000, 2, 3), np.uint8))
    assert (tmp_path / "a.webp").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_a_file_that_cannot_be_shown_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.png"):
        images.load(tmp_path / "a.png")


def test_a_photo_is_turned_when_loaded_from_a_file(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    a_photo().save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(images.load(tmp_path / "a.png"), expected)
