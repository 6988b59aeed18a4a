"""Decode photos within bounds on memory, whatever their files claim.

Before anything is decoded, the memory it will take is computed from the header: the file, the
decoder's own buffers, and the pixels as Pillow keeps them. What exceeds the limit is decoded in a
reduced size where the format can do that (JPEG), and refused elsewhere. The conversion to 8-bit RGB
goes tile by tile, and large results are reduced by averaging, so nothing is ever copied whole in a
wider type.
"""

import io
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from neuroceleb import large_pictures, metadata, profiles
from neuroceleb.errors import UserError

Pixels = NDArray[np.uint8]

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")

try:
    import pillow_heif
except ImportError:  # optional: a machine that only trains
    pass
else:
    pillow_heif.register_heif_opener()  # iPhone photos
    FORMATS += ("HEIF",)


class UnreadableImageError(UserError):
    """A file that is no usable image; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Limits:
    """Bounds on one picture: bytes of its file, pixels it claims, memory while it is decoded.

    A result of more than `result_pixels` is reduced by a whole factor, by averaging.
    """

    file_bytes: int
    pixels: int
    memory_bytes: int
    result_pixels: int


OWNER = Limits(256 * 2**20, 200_000_000, 640 * 2**20, 51_000_000)
VISITOR = Limits(32 * 2**20, 200_000_000, 256 * 2**20, 16_000_000)

# Pillow keeps pictures in blocks. glibc gives those of up to 32 MB back to the system only where
# nothing above them is in use, so that the memory of one picture adds to that of the next.
BLOCK_BYTES = 64 * 2**20
Image.core.set_block_size(BLOCK_BYTES)  # type: ignore[attr-defined]

LARGE_BYTES = OWNER.memory_bytes // 2  # no two of these fit into one process

Image.MAX_IMAGE_PIXELS = OWNER.pixels  # Pillow warns above it, and raises above twice as many
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged EXIF data and the like

# Peak bytes a pixel of these decoders, Pillow's copy included, measured with Pillow 12.3 and
# pillow-heif 1.8 (docs/results.md) and rounded up for 4:4:4 and more than 8 bits.
_DECODER_BYTES = {"WEBP": 17, "AVIF": 17, "HEIF": 12}
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_RGB_BYTES = 4  # Pillow's RGB
_TIFF_SAMPLE_BYTES = 8  # the widest sample that Pillow reads from a TIFF
_TILE_PX = 1_024  # a multiple of every factor that is used


class MemoryBudget:
    """Bytes that the threads of this process share: whoever finds too few left waits.

    In order of arrival, so that a large picture is not overtaken by small ones for ever.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def reserved(self, count: int) -> Iterator[None]:
        """Reserve `count` bytes, or all of them where it is more, for the length of the block."""
        count = min(count, self._total)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._used + count <= self._total)
            self._used += count
        try:
            yield
        finally:
            with self._changed:
                self._used -= count
                self._changed.notify_all()


_decoding = MemoryBudget(OWNER.memory_bytes)
files_in_memory = MemoryBudget(OWNER.file_bytes)  # of files that are read to be decoded


def read_photo(data: bytes, draft_px: int | None = None, limits: Limits = OWNER) -> Image.Image:
    """Decode one photo: turned as its EXIF says, first frame, RGB without alpha, in sRGB.

    Grey, palette, alpha (on white), CMYK and 16-bit images become 8-bit RGB; colours of an embedded
    profile become sRGB's. With `draft_px`, a much larger JPEG is decoded in a reduced size, its
    sides no less than that; a picture of over `limits.result_pixels` is reduced by a whole factor,
    by averaging. Metadata that cannot be read is ignored. Pictures that take over LARGE_BYTES are
    decoded one at a time, in all processes of this user.
    Raises UnreadableImageError for empty, truncated, too large and other files.
    """
    with opened_photo(data, draft_px, limits) as photo:
        return photo


@contextmanager
def opened_photo(
    data: bytes, draft_px: int | None = None, limits: Limits = OWNER
) -> Iterator[Image.Image]:
    """As `read_photo`; other large pictures wait until the block has ended, too."""
    with ExitStack() as reservation:
        yield _read(data, FORMATS, draft_px, limits, reservation)


def read_pixels(data: bytes, draft_px: int | None = None, limits: Limits = OWNER) -> Pixels:
    """As `read_photo`, as an array (H, W, 3) uint8."""
    with opened_photo(data, draft_px, limits) as photo:
        pixels = np.empty((photo.height, photo.width, 3), np.uint8)
        for left, top, right, bottom in _tiles(*photo.size):
            pixels[top:bottom, left:right] = np.asarray(photo.crop((left, top, right, bottom)))
        photo.close()  # before the next large picture is decoded
        return pixels


