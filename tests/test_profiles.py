"""Embedded colour profiles become sRGB while photos are read."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from neuroceleb import images, profiles
from tests import icc

MANY = 4 * 2**20


def portrait() -> Image.Image:
    return Image.fromarray(data.astronaut()[:240, 120:330])


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(blob: bytes, draft_px: int | None = None) -> np.ndarray:
    return np.asarray(images.read_photo(blob, draft_px)).astype(int)


def in_space(image: Image.Image, profile: bytes, mode: str = "RGB") -> Image.Image:
    """The same colours in the profile's numbers."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    found = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), opened, outputMode=mode
    )
    assert found is not None
    return found


def chroma(pixels: np.ndarray) -> float:
    return float((pixels.max(2) - pixels.min(2)).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    "profile", [icc.rgb_profile(icc.DISPLAY_P3), icc.rgb_profile(icc.ADOBE_RGB, 2.2)]
)
def test_wide_gamut_photos_have_the_colours_of_srgb(kind: str, profile: bytes) -> None:
    options = {"quality": 97} if kind in ("JPEG", "WEBP", "AVIF") else {}
    expected = np.asarray(portrait()).astype(int)
    wide = in_space(portrait(), profile)
    assert chroma(np.asarray(wide).astype(int)) < 0.93 * chroma(expected)
    found = read(encoded(wide, kind, icc_profile=profile, **options))
    assert np.abs(found - expected).mean() < 3
    assert chroma(found) == pytest.approx(chroma(expected), rel=0.03)


def test_also_reduced_turned_and_transparent() -> None:
    profile = icc.rgb_profile(icc.ADOBE_RGB, 2.2)
    wide = in_space(portrait(), profile)
    expected = np.asarray(portrait()).astype(int)
    large = wide.resize((1680, 1920))
    small = read(encoded(large, "JPEG", quality=97, icc_profile=profile), draft_px=240)
    np.testing.assert_allclose(small.mean((0, 1)), expected.mean((0, 1)), atol=2)
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = encoded(wide, "JPEG", quality=97, icc_profile=profile, exif=exif)
    assert np.abs(read(turned)[::-1, ::-1] - expected).mean() < 3
    wide.putalpha(Image.new("L", wide.size, 255))
    assert np.abs(read(encoded(wide, "PNG", icc_profile=profile)) - expected).mean() < 2
    wide.putalpha(Image.new("L", wide.size, 0))
    assert (read(encoded(wide, "PNG", icc_profile=profile)) == 255).all()


def test_photos_in_srgb_keep_every_pixel() -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (icc.rgb_profile(icc.SRGB), own):
        blob = encoded(portrait(), "PNG", icc_profile=profile)
        np.testing.assert_array_equal(read(blob), np.asarray(portrait()))


def test_cmyk_by_its_profile() -> None:
    corners = np.zeros((2, 2, 2, 2, 3))  # black
    corners[0, 0, 0, 0] = [100.0, 0.0, 0.0]
    corners[1, 0, 0, 0] = [60.0, 60.0, 40.0]  # the first ink is red, not cyan
    profile = icc.cmyk_profile(corners)
    for kind, options in (("JPEG", {"quality": 100}), ("TIFF", {})):
        ink = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
        assert read(encoded(ink, kind, **options))[8, 8].tolist() == [0, 255, 255]
        red, green, blue = read(encoded(ink, kind, icc_profile=profile, **options))[8, 8]
        assert red > 210
        assert green < 120
        assert blue < 120


def test_grey_by_a_grey_and_by_a_colour_profile() -> None:
    grey = Image.new("L", (8, 8), 100)
    for profile in (icc.grey_profile(1.0), icc.rgb_profile(icc.SRGB, 1.0)):
        found = read(encoded(grey, "PNG", icc_profile=profile))
        assert found.shape == (8, 8, 3)
        assert abs(found - 168).max() <= 2  # linear 100 / 255
        assert (found == found[:, :, :1]).all()


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        b"\0" * 4_000,
        icc.rgb_profile(icc.DISPLAY_P3)[:300],
        icc.rgb_profile(icc.DISPLAY_P3).replace(b"rXYZ", b"xXYZ"),
        icc.grey_profile(1.0),  # of a colour photo
        icc.rgb_profile(icc.DISPLAY_P3) + bytes(profiles.MAX_PROFILE_BYTES),
    ],
    ids=["text", "zeros", "cut", "no-red", "grey", "too-large"],
)
def test_a_bad_profile_is_dropped(profile: bytes) -> None:
    blob = encoded(portrait(), "TIFF", icc_profile=profile)
    np.testing.assert_array_equal(read(blob), np.asarray(portrait()))


def test_a_profile_is_opened_once_for_many_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    build = ImageCms.buildTransform
    monkeypatch.setattr(
        ImageCms, "buildTransform", lambda *given: opened.append(1) or build(*given)
    )
    profile = icc.rgb_profile(icc.DISPLAY_P3, 1.9)
    for level in (10, 90, 200):
        read(encoded(Image.new("RGB", (8, 8), (level, 20, 30)), "PNG", icc_profile=profile))
    assert opened == [1]
