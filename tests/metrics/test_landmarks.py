"""The well-formed rule and the features of faces, on one portrait in many variants."""

import numpy as np
import pytest

from neuroceleb.data.faces import align
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.images import Pixels
from neuroceleb.metrics import features, landmarks
from tests.data.faces import faces_helpers
from tests.metrics.portraits import portraits


@pytest.fixture(scope="module")
def faces() -> Pixels:
    return portraits(160)


@pytest.fixture(scope="module")
def found(faces: Pixels) -> landmarks.Detections:
    return landmarks.detect(faces[:120])


def test_98_of_100_faces_pass_the_rule_fitted_to_them(found: landmarks.Detections) -> None:
    rule = landmarks.fit_rule(found)
    assert rule.accepts(found).mean() == pytest.approx(0.98, abs=0.01)
    assert rule.count == 120
    right_eye, left_eye, nose, right_mouth, left_mouth = rule.centre
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]


@pytest.mark.slow
def test_malformed_faces_do_not_pass(faces: Pixels, found: landmarks.Detections) -> None:
    rule = landmarks.fit_rule(found)
    good = faces[120:140]
    upside_down, shifted = good[:, ::-1], np.roll(good, 12, axis=1)
    melted = good.copy()
    melted[:, 36:] = np.roll(good[:, 36:], 14, axis=2)
    noise = np.random.default_rng(0).integers(0, 256, good.shape, dtype=np.uint8)
    half = good[:, ::2, ::2]
    two = np.tile(half, (1, 2, 2, 1))
    assert rule.accepts(landmarks.detect(good)).mean() >= 0.9
    for bad in (upside_down, shifted, melted, noise, np.zeros_like(good), two):
        assert rule.accepts(landmarks.detect(bad)).mean() <= 0.1


def test_a_detection_does_not_depend_on_the_other_faces(
    faces: Pixels, found: landmarks.Detections
) -> None:
    some = landmarks.detect(faces[3:40:7])
    np.testing.assert_array_equal(some.points, found.points[3:40:7])
    np.testing.assert_array_equal(some.scores, found.scores[3:40:7])


def test_no_rule_without_a_face() -> None:
    for images in (np.zeros((6, 64, 64, 3), np.uint8), np.zeros((0, 64, 64, 3), np.uint8)):
        with pytest.raises(ValueError, match="real face"):
            landmarks.fit_rule(landmarks.detect(images))


def test_features_are_more_sensitive_to_displacement_than_to_light(faces: Pixels) -> None:
    good = faces[:12]
    darker = (good * 0.9).astype(np.uint8)
    displaced = good.copy()
    displaced[:, 36:] = np.roll(good[:, 36:], 10, axis=2)
    of_good, of_darker, of_displaced = map(features.extract, (good, darker, displaced))
    assert of_good.shape == (12, features.LENGTH)
    far = np.linalg.norm(of_displaced - of_good, axis=1)
    assert (far > 2 * np.linalg.norm(of_darker - of_good, axis=1)).all()


def test_the_shipped_rule_accepts_a_face_framed_like_celeba() -> None:
    astronaut = faces_helpers.astronaut()
    [[face]] = YuNet().find([astronaut])
    crop = align.crop(astronaut, align.landmark_transform(face.landmarks), 64)
    shifted, flat = np.roll(crop, 12, axis=1), np.full_like(crop, 128)
    found = landmarks.detect(np.stack([crop, crop[:, ::-1], shifted, crop[::-1], flat]))
    assert landmarks.MINI_SET_RULE.accepts(found).tolist() == [True, True, False, False, False]
