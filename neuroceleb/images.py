"""Decode photos safely, lay images out in a sheet, encode and save them.

Outside torch an image is uint8, height x width x 3, RGB.
"""

import io
import json
import math
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from neuroceleb import files, metadata, profiles
from neuroceleb.errors import UserError

Pixels = NDArray[np.uint8]
Thumbnails = NDArray[np.float32]

THUMBNAIL_PX = 16

MAX_PIXELS = 200_000_000
MAX_FILE_BYTES = 256 * 2**20
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # pixels, as their encoders allow

try:
    import pillow_heif
except ImportError:  # optional: a machine that only trains
    pass
else:
    pillow_heif.register_heif_opener()  # iPhone photos
    FORMATS += ("HEIF",)

# Pillow raises above twice this number, and only warns below.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged EXIF data and the like


class UnreadableImageError(UserError):
    """A file that is no usable image; the message is the reason, without the file's name."""


def read_photo(data: bytes, draft_px: int | None = None) -> Image.Image:
    """Decode one photo: turned as its EXIF says, first frame, RGB without alpha, in sRGB.

    Grey, palette, alpha (on white), CMYK and 16-bit images become 8-bit RGB; colours of an embedded
    profile become sRGB's. With `draft_px`, a much larger JPEG is decoded in a reduced size, its
    sides no less than that. Metadata that cannot be read is ignored.
    Raises UnreadableImageError for empty, truncated, too large and other files.
    """
    if not data:
        raise UnreadableImageError("the file is empty")
    try:
        return _decode(data, draft_px)
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            "it has more than {limit} megapixels", limit=MAX_PIXELS // 1_000_000
        ) from error
    except Exception as error:  # decoders raise any exception on hostile bytes
        lean = metadata.without_metadata(data)
        if lean is not None and lean != data:
            with suppress(Exception):
                return _decode(lean, draft_px)
        if isinstance(error, UnidentifiedImageError):
            raise UnreadableImageError("it is not an image of a known kind") from error
        raise UnreadableImageError("it is damaged ({reason})", reason=_first_line(error)) from error


def _decode(data: bytes, draft_px: int | None) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if draft_px is not None:
        image.draft("RGB", (draft_px, draft_px))
    image.load()
    return _to_rgb(metadata.upright(image), image.info.get("icc_profile"))


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:120]


def _to_rgb(image: Image.Image, profile: bytes | None = None) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_to_8_bit(np.asarray(image)))
    elif image.has_transparency_data:
        clear = image.convert("RGBA")
        colours = profiles.to_srgb(clear.convert("RGB"), profile)
        colours.putalpha(clear.getchannel("A"))
        ground = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(ground, colours).convert("RGB")
    elif image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    image = profiles.to_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(values: NDArray[Any]) -> Pixels:
    """16-bit integers, or floats in 0..1, to 0..255."""
    numbers = np.nan_to_num(values.astype(np.float64))
    if values.dtype.kind == "f" and numbers.max(initial=0.0) <= 1.0:
        numbers = numbers * 255.0
    elif numbers.max(initial=0.0) > 255.0:
        numbers = numbers / 257.0
    return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)


def shrink_to_square(image: Image.Image, size_px: int) -> Pixels:
    """Resize the shorter side to `size_px` and crop the centre: (size_px, size_px, 3) uint8.

    The pixels of torchvision's `Resize(size)` and `CenterCrop(size)` (bilinear, anti-aliased).
    """
    width, height = image.size
    short = min(width, height)
    new_width, new_height = size_px * width // short, size_px * height // short
    # Resampled once. An extreme panorama is cropped before it is resized.
    if max(new_width, new_height) > 16 * size_px:
        image = ImageOps.fit(image, (short, short))
        new_width = new_height = size_px
    if (width, height) != (new_width, new_height):
        image = image.resize((new_width, new_height), Image.Resampling.BILINEAR)
    left, top = round((new_width - size_px) / 2), round((new_height - size_px) / 2)
    return np.asarray(image.crop((left, top, left + size_px, top + size_px)))


def grid(images: Pixels, columns: int = 8, padding_px: int = 2) -> Pixels:
    """Arrange (N, H, W, 3) images in a sheet, as torchvision's `save_image` does.

    Row by row, with a black line of `padding_px` around each image. Unlike torchvision's, values
    are never rescaled, so that colours can be compared between sheets.
    """
    count, height, width, channels = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    step_y, step_x = height + padding_px, width + padding_px
    sheet = np.zeros(
        (rows * step_y + padding_px, columns * step_x + padding_px, channels), np.uint8
    )
    for index, image in enumerate(images):
        top = index // columns * step_y + padding_px
        left = index % columns * step_x + padding_px
        sheet[top : top + height, left : left + width] = image
    return sheet


