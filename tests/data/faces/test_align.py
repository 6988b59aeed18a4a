"""Aligned crops of turned, resized and partly visible faces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neuroceleb.data.faces import align
from neuroceleb.data.faces.yunet import YuNet
from tests.data.faces.faces_helpers import astronaut

numbers = st.floats(-500, 500)


@given(st.floats(-3.1, 3.1), st.floats(0.01, 50), numbers, numbers)
@settings(max_examples=60, deadline=None)
def test_a_similarity_is_recovered(angle: float, scale: float, dx: float, dy: float) -> None:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    wanted = np.array([[cos, -sin, dx], [sin, cos, dy]])
    points = np.array([[1.0, 2.0], [8.0, 1.0], [3.0, 9.0], [7.0, 8.0]])
    found = align.fit_similarity(points, points @ wanted[:, :2].T + wanted[:, 2])
    assert found == pytest.approx(wanted, abs=1e-6 * max(1.0, scale, abs(dx), abs(dy)))


def test_it_never_mirrors() -> None:
    mirrored = align.TEMPLATE * [-1, 1]
    assert np.linalg.det(align.fit_similarity(mirrored, align.TEMPLATE)[:, :2]) > 0


def test_landmarks_on_one_spot_are_refused() -> None:
    with pytest.raises(ValueError, match="one spot"):
        align.landmark_transform([(3.0, 4.0)] * 5)


@pytest.mark.parametrize("degrees", [-30, 0, 25])
@pytest.mark.parametrize("scale", [0.7, 1.0, 3.0])
@pytest.mark.parametrize("size_px", align.SIZES)
def test_a_turned_and_resized_photo_gives_the_same_crop(
    degrees: int, scale: float, size_px: int
) -> None:
    (face,) = YuNet().find([astronaut()])[0]
    straight = align.crop(astronaut(), align.landmark_transform(face.landmarks), size_px)
    side = round(512 * scale)
    image = Image.fromarray(astronaut()).resize((side, side), Image.Resampling.LANCZOS)
    image = image.rotate(degrees, Image.Resampling.BICUBIC)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = (np.array(face.landmarks) * side / 512 - side / 2) @ turn.T + side / 2
    landmarks = [(float(x), float(y)) for x, y in points]
    crop = align.crop(np.asarray(image), align.landmark_transform(landmarks), size_px)
    middle = slice(size_px // 4, -size_px // 8)
    apart = crop[middle, middle].astype(float) - straight[middle, middle]
    assert np.abs(apart).mean() < 6


def test_eyes_and_mouth_of_a_crop_are_on_the_template() -> None:
    (face,) = YuNet().find([astronaut()])[0]
    crop = align.crop(astronaut(), align.landmark_transform(face.landmarks), 128)
    (again,) = YuNet().find([np.pad(crop, ((64, 64), (64, 64), (0, 0)), "reflect")])[0][:1]
    found = (np.array(again.landmarks)[[0, 1, 3, 4]] - 64) / 2
    assert np.abs(found - align.TEMPLATE * 64).max() < 4


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    whole = np.array([[1 / 1024, 0, 0], [0, 1 / 1024, 0]])
    assert np.abs(align.crop(stripes, whole, 64).astype(int) - 127).max() <= 2


def test_a_crop_of_the_photos_own_size_is_the_photo() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    whole = np.array([[1 / 64, 0, 0], [0, 1 / 64, 0]])
    assert np.array_equal(align.crop(photo, whole, 64), photo)


def test_edges_are_reflected_and_counted() -> None:
    photo = np.full((100, 100, 3), 200, np.uint8)
    matrix = np.array([[1 / 100, 0, 0.5], [0, 1 / 100, 0.0]])  # the left half lies outside
    assert align.crop(photo, matrix, 64).min() == 200
    assert align.outside_share(matrix, 100, 100) == pytest.approx(0.5, abs=0.03)


def test_a_face_at_the_end_of_a_panorama() -> None:
    photo = np.zeros((200, 40_000, 3), np.uint8)
    photo[50:150, 39_000:39_100] = 255
    matrix = np.array([[1 / 100, 0, -390.0], [0, 1 / 100, -0.5]])
    assert align.crop(photo, matrix, 64).mean() > 250
