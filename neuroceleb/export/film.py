"""The sample sheets of a run as WebP, as many and as good as a number of bytes allows."""

import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.spacing import evenly_spaced

QUALITIES = (90, 75, 55, 35)  # of WebP, tried in order
MAX_SIDE_PX = 16_383  # of WebP
SAMPLED = 6  # sheets that are encoded to choose a quality
MARGIN = 1.1  # how much larger than the sampled ones the others may be


def film(sheets: Mapping[int, Path], max_bytes: int) -> dict[int, bytes]:
    """Sheets as WebP by epoch, at most `max_bytes` in all: the first, the last and those between.

    WebP files are used as they are where they all fit. Else the highest of QUALITIES at which all
    fit is chosen, or the lowest for as many epochs as fit, evenly spaced. Raises UserError where
    a sheet cannot be read.
    """
    paths = list(sheets.values())
    are_webp = all(path.suffix == ".webp" for path in paths)
    if are_webp and sum(path.stat().st_size for path in paths) <= max_bytes:
        return {epoch: path.read_bytes() for epoch, path in sheets.items()}
    quality, each = _quality(paths, max_bytes)
    found: dict[int, bytes] = {}
    count = min(len(paths), int(max_bytes // each)) if each else 0
    chosen = evenly_spaced(list(sheets), count)
    left = max_bytes
    for epoch in reversed(chosen):  # the last epoch matters most
        data = _encode(sheets[epoch], quality)
        if len(data) <= left:
            found[epoch] = data
            left -= len(data)
    return dict(sorted(found.items()))


def _quality(paths: list[Path], max_bytes: int) -> tuple[int, float]:
    """A quality, and the expected bytes of a sheet in it."""
    if not paths:
        return QUALITIES[0], 0.0
    sample = evenly_spaced(paths, SAMPLED)
    each = 0.0
    for quality in QUALITIES:
        each = MARGIN * sum(len(_encode(path, quality)) for path in sample) / len(sample)
        if each * len(paths) <= max_bytes:
            return quality, each
    return QUALITIES[-1], each


def _encode(path: Path, quality: int) -> bytes:
    buffer = io.BytesIO()
    sheet = images.load(path)
    if max(sheet.shape) > MAX_SIDE_PX:
        raise UserError(
            "{path} has sides over {most:,} pixels: take it out of the run.",
            path=path,
            most=MAX_SIDE_PX,
        )
    Image.fromarray(sheet).save(buffer, "WEBP", quality=quality)
    return buffer.getvalue()
