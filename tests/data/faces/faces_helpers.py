"""Photos with a real face (NASA's portrait of an astronaut), and checks of a dataset."""

import dataclasses
import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from skimage import data

from neuroceleb import images
from neuroceleb.data.faces import clustering, edit, pose
from neuroceleb.data.faces.detector import Face
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.data.faces.rules import Rules
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


PERSON_STEP = 10  # of the red of painted faces, from one person to the next


def painted(person: int, shade: int) -> Pixels:
    """A crop that stands for a face: `painted_embeddings` knows its person and how it varies."""
    return np.full((64, 64, 3), (PERSON_STEP * person, shade, 90), np.uint8)


def painted_embeddings(faces: Pixels, *_: object) -> NDArray[np.float32]:
    """In place of the network: (N, 128), faces of one person 0.01 apart for a step of shade."""
    rows = np.zeros((len(faces), 128), np.float32)
    rows[np.arange(len(faces)), faces[:, 0, 0, 0] // PERSON_STEP] = 1.0
    rows[:, 127] = faces[:, 0, 0, 1] * 0.01
    return rows


def painted_crowding() -> NDArray[np.float32]:
    """In place of the fitted weights: the distances of painted faces are not adjusted."""
    return np.array([0.0] * 128 + [clustering.TYPICAL], np.float32)


def painted_set(path: Path, photos: dict[str, tuple[int, int]], rejected: str = "-") -> FaceSet:
    """A dataset of painted faces: (person, shade) by source; `rejected` is part of a source."""
    face_set = FaceSet(path)
    rows = []
    for source, (person, shade) in photos.items():
        digest = hashlib.sha256(source.encode()).hexdigest()
        folder, group = "faces", source.rpartition("/")[0] or "photos"
        overruled = "reject" if rejected in source else None
        crop = f"{folder}/{group}/{digest[:16]}-{digest[16:22]}-0.png"
        (path / crop).parent.mkdir(parents=True, exist_ok=True)
        images.save(path / crop, painted(person, shade))
        measures = {"hash": digest, "sharpness": 400.0, "brightness": 100.0}
        rows.append(Row(source, digest, "kept", crop=crop, measures=measures, group=group))
        rows[-1] = dataclasses.replace(rows[-1], overruled=overruled, in_folder="/" in source)
    face_set.rewrite(rows)
    edit.save(face_set, Rules.off())
    return face_set


def posed_face(yaw: float, pitch: float) -> Face:
    """The landmarks of an average head turned by these angles in degrees."""
    y, p = np.radians(yaw), np.radians(pitch)
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    a, b, c, d, e = ((float(x), float(z)) for x, z in (pose.HEAD @ (nod @ turn).T)[:, :2] * 80)
    return Face((0, 0, 100, 100), (a, b, c, d, e), 1.0)