def read_png(data: bytes, limits: Limits = OWNER) -> tuple[Image.Image, dict[str, str]]:
    """As `read_photo`, of a PNG only, with its text chunks. Raises UnreadableImageError."""
    with ExitStack() as reservation:
        image = _read(data, ("PNG",), None, limits, reservation)
        return image, {str(key): text for key, text in image.info.items() if isinstance(text, str)}


def _read(
    data: bytes,
    formats: tuple[str, ...],
    draft_px: int | None,
    limits: Limits,
    reservation: ExitStack,
) -> Image.Image:
    if not data:
        raise UnreadableImageError("the file is empty")
    if len(data) > limits.file_bytes:
        raise UnreadableImageError("it is over {max_mb} MB", max_mb=limits.file_bytes >> 20)
    try:
        return _attempt(data, formats, draft_px, limits, reservation)
    except UnreadableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(OWNER) from error
    except Exception as error:  # decoders raise any exception on hostile bytes
        reservation.close()
        lean = metadata.without_metadata(data)
        if lean is not None and lean != data:
            with suppress(Exception):
                return _attempt(lean, formats, draft_px, limits, reservation)
        if isinstance(error, UnidentifiedImageError):
            raise UnreadableImageError("it is not an image of a known kind") from error
        raise UnreadableImageError("it is damaged ({reason})", reason=_first_line(error)) from error


def _attempt(
    data: bytes,
    formats: tuple[str, ...],
    draft_px: int | None,
    limits: Limits,
    reservation: ExitStack,
) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=formats)
    needed = _prepare(image, data, draft_px, limits)
    reservation.enter_context(_decoding.reserved(needed))
    if needed > LARGE_BYTES:
        reservation.enter_context(large_pictures.turn())
    return _decode(image, limits)


def _too_many_pixels(limits: Limits) -> UnreadableImageError:
    return UnreadableImageError(
        "it has more than {limit} megapixels", limit=limits.pixels // 1_000_000
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:120]


# Memory before decoding --------------------------------------------------------------------


