"""The target of a projection: the aligned 64-pixel crops of a photo's faces, in memory only."""

import base64
from functools import partial
from pathlib import Path

from neuroceleb import decoding
from neuroceleb.data.faces import align, orientation
from neuroceleb.data.faces.detector import Detector, Face
from neuroceleb.decoding import Pixels, UnreadableImageError
from neuroceleb.errors import UserError
from neuroceleb.settings import IMAGE_SIZE

MAX_BYTES = 32 * 2**20
MAX_FACES = 12
MAX_CROP_CHARS = 48 * 2**10
MIN_FACE_PX = 30  # a smaller one shows too little
DRAFT_PX = 1_600  # a larger JPEG is decoded reduced: the crop has 64 pixels


def crops(data: bytes, limits: decoding.Limits = decoding.VISITOR) -> list[Pixels]:
    """The faces of an encoded photo, largest first, at most MAX_FACES: (64, 64, 3) uint8 each.

    An image of 64x64 pixels counts as a finished crop. `limits` bound the memory, by default as
    for photos that visitors send. Raises UserError for data that is no image,
    is too large, or shows no face.
    """
    if len(data) > MAX_BYTES:
        raise UserError(
            "The photo is over {max_mb} MB: use a smaller one.", max_mb=MAX_BYTES // 2**20
        )
    try:
        photo = decoding.read_pixels(data, DRAFT_PX, limits)
    except UnreadableImageError as error:
        raise UserError("The photo cannot be used: {reason}.", reason=error.message) from error
    if photo.shape[:2] == (IMAGE_SIZE, IMAGE_SIZE):
        return [photo]
    found = _crop_faces(photo)
    if not found:
        raise UserError(
            "No face was found in the photo: use one that shows a face from the front, well lit."
        )
    return found[:MAX_FACES]


def crops_of_file(path: Path) -> list[Pixels]:
    """As `crops`, of a file."""
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            "The photo is over {max_mb} MB: use a smaller one.", max_mb=MAX_BYTES // 2**20
        )
    return crops(path.read_bytes())


def read_crop(url: str) -> Pixels:
    """The crop in a data URL of one of the `crops`: (64, 64, 3) uint8. Raises UserError."""
    text = url.partition(";base64,")[2]
    try:
        if not 0 < len(text) <= MAX_CROP_CHARS:
            raise ValueError
        crop = decoding.read_pixels(base64.b64decode(text, validate=True), limits=decoding.VISITOR)
    except (ValueError, UnreadableImageError) as error:
        raise UserError("That is no face cut from a photo: choose the photo again.") from error
    if crop.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise UserError("A face cut from a photo has 64x64 pixels: choose the photo again.")
    return crop


def _crop_faces(photo: Pixels) -> list[Pixels]:
    from neuroceleb.data.faces.yunet import YuNet

    detector = YuNet(smallest_px=MIN_FACE_PX)
    _, upright, faces = orientation.upright(photo, partial(_detect, detector))
    found = []
    for face in faces:
        try:
            matrix = align.landmark_transform(face.landmarks)
        except ValueError:
            continue  # no face: its landmarks coincide
        found.append(align.crop(upright, matrix, IMAGE_SIZE))
    return found


def _detect(detector: Detector, photo: Pixels) -> list[Face]:
    return detector.find([photo])[0]
