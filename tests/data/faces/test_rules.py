"""The measures of good and bad faces, and the reasons that the rules give for them."""

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from neuroceleb.data.faces import align, measure, pose
from neuroceleb.data.faces.detector import LANDMARKS, Face
from neuroceleb.data.faces.measure import Measures
from neuroceleb.data.faces.rules import Rules, face_reasons
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.errors import UserError
from tests.data.faces.faces_helpers import portrait, posed_face


def measured(image: Image.Image) -> Measures:
    photo = np.asarray(image)
    face = YuNet().find([photo])[0][0]
    return measure.measure(photo, face, align.landmark_transform(face.landmarks))


def names(measures: Measures, **rules: float) -> set[str]:
    return {reason.name for reason in face_reasons(measures, Rules.checked(**rules))}


def test_a_good_face_has_no_reason_against_it() -> None:
    assert names(measured(portrait())) == set()


def test_blurred() -> None:
    assert "blurred" in names(measured(portrait().filter(ImageFilter.GaussianBlur(6))))


def test_dark_and_bright() -> None:
    assert "dark" in names(measured(ImageEnhance.Brightness(portrait()).enhance(0.15)))
    assert names(measured(portrait()), max_brightness=100) == {"bright"}


def test_too_small() -> None:
    found = face_reasons(measured(portrait(60)), Rules())
    reason = next(it for it in found if it.name == "too_small")
    assert reason.value < reason.limit == 48
    assert "too small: " in reason.text


def test_outside_the_frame() -> None:
    cut = measured(portrait().crop((0, 60, 300, 230)))
    assert cut["outside"] > 0.05
    assert "outside_frame" in names(cut, max_outside=0.05)


def test_angles_of_google_are_taken() -> None:
    face = Face((0, 0, 1, 1), posed_face(0, 0).landmarks, 1.0, {"pan": 40.0, "tilt": -30.0})
    assert pose.angles(face)["yaw"] == 40
    good = measured(portrait())
    assert names(good | {"yaw": 40.0, "pitch": -30.0}) == {"turned", "nodding"}


def test_likelihoods_of_google_are_reasons() -> None:
    likelihoods = {
        "google_blurred": 0.75,
        "google_under_exposed": 1.0,
        "google_landmark_confidence": 0.1,
    }
    assert names(measured(portrait()) | likelihoods) == {"blurred", "dark", "low_score"}


def test_dark_lenses_are_measured() -> None:
    photo = portrait()
    right_eye, left_eye, *_ = YuNet().find([np.asarray(photo)])[0][0].landmarks
    before = measured(photo)["eyes_covered"]
    shaded = photo.copy()
    for x, y in (right_eye, left_eye):
        shaded.paste((12, 12, 14), (int(x - 30), int(y - 20), int(x + 30), int(y + 20)))
    face = YuNet().find([np.asarray(photo)])[0][0]
    after = measure.measure(np.asarray(shaded), face, align.landmark_transform(face.landmarks))
    assert after["eyes_covered"] > max(0.5, before)
    assert "eyes_covered" in names(after)


def landmarks_of(photo: Image.Image) -> dict[str, tuple[float, float]]:
    face = YuNet().find([np.asarray(photo)])[0][0]
    return dict(zip(LANDMARKS, face.landmarks, strict=True))


@pytest.mark.parametrize("colour", [(235, 238, 240), (120, 170, 215), (25, 25, 28)])
def test_masks_are_detected(colour: tuple[int, int, int]) -> None:
    photo = portrait(420)
    assert measured(photo)["mouth_covered"] == 0.0
    at = landmarks_of(photo)
    x = (at["right_mouth"][0] + at["left_mouth"][0]) / 2
    y = (at["right_mouth"][1] + at["left_mouth"][1]) / 2
    wide = 0.95 * (at["left_eye"][0] - at["right_eye"][0])
    ImageDraw.Draw(photo).ellipse(
        (x - wide, y - 0.75 * wide, x + wide, y + 0.75 * wide), fill=colour
    )
    assert "mouth_covered" in names(measured(photo))


def test_closed_eyes_are_detected() -> None:
    photo = portrait(420)
    before = measured(photo)["eyes_closed"]
    at = landmarks_of(photo)
    drawing = ImageDraw.Draw(photo)
    for x, y in (at["right_eye"], at["left_eye"]):
        skin = photo.getpixel((int(x), int(y + 24)))
        assert isinstance(skin, tuple)
        lash = tuple(int(0.45 * value) for value in skin)
        drawing.ellipse((x - 22, y - 10, x + 22, y + 10), fill=skin)
        drawing.arc((x - 19, y - 4, x + 19, y + 8), 10, 170, fill=lash, width=2)
    after = measured(photo)
    assert before < 0.1
    assert after["eyes_closed"] > 0.4
    assert "eyes_closed" in names(after, max_eyes_closed=0.4)
    assert "eyes_closed" not in names(after)  # off unless asked for


def test_rules_have_bounds() -> None:
    for values in ({"max_yaw": 400}, {"faces": "some"}, {"no_rule": 1}, {"min_score": True}):
        with pytest.raises(UserError):
            Rules.checked(**values)


def test_rules_that_are_off_are_in_bounds() -> None:
    off = Rules.off()
    assert Rules.checked(**dataclasses.asdict(off)) == off
    assert off.max_yaw == 180
    assert off.min_sharpness == off.duplicate_bits == 0
