"""The metadata of photos: the orientation, and a copy of a file without the blocks that may fail.

Cameras, phones and editors write metadata that Pillow refuses, with it the whole photo. The pixels
do not depend on it.
"""

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

ORIENTATION = 0x0112
MAX_PNG_PROFILE_BYTES = 2**20  # unpacked; Pillow refuses more

_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# Tags of a TIFF that say how its pixels are stored, its orientation and its profile.
_TIFF_PIXELS = frozenset(
    {
        *range(254, 260),
        *(262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, *range(322, 326)),
        *(332, 334, 338, 339, 347, 529, 530, 531, 532, 34675),
    }
)


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF says; as it is stored where that cannot be read."""
    how = turn_of(image)
    return image if how is None else image.transpose(how)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """How to turn a loaded image upright; None where it is, or its EXIF cannot be read."""
    try:
        return _TURNED.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # parsers raise any exception on hostile bytes
        return None


def without_metadata(data: bytes) -> bytes | None:
    """A PNG, JPEG or TIFF with the blocks that its pixels need, its orientation and its profile.

    None for other files, and where the file's structure is damaged.
    """
    try:
        if data.startswith(_PNG_SIGNATURE):
            return _PNG_SIGNATURE + b"".join(_png_chunks(data))
        if data.startswith(b"\xff\xd8"):
            return b"".join(_jpeg_segments(data))
        if data.startswith((b"II*\0", b"MM\0*")):
            return _lean_tiff(data)
    except (struct.error, IndexError):
        return None
    return None


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if kind in _PNG_PIXELS or _is_sound(kind, data[at + 8 : end - 4], data[end - 4 : end]):
            yield data[at:end]
        at = end
    yield data[at:]  # of a truncated file


def _is_sound(kind: bytes, content: bytes, checksum: bytes) -> bool:
    """Whether a PNG's EXIF or profile can be read."""
    if checksum != struct.pack(">I", zlib.crc32(kind + content)):
        return False
    if kind == b"iCCP":
        packed = content[content.find(b"\0") + 2 :]
        try:
            profile = zlib.decompressobj().decompress(packed, MAX_PNG_PROFILE_BYTES + 1)
        except zlib.error:
            return False
        return len(profile) <= MAX_PNG_PROFILE_BYTES
    return kind == b"eXIf"


def _jpeg_segments(data: bytes) -> Iterator[bytes]:
    """Everything but comments and application segments; of these EXIF, profile and Adobe's."""
    yield data[:2]
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:  # SOS: the pixels begin
        if data[at + 1] == 0xFF:  # padding
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        marker, content = data[at + 1], data[at + 4 : at + 2 + length]
        is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not is_metadata or _is_needed(marker, content):
            yield data[at : at + 2 + length]
        at += 2 + length
    yield data[at:]


def _is_needed(marker: int, content: bytes) -> bool:
    exif = marker == 0xE1 and content.startswith(b"Exif\0\0")
    profile = marker == 0xE2 and content.startswith(b"ICC_PROFILE\0") and len(content) > 14
    adobe = marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12
    return exif or profile or adobe


def _lean_tiff(data: bytes) -> bytes:
    """The same file, its first directory reduced to the tags that the pixels need."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    tags = [data[at : at + 12] for at in range(start + 2, start + 2 + 12 * count, 12)]
    kept = [tag for tag in tags if struct.unpack_from(order + "H", tag)[0] in _TIFF_PIXELS]
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + b"\0\0\0\0"
    return data[:start] + directory + data[start + len(directory) :]
