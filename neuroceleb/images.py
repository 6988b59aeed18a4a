"""Decode photos safely, lay images out in a sheet, encode and save them.

Outside torch an image is uint8, height x width x 3, RGB.
"""

import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

from neuroceleb import decoding, files, records
from neuroceleb.errors import UserError

Pixels = decoding.Pixels
Thumbnails = NDArray[np.float32]

THUMBNAIL_PX = 16

MAX_FILE_BYTES = decoding.OWNER.file_bytes
UnreadableImageError = decoding.UnreadableImageError
read_photo = decoding.read_photo

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # pixels, as their encoders allow


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
    rows, columns = (max(0, (side - padding_px) // step) for side in sheet.shape[:2])
    if rows * columns < count:
        raise UserError(
            "A sheet of {cells} faces cannot hold {count}: use its own size.",
            cells=rows * columns,
            count=count,
        )
    corners = ((i // columns * step, i % columns * step) for i in range(count))
    faces = [sheet[y + padding_px : y + step, x + padding_px : x + step] for y, x in corners]
    return np.stack(faces)


def check_suffix(suffix: str) -> None:
    """Raises UserError for the suffix of a file that `encode` cannot write."""
    if suffix.lower() not in SUFFIXES:
        raise UserError(
            "'{suffix}' is no image file: use one of {suffixes}.",
            suffix=suffix,
            suffixes=", ".join(SUFFIXES),
        )


def encode(image: Pixels, suffix: str = ".png", provenance: dict[str, Any] | None = None) -> bytes:
    """Encode an image by the suffix of its file: PNG, or JPEG and WebP at quality 90.

    `provenance` is stored as JSON in a PNG's text chunk `neuroceleb`. Raises UserError for an
    unknown suffix and for an image larger than its format allows.
    """
    check_suffix(suffix)
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
    limits = dataclasses.replace(decoding.VISITOR, pixels=max_pixels, result_pixels=max_pixels)
    image, text = decoding.read_png(png, limits)
    return np.asarray(image), records.parse_object(text.get("neuroceleb"))


def save(path: Path, image: Pixels, provenance: dict[str, Any] | None = None) -> None:
    """Encode by the path's suffix and write atomically; raises UserError."""
    files.write_bytes(path, encode(image, path.suffix, provenance))


def load(path: Path) -> Pixels:
    """Decode one image file to (H, W, 3) uint8; raises UserError with its name."""
    try:
        return decoding.read_pixels(files.read_bytes(path, MAX_FILE_BYTES))
    except OSError as error:
        raise UserError(
            "{path} cannot be read: {reason}.",
            path=files.printable(path),
            reason=error.strerror or str(error),
        ) from error
    except UnreadableImageError as error:
        raise UserError(
            "{path} cannot be shown: {reason}.", path=files.printable(path), reason=error.message
        ) from error


def thumbnails(faces: Pixels) -> Thumbnails:
    """(N, H, W, 3) uint8, sides multiples of 16 -> (N, 768) float32 in [0, 1]: block means."""
    count, height, width, channels = faces.shape
    blocks = faces.reshape(
        count, THUMBNAIL_PX, height // THUMBNAIL_PX, THUMBNAIL_PX, width // THUMBNAIL_PX, channels
    )
    means: Thumbnails = blocks.mean((2, 4), dtype=np.float32).reshape(count, -1) / np.float32(255)
    return means
