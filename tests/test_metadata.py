"""Metadata that cannot be read never makes whole pixels unusable."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neuroceleb import images, metadata
from neuroceleb.images import UnreadableImageError
from tests import helpers, icc

PROFILE = icc.rgb_profile(icc.DISPLAY_P3)


def photo() -> Image.Image:
    return helpers.photo(5, (64, 48))


def encoded(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    photo().save(buffer, kind, **options)
    return buffer.getvalue()


def exif(*entries: tuple[int, int, int, bytes], after: bytes = b"") -> bytes:
    """EXIF of these tags, types, counts and values (4 bytes each)."""
    tags = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    return head + tags + bytes(4) + after


ON_ITS_SIDE = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
RATIONAL = exif(
    ON_ITS_SIDE,
    (0x011A, 10, 1, struct.pack("<I", 8 + 2 + 3 * 12 + 4)),
    (0x0131, 2, 4, b"abc\0"),
    after=struct.pack("<ii", -1, 0),
)
TEXTS = exif(*((tag, 2, 4, b"abc\0") for tag in (0x0112, 0x011A, 0x0128)))
DIRECTORIES = exif(ON_ITS_SIDE, (0x8769, 2, 4, b"abc\0"), (0x8825, 2, 4, b"abc\0"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("block", "size"), [(RATIONAL, (48, 64)), (DIRECTORIES, (48, 64)), (TEXTS, (64, 48))]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bad_exif(kind: str, block: bytes, size: tuple[int, int]) -> None:
    assert images.read_photo(encoded(kind, exif=block)).size == size


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks before its pixels."""
    whole = encoded("PNG")
    made = b"".join(_chunk(kind, content) for kind, content in chunks)
    return whole[:33] + made + whole[33:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


LARGE = zlib.compress(b"x" * 3_000_000)
CHUNKS: dict[str, list[tuple[bytes, bytes]]] = {
    "packed text": [(b"zTXt", b"key\0\0" + LARGE)],
    "packed international text": [(b"iTXt", b"key\0\1\0\0\0" + LARGE)],
    "a profile of 3 MB": [(b"iCCP", b"key\0\0" + LARGE)],
    "no profile": [(b"iCCP", b"key\0\0garbage")],
    "much text": [(b"tEXt", b"key%d\0" % n + b"x" * 1_000_000) for n in range(66)],
    "short": [(kind, b"k") for kind in (b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"acTL", b"fcTL")],
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks_of_a_png(name: str) -> None:
    found = images.read_photo(with_chunks(*CHUNKS[name]))
    np.testing.assert_array_equal(np.asarray(found), np.asarray(photo()))


def test_orientation_and_profile_are_kept_beside_bad_chunks() -> None:
    wanted = images.read_photo(encoded("PNG", exif=DIRECTORIES, icc_profile=PROFILE))
    good = [(b"iCCP", b"icc\0\0" + zlib.compress(PROFILE)), (b"eXIf", DIRECTORIES[6:])]
    found = images.read_photo(with_chunks(*good, *CHUNKS["packed text"], (b"gAMA", b"k")))
    assert found.size == (48, 64)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
    assert (np.asarray(found) != np.asarray(photo().transpose(Image.Transpose.ROTATE_270))).any()


def test_a_wrong_checksum_of_text() -> None:
    blob = with_chunks((b"tEXt", b"abc\0d")).replace(b"tEXtabc\0d", b"tEXtabd\0d")
    np.testing.assert_array_equal(np.asarray(images.read_photo(blob)), np.asarray(photo()))


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xE0, b"JFIF"),
        (0xE2, b"ICC_PROFILE\0\1"),
        (0xE2, b"MPF\0II*\0\x08\0\0\0\1\0\x02\xb0\x07\0\xff\xff\xff\x0f\0\0\0\0"),
        (0xED, b"Photoshop 3.0\x008BIM\x03"),
        (0xEE, b"Adobe"),
    ],
)
def test_bad_segments_of_a_jpeg(marker: int, content: bytes) -> None:
    whole = encoded("JPEG", exif=DIRECTORIES)
    segment = b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
    found = images.read_photo(whole[:2] + segment + whole[2:])
    assert found.size == (48, 64)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(images.read_photo(whole)))


def test_text_for_the_resolution_of_a_tiff() -> None:
    blob = bytearray(encoded("TIFF", resolution_unit=3, x_resolution=72.0, y_resolution=72.0))
    (start,) = struct.unpack_from("<I", blob, 4)
    (count,) = struct.unpack_from("<H", blob, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", blob, at)[0] in (282, 283):
            blob[at + 2 : at + 12] = struct.pack("<HI", 2, 4) + b"abc\0"
    found = images.read_photo(bytes(blob))
    np.testing.assert_array_equal(np.asarray(found), np.asarray(photo()))


def wholes() -> Iterator[bytes]:
    for kind in ("PNG", "JPEG", "TIFF"):
        yield encoded(kind, exif=DIRECTORIES, icc_profile=PROFILE)
    yield with_chunks(*CHUNKS["no profile"])


WHOLES = list(wholes())


@pytest.mark.parametrize("blob", WHOLES)
def test_a_whole_photo_is_the_same_without_its_other_metadata(blob: bytes) -> None:
    lean = metadata.without_metadata(blob)
    assert lean is not None
    assert len(lean) <= len(blob)
    wanted, found = images.read_photo(blob), images.read_photo(lean)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLES), st.data())
def test_damaged_files_raise_nothing_else(blob: bytes, damage: st.DataObject) -> None:
    hurt = bytearray(blob)
    for _ in range(damage.draw(st.integers(1, 6))):
        hurt[damage.draw(st.integers(0, min(len(hurt), 400) - 1))] = damage.draw(
            st.integers(0, 255)
        )
    cut = bytes(hurt[: damage.draw(st.integers(1, len(hurt)))])
    metadata.without_metadata(cut)
    try:
        assert images.read_photo(cut).mode == "RGB"
    except UnreadableImageError as error:
        assert str(error)