def _prepare(image: Image.Image, data: bytes, draft_px: int | None, limits: Limits) -> int:
    """Choose the size to decode in; returns the bytes that will take at most."""
    width, height = image.size
    if width * height > limits.pixels:
        raise _too_many_pixels(limits)
    coefficients = 0
    if isinstance(image, JpegImageFile):
        coefficients = _jpeg_coefficients(image, data)
        factor = _jpeg_factor(image, len(data) + coefficients, draft_px, limits)
        image.draft("RGB", (max(1, width // factor), max(1, height // factor)))
    needed = coefficients + _needed_bytes(image, data, limits)
    if needed > limits.memory_bytes:
        raise UnreadableImageError(
            "decoding it would take over {max_mb} MB of memory: save it smaller, or as a JPEG",
            max_mb=limits.memory_bytes >> 20,
        )
    return needed


def _jpeg_factor(
    image: JpegImageFile, fixed_bytes: int, draft_px: int | None, limits: Limits
) -> int:
    """By what to divide the sides while decoding: 1, 2, 4 or 8."""
    width, height = image.size
    allowed = 1 if draft_px is None else min(width // draft_px, height // draft_px)
    for factor in (1, 2, 4):
        result = _RGB_BYTES * math.ceil(width / factor) * math.ceil(height / factor)
        fits = fixed_bytes + 2 * result <= limits.memory_bytes
        if fits and result <= _RGB_BYTES * limits.result_pixels and allowed < 2 * factor:
            return factor
    return 8


def _needed_bytes(image: Image.Image, data: bytes, limits: Limits) -> int:
    """The most bytes that `image` takes at once: while it is decoded, or converted afterwards."""
    pixels = image.width * image.height
    own = _MODE_BYTES.get(image.mode, 4)
    decoder = _DECODER_BYTES.get(image.format or "", own) * pixels
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        decoder += _tiff_buffer(image)
    result = _RGB_BYTES * pixels // _factor(pixels, limits.result_pixels) ** 2
    return len(data) + max(decoder, own * pixels + result, 2 * result)


def _jpeg_coefficients(image: JpegImageFile, data: bytes) -> int:
    """The bytes of the whole image's coefficients, which a JPEG of several scans is kept in.

    libjpeg keeps 2 bytes for each sample, at full size whatever size is decoded.
    """
    layers = image.layer
    if not image.info.get("progressive") and _has_single_scan(data, len(layers)):
        return 0
    most = max(across * down for _, across, down, _ in layers)
    samples = sum(across * down for _, across, down, _ in layers) / max(most, 1)
    return math.ceil(2 * samples * (image.width + 64) * (image.height + 64))


def _has_single_scan(data: bytes, components: int) -> bool:
    """Whether the first scan of a JPEG has all components: then there are no others."""
    place = 2
    while place + 4 < len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if marker == 0xDA:  # start of scan
            return data[place + 4] == components
        place += 1 if marker == 0xFF else 2 + length
    return False


def _tiff_buffer(image: TiffImagePlugin.TiffImageFile) -> int:
    """The bytes of one strip or tile, which may be larger than the image."""
    tags = image.tag_v2
    width = int(tags.get(TiffImagePlugin.TILEWIDTH, image.width))
    height = int(tags.get(TiffImagePlugin.TILELENGTH, 0)) or min(
        int(tags.get(TiffImagePlugin.ROWSPERSTRIP, image.height)), image.height
    )
    samples = max(1, int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)))
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (8,))
    widest = max((math.ceil(int(bit) / 8) for bit in bits), default=_TIFF_SAMPLE_BYTES)
    per_pixel = max(samples * widest, _RGB_BYTES)
    return max(0, width) * max(0, height) * per_pixel


# Decoding and conversion -------------------------------------------------------------------


def _decode(image: Image.Image, limits: Limits) -> Image.Image:
    """The decoded image as sRGB, reduced to `limits.result_pixels` and turned upright."""
    image.load()
    turn, profile = metadata.turn_of(image), image.info.get("icc_profile")
    factor = _factor(image.width * image.height, limits.result_pixels)
    if image.mode == "RGB" and factor == 1 and not _changes_colours(profile):
        return image if turn is None else image.transpose(turn)
    rgb = _to_rgb(image, factor, profile)
    rgb.info = image.info
    image.close()  # frees its pixels
    return rgb if turn is None else rgb.transpose(turn)


def _changes_colours(profile: bytes | None) -> bool:
    probe = Image.new("RGB", (1, 1))
    return profiles.to_srgb(probe, profile) is not probe


def _factor(pixels: int, most: int) -> int:
    """The least power of two by which the sides are divided to have at most `most` pixels."""
    factor = 1
    while pixels > most * factor**2:
        factor *= 2
    return factor


def _to_rgb(image: Image.Image, factor: int, profile: bytes | None) -> Image.Image:
    """sRGB, each side divided by `factor`, made tile by tile."""
    width, height = image.size
    scale = _scale_of(image)
    result = Image.new("RGB", (math.ceil(width / factor), math.ceil(height / factor)))
    for box in _tiles(width, height):
        tile = _tile_to_rgb(image.crop(box), scale, profile)
        place = (box[0] // factor, box[1] // factor)
        result.paste(tile if factor == 1 else tile.reduce(factor), place)
    return result


def _tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, _TILE_PX):
        for left in range(0, width, _TILE_PX):
            yield left, top, min(left + _TILE_PX, width), min(top + _TILE_PX, height)


def _tile_to_rgb(tile: Image.Image, scale: float | None, profile: bytes | None) -> Image.Image:
    if scale is not None:
        tile = Image.fromarray(_to_8_bit(np.asarray(tile), scale))
    elif tile.has_transparency_data:
        clear = tile.convert("RGBA")
        colours = profiles.to_srgb(clear.convert("RGB"), profile)
        colours.putalpha(clear.getchannel("A"))
        ground = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(ground, colours).convert("RGB")
    elif tile.mode not in ("RGB", "L", "CMYK"):
        tile = tile.convert("L" if tile.mode == "1" else "RGB")
    tile = profiles.to_srgb(tile, profile)
    return tile if tile.mode == "RGB" else tile.convert("RGB")


def _scale_of(image: Image.Image) -> float | None:
    """What 16-bit integers, or floats in 0..1, are multiplied with; None for 8-bit modes."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return None
    tiles = (np.asarray(image.crop(box)) for box in _tiles(*image.size))
    highest = max(float(np.nan_to_num(tile).max(initial=0)) for tile in tiles)
    if image.mode == "F" and highest <= 1.0:
        return 255.0
    return 1 / 257 if highest > 255.0 else 1.0


def _to_8_bit(values: NDArray[Any], scale: float) -> Pixels:
    numbers = np.nan_to_num(values.astype(np.float64)) * scale
    return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)
