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
    assert names(good | {"yaw": 40.0, "nod": -30.0}) == {"turned", "nodding"}


def test_likelihoods_of_google_are_reasons() -> None:
    likelihoods = {
        "google_blurred": 0.75,
        "google_under_exposed": 1.0,
        "google_landmark_confidence": 0.1,
    }
    assert names(measured(portrait()) | likelihoods) == {"blurred", "dark", "low_score"}


def landmarks_of(photo: Image.Image) -> dict[str, tuple[float, float]]:
    face = YuNet().find([np.asarray(photo)])[0][0]
    return dict(zip(LANDMARKS, face.landmarks, strict=True))


def with_closed_eyes(photo: Image.Image) -> Image.Image:
    at = landmarks_of(photo)
    drawing = ImageDraw.Draw(photo)
    for x, y in (at["right_eye"], at["left_eye"]):
        skin = photo.getpixel((int(x), int(y + 24)))
        assert isinstance(skin, tuple)
        lash = tuple(int(0.45 * value) for value in skin)
        drawing.ellipse((x - 24, y - 13, x + 24, y + 10), fill=skin)
        drawing.arc((x - 19, y - 4, x + 19, y + 8), 10, 170, fill=lash, width=2)
    return photo.filter(ImageFilter.GaussianBlur(1))


def test_closed_eyes_are_detected() -> None:
    before, after = measured(portrait(420)), measured(with_closed_eyes(portrait(420)))
    assert before["openness"] > 0.25
    assert after["openness"] < 0.15
    assert "eyes_closed" in names(after)  # on by default
    assert "eyes_closed" not in names(after, min_openness=0)


def test_narrowed_eyes_are_rejected_where_asked_for() -> None:
    narrow = measured(portrait()) | {"openness": 0.19}
    assert names(narrow) == set()
    assert names(narrow, min_clear_openness=0.22) == {"eyes_narrowed"}
    closed = narrow | {"openness": 0.08}
    assert names(closed, min_clear_openness=0.22) == {"eyes_closed"}
    (reason,) = face_reasons(closed, Rules())
    assert reason.text == "eyes closed: 0.08 high, at least 0.15 of their width"


def test_sunglasses_are_detected() -> None:
    photo = portrait(420)
    assert measured(photo)["eyes_covered"] < 0.1
    face = YuNet().find([np.asarray(photo)])[0][0]
    right_eye, left_eye, *_ = face.landmarks
    drawing = ImageDraw.Draw(photo)
    for x, y in (right_eye, left_eye):
        drawing.ellipse((x - 34, y - 24, x + 34, y + 30), fill=(14, 13, 15))
    drawing.line((*right_eye, *left_eye), fill=(14, 13, 15), width=6)
    matrix = align.landmark_transform(face.landmarks)
    after = measure.measure(np.asarray(photo.filter(ImageFilter.GaussianBlur(1))), face, matrix)
    assert after["eyes_covered"] > 0.5
    assert {"eyes_covered", "eyes_closed"} & names(after) == {"eyes_covered"}
    assert "eyes_covered" not in names(after, max_eyes_covered=1)


def smiley() -> Image.Image:
    image = Image.new("RGB", (320, 320), (60, 180, 90))
    drawing = ImageDraw.Draw(image)
    drawing.ellipse((70, 50, 250, 260), fill=(235, 200, 60))
    for x in (125, 195):
        drawing.ellipse((x - 14, 110, x + 14, 140), fill=(20, 20, 20))
    drawing.polygon([(160, 150), (150, 180), (170, 180)], fill=(60, 40, 20))
    drawing.arc((110, 150, 210, 225), 20, 160, fill=(60, 20, 20), width=9)
    return image.filter(ImageFilter.GaussianBlur(2))


def test_a_drawn_face_is_hardly_a_face() -> None:
    assert measured(portrait())["face_score"] > 15
    drawn = measured(smiley())  # YuNet finds a face in it
    assert drawn["face_score"] < 7
    assert "no_face_mesh" in names(drawn)
    others = ("min_score", "min_sharpness", "min_source_px")
    alone = dict.fromkeys(others, 0) | {"max_outside": 1, "max_pitch": 180}
    assert names(drawn, **alone) == {"no_face_mesh"}
    assert "no_face_mesh" not in names(drawn, min_face_score=-50)


def test_the_score_of_google_is_left_out() -> None:
    photo = np.asarray(portrait())
    face = YuNet().find([photo])[0][0]
    other = dataclasses.replace(face, score=0.1, extras={"blurred": 0.0})
    matrix = align.landmark_transform(face.landmarks)
    scores = [measure.measure(photo, it, matrix)["face_score"] for it in (face, other)]
    difference = measure.SCORE_WEIGHT * (face.score - measure.SURE_SCORE)
    assert scores[0] - scores[1] == pytest.approx(difference, abs=0.01)


def test_a_face_without_dense_landmarks_is_not_judged_by_them() -> None:
    old = {k: v for k, v in measured(portrait()).items() if k not in ("openness", "mesh_pitch")}
    assert names(old, min_clear_openness=0.9) == set()


def test_rules_have_bounds() -> None:
    for values in ({"max_yaw": 400}, {"faces": "some"}, {"no_rule": 1}, {"min_score": True}):
        with pytest.raises(UserError):
            Rules.checked(**values)


def test_rules_that_are_off_are_in_bounds() -> None:
    off = Rules.off()
    assert Rules.checked(**dataclasses.asdict(off)) == off
    assert off.max_yaw == 180
    assert off.min_sharpness == off.duplicate_bits == 0
