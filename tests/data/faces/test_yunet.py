"""YuNet on small and large faces, groups, and turned photos."""

import numpy as np
import pytest
from PIL import Image

from neuroceleb.data.faces import orientation
from neuroceleb.data.faces.detector import Face
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.images import Pixels
from tests.data.faces.faces_helpers import FACE_BOX, astronaut, portrait


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    return YuNet()


def find(yunet: YuNet, photo: Pixels) -> list[Face]:
    return yunet.find([photo])[0]


def test_one_face_with_its_landmarks_in_their_places(yunet: YuNet) -> None:
    (face,) = find(yunet, astronaut())
    assert face.box == pytest.approx(FACE_BOX, abs=6)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]
    assert 0.9 < face.score <= 1


def on_ground(face: Image.Image, size: tuple[int, int], at: tuple[int, int]) -> Pixels:
    ground = Image.new("RGB", size, (120, 130, 140))
    ground.paste(face, at)
    return np.asarray(ground)


@pytest.mark.parametrize(
    ("height_px", "size"), [(20, (1000, 700)), (120, (1000, 700)), (1000, (2400, 2000))]
)
def test_small_and_large_faces_in_large_photos(
    yunet: YuNet, height_px: int, size: tuple[int, int]
) -> None:
    width = round(210 * height_px / FACE_BOX[3])
    at = (size[0] - width - 30, 20)
    (face,) = find(yunet, on_ground(portrait(width), size, at))
    assert face.box[3] == pytest.approx(height_px, rel=0.25)
    assert face.box[0] == pytest.approx(at[0] + (FACE_BOX[0] - 120) * width / 210, rel=0.05)


def test_every_face_of_a_group_once_largest_first(yunet: YuNet) -> None:
    ground = Image.new("RGB", (1600, 900), (90, 90, 90))
    for number in range(6):
        ground.paste(portrait(140 + 20 * number), (20 + 260 * number, 300))
    faces = find(yunet, np.asarray(ground))
    assert len(faces) == 6
    assert faces[0].box[0] > faces[-1].box[0]


def test_a_face_across_the_edge_of_two_tiles_is_one(yunet: YuNet) -> None:
    photo = on_ground(portrait(110), (2600, 700), (800, 300))
    assert len(find(yunet, photo)) == 1


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 900), (40, 40), (3000, 8)])
def test_no_face_where_there_is_none(yunet: YuNet, size: tuple[int, int]) -> None:
    assert find(yunet, np.full((*size, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_sideways_and_upside_down_photos_are_turned_upright(yunet: YuNet, quarters: int) -> None:
    turned_photo = np.ascontiguousarray(np.rot90(np.asarray(portrait()), quarters))
    turned, photo, faces = orientation.upright(turned_photo, lambda it: find(yunet, it))
    assert (turned + 90 * quarters) % 360 == 0
    assert np.array_equal(photo, np.asarray(portrait()))
    assert faces[0].landmarks[0][1] < faces[0].landmarks[3][1]