def ungrid(sheet: Pixels, count: int, size_px: int, padding_px: int = 2) -> Pixels:
    """The first `count` images of a sheet of `grid`: (count, size_px, size_px, 3).

    Raises UserError where the sheet has fewer.
    """
    step = size_px + padding_px
    columns = max(1, (sheet.shape[1] - padding_px) // step)
    rows = (sheet.shape[0] - padding_px) // step
    if rows * columns < count:
        raise UserError(
            "A sheet of {cells} faces cannot hold {count}: use its own size.",
            cells=rows * columns,
            count=count,
        )
    corners = ((i // columns * step, i % columns * step) for i in range(count))
    faces = [sheet[y + padding_px : y + step, x + padding_px : x + step] for y, x in corners]
    return np.stack(faces)


def encode(image: Pixels, suffix: str = ".png", provenance: dict[str, Any] | None = None) -> bytes:
    """Encode an image by the suffix of its file: PNG, or JPEG and WebP at quality 90.

    `provenance` is stored as JSON in a PNG's text chunk `neuroceleb`. Raises UserError for an
    unknown suffix and for an image larger than its format allows.
    """
    if suffix.lower() not in SUFFIXES:
        raise UserError(
            "'{suffix}' is no image file: use one of {suffixes}.",
            suffix=suffix,
            suffixes=", ".join(SUFFIXES),
        )
    buffer = io.BytesIO()
    kind = {".png": "PNG", ".webp": "WEBP"}.get(suffix.lower(), "JPEG")
    if max(image.shape[:2]) > LONGEST_SIDE.get(kind, math.inf):
        raise UserError(
            "The sheet is too long for a {suffix} file: use .png, or fewer faces.", suffix=suffix
        )
    options: dict[str, Any] = {"quality": 90} if kind != "PNG" else {}
    if provenance is not None and kind == "PNG":
        chunk = PngImagePlugin.PngInfo()
        chunk.add_itxt("neuroceleb", json.dumps(provenance, ensure_ascii=False))
        options["pnginfo"] = chunk
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def sprite(images: Pixels, columns: int, suffix: str = ".webp") -> bytes:
    """(N, H, W, 3) images row by row without gaps, `columns` in a row.

    ".webp" is lossless and fast, ".jpg" has quality 90 without chroma subsampling (4:4:4).
    """
    buffer = io.BytesIO()
    sheet = Image.fromarray(grid(images, columns, padding_px=0))
    if suffix == ".jpg":
        sheet.save(buffer, "JPEG", quality=90, subsampling=0)
    else:
        sheet.save(buffer, "WEBP", lossless=True, quality=0, method=0)
    return buffer.getvalue()


def decode_png(png: bytes, max_pixels: int) -> tuple[Pixels, dict[str, Any] | None]:
    """A PNG's pixels, (H, W, 3) uint8, and the `provenance` of `encode`; None where it has none.

    Raises UnreadableImageError where it is no PNG or has more than `max_pixels` pixels.
    """
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            if image.width * image.height > max_pixels:
                raise UnreadableImageError(
                    "it has more than {max_pixels:,} pixels", max_pixels=max_pixels
                )
            image.load()
            text = getattr(image, "text", {}).get("neuroceleb")
            pixels = np.asarray(_to_rgb(image))
    except UnreadableImageError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            "it has more than {max_pixels:,} pixels", max_pixels=max_pixels
        ) from error
    except Exception as error:  # decoders raise any exception on hostile bytes
        raise UnreadableImageError("it is no whole PNG") from error
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        value = None
    return pixels, value if isinstance(value, dict) else None


def save(path: Path, image: Pixels, provenance: dict[str, Any] | None = None) -> None:
    """Encode by the path's suffix and write atomically; raises UserError."""
    files.write_bytes(path, encode(image, path.suffix, provenance))


def load(path: Path) -> Pixels:
    """Decode one image file to (H, W, 3) uint8; raises UserError with its name."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableImageError("it is over {max_mb} MB", max_mb=MAX_FILE_BYTES // 2**20)
        return np.asarray(read_photo(path.read_bytes()))
    except OSError as error:
        raise UserError(
            "{path} cannot be read: {reason}.", path=path, reason=error.strerror
        ) from error
    except UnreadableImageError as error:
        raise UserError(
            "{path} cannot be shown: {reason}.", path=path, reason=error.message
        ) from error


def thumbnails(faces: Pixels) -> Thumbnails:
    """(N, H, W, 3) uint8, sides multiples of 16 -> (N, 768) float32 in [0, 1]: block means."""
    count, height, width, channels = faces.shape
    blocks = faces.reshape(
        count, THUMBNAIL_PX, height // THUMBNAIL_PX, THUMBNAIL_PX, width // THUMBNAIL_PX, channels
    )
    means: Thumbnails = blocks.mean((2, 4), dtype=np.float32).reshape(count, -1) / np.float32(255)
    return means
