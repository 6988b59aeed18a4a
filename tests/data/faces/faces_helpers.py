"""Photos with a real face (NASA's portrait of an astronaut), and checks of a dataset."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from skimage import data

from neuroceleb.data.faces import pose
from neuroceleb.data.faces.detector import Face
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.images import Pixels

FACE_BOX = (178, 63, 90, 113)  # left, top, width, height in `astronaut()`
# Where YuNet finds eyes, nose and corners of the mouth there.
ASTRONAUT_LANDMARKS = (
    (200.1, 101.8),
    (247.1, 102.6),
    (220.4, 124.5),
    (198.6, 142.8),
    (239.7, 143.6),
)


@cache
def astronaut() -> Pixels:
    """(512, 512, 3) uint8, one face."""
    return np.asarray(data.astronaut())


def portrait(width: int = 300) -> Image.Image:
    """Her face and some of its surroundings, `width` pixels wide."""
    part = Image.fromarray(astronaut()).crop((120, 0, 330, 260))
    return part.resize((width, width * 260 // 210), Image.Resampling.LANCZOS)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def photo_folder(root: Path) -> Path:
    """Six photos: sharp, blurred, flipped, dark, of two faces, and without a face."""
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


def row_of(face_set: FaceSet, name: str) -> Row:
    """The first row of that source."""
    return next(row for row in face_set.iter_rows() if row.source == name)


def assert_crops_match_manifest(face_set: FaceSet) -> None:
    listed = {row.crop for row in face_set.iter_rows() if row.crop}
    files = {p.relative_to(face_set.path).as_posix() for p in face_set.path.glob("*/*/*.png")}
    assert listed == files


def posed_face(yaw: float, pitch: float) -> Face:
    """The landmarks of an average head turned by these angles in degrees."""
    y, p = np.radians(yaw), np.radians(pitch)
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    a, b, c, d, e = ((float(x), float(z)) for x, z in (pose.HEAD @ (nod @ turn).T)[:, :2] * 80)
    return Face((0, 0, 100, 100), (a, b, c, d, e), 1.0)
