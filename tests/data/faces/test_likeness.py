"""Finding a person on photos by faces of theirs, with the real networks."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from skimage import data

from neuroceleb.data.faces import likeness
from neuroceleb.data.faces.identity import Embeddings
from neuroceleb.data.faces.likeness import PersonFinder
from tests.data.faces.faces_helpers import portrait


def png(photo: Image.Image) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def astronaut_face() -> Embeddings:
    finder = PersonFinder(np.zeros((0, 128), np.float32), 60)
    return finder._faces(np.asarray(portrait(400)))


def stranger() -> Image.Image:
    face = Image.fromarray((data.lfw_subset()[0] * 255).astype(np.uint8))
    photo = Image.new("RGB", (450, 450), (120, 120, 120))
    photo.paste(face.resize((250, 250), Image.Resampling.BICUBIC), (100, 100))
    return photo


def test_photos_of_the_person_are_found(astronaut_face: Embeddings) -> None:
    finder = PersonFinder(astronaut_face, 60)
    flipped = portrait(240).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert finder.shows(png(ImageEnhance.Brightness(flipped).enhance(0.8)))
    assert finder.shows(png(stranger())) is False
    assert finder.shows(png(Image.new("RGB", (200, 200)))) is False


def test_what_is_not_known_is_none(astronaut_face: Embeddings) -> None:
    assert PersonFinder(astronaut_face, -1).shows(png(portrait())) is None
    assert PersonFinder(astronaut_face, 60).shows(b"no photo") is None
    assert PersonFinder(astronaut_face[:0], 60).shows(png(portrait())) is None
    assert not likeness.is_like(astronaut_face[:0], astronaut_face)
