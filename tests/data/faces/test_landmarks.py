"""Dense landmarks lie where they should, and measures of them react in the right direction."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from neuroceleb.data.faces import align, landmarks
from neuroceleb.data.faces import landmark_measures as measures
from neuroceleb.data.faces.detector import Face
from neuroceleb.data.faces.landmark_features import FEATURES, features
from neuroceleb.data.faces.landmarks import EYE_CORNERS, LandmarkDetector, Landmarks
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from tests.data.faces.faces_helpers import astronaut

MOUTH_CORNERS, NOSE_TIP = measures.MOUTH_CORNERS, 4
SIDE_BY_SIDE = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def detector() -> LandmarkDetector:
    return LandmarkDetector()


@pytest.fixture(scope="module")
def face() -> Face:
    return YuNet().find([astronaut()])[0][0]


@pytest.fixture(scope="module")
def found(detector: LandmarkDetector, face: Face) -> Landmarks:
    return detector.find(astronaut(), face.landmarks)


@pytest.fixture(scope="module")
def crop(face: Face) -> Pixels:
    return align.crop(astronaut(), align.landmark_transform(face.landmarks), 64)


def distance(points: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Root mean square distance in the image's plane."""
    return float(np.sqrt(((points[..., :2] - others[..., :2]) ** 2).sum(axis=-1).mean()))


def with_eye_shut(photo: Pixels, found: Landmarks, *sides: int) -> Pixels:
    """Skin of the cheek over the open eye, and a dark line along the lower lid."""
    shut = photo.copy()
    for side in sides:
        eye = found.eyes[0, side, :16, :2]
        middle, width = eye.mean(axis=0), float(measures.eye_widths(found.eyes)[0, side])
        across, below = round(width * 0.75), round(width * 0.4)
        x, y = (int(value) for value in middle)
        skin = photo[y + below + 2, x].tolist()
        cv2.ellipse(shut, (x, y), (across, below), 0, 0, 360, skin, -1)
        lid = np.rint(eye[:9] + np.array([0, 1])).astype(np.int32)
        cv2.polylines(shut, [lid], False, (60, 35, 30), 1, cv2.LINE_AA)
    return shut


class TestPoints:
    def test_eyes_nose_and_mouth_lie_where_yunet_finds_them(
        self, found: Landmarks, face: Face
    ) -> None:
        mesh = found.meshes[0]
        for side, corners in enumerate(EYE_CORNERS):
            assert mesh[list(corners), :2].mean(axis=0) == pytest.approx(
                face.landmarks[side], abs=4
            )
            assert found.irises[0, side, 0, :2] == pytest.approx(face.landmarks[side], abs=4)
        assert mesh[NOSE_TIP, :2] == pytest.approx(face.landmarks[2], abs=7)
        for corner, point in zip(MOUTH_CORNERS, face.landmarks[3:], strict=True):
            assert mesh[corner, :2] == pytest.approx(point, abs=7)

    def test_scores_and_shapes(self, found: Landmarks) -> None:
        assert len(found) == 1
        assert found.scores.shape == (1,)
        assert found.scores[0] > 10
        assert found.meshes.shape == (1, 468, 3)
        assert found.eyes.shape == (1, 2, 71, 3)
        assert found.irises.shape == (1, 2, 5, 3)

    def test_both_networks_agree_on_the_eyes(self, found: Landmarks) -> None:
        assert measures.contour_disagreement(found.meshes, found.eyes).max() < 0.15

    def test_mirrored_photo_gives_mirrored_points(
        self, detector: LandmarkDetector, found: Landmarks, face: Face
    ) -> None:
        photo = np.ascontiguousarray(astronaut()[:, ::-1])
        points = [(512 - x, y) for x, y in face.landmarks]
        swapped = [points[1], points[0], points[2], points[4], points[3]]
        mirrored = detector.find(photo, swapped)
        back = measures.unmirrored(mirrored.meshes, 512)[0]
        assert distance(back, found.meshes[0]) < 3.0  # 6 % of the eyes' distance
        irises = mirrored.irises[0, ::-1] * SIDE_BY_SIDE + [512, 0, 0]
        assert distance(irises[:, 0], found.irises[0, :, 0]) < 1.0

    @pytest.mark.parametrize("degrees", [-35.0, 30.0])
    def test_turned_photo_gives_turned_points(
        self, detector: LandmarkDetector, found: Landmarks, face: Face, degrees: float
    ) -> None:
        turn = cv2.getRotationMatrix2D((256, 128), -degrees, 1.0)
        photo = np.asarray(cv2.warpAffine(astronaut(), turn, (512, 512)), np.uint8)
        points = np.array(face.landmarks) @ turn[:, :2].T + turn[:, 2]
        turned = detector.find(photo, points.tolist())
        expected = found.meshes[0, :, :2] @ turn[:, :2].T + turn[:, 2]
        assert distance(turned.meshes[0], expected) < 1.5
        before, after = (measures.head_angles(measures.fit(f.meshes))[0] for f in (found, turned))
        assert after - before == pytest.approx([degrees, 0, 0], abs=3)

    def test_aligned_crop_gives_the_photos_points(
        self, detector: LandmarkDetector, found: Landmarks, face: Face, crop: Pixels
    ) -> None:
        aligned = detector.find_aligned(np.stack([crop, crop]))
        expected = (
            align.transform_points(found.meshes[0, :, :2], align.landmark_transform(face.landmarks))
            * 64
        )
        assert distance(aligned.meshes[0], expected) < 1.0
        np.testing.assert_array_equal(aligned.eyes[0], aligned.eyes[1])

    def test_enlarged_face_gives_enlarged_points(
        self, detector: LandmarkDetector, found: Landmarks, face: Face
    ) -> None:
        photo = np.asarray(cv2.resize(astronaut(), (2560, 2560)), np.uint8)
        large = detector.find(photo, [(5 * x, 5 * y) for x, y in face.landmarks])
        assert distance(large.meshes[0] / 5, found.meshes[0]) < 0.5
        assert distance(large.irises[0] / 5, found.irises[0]) < 0.5

    def test_face_at_the_far_end_of_a_panorama(
        self, detector: LandmarkDetector, found: Landmarks, face: Face
    ) -> None:
        photo = np.zeros((260, 40_000, 3), np.uint8)
        photo[:, -512:] = astronaut()[:260]
        shift = 40_000 - 512
        far = detector.find(photo, [(x + shift, y) for x, y in face.landmarks])
        assert distance(far.meshes[0] - [shift, 0, 0], found.meshes[0]) < 1.5

    def test_face_outside_its_photo_gives_finite_points(self, detector: LandmarkDetector) -> None:
        points = [(-900, -900), (-850, -900), (-875, -870), (-890, -850), (-860, -850)]
        outside = detector.find(astronaut(), points)
        assert np.isfinite(outside.meshes).all()
        assert np.isfinite(outside.irises).all()

    def test_five_points_on_one_spot_are_refused(self, detector: LandmarkDetector) -> None:
        with pytest.raises(ValueError, match="one spot"):
            detector.find(astronaut(), [(50.0, 50.0)] * 5)

    def test_no_faces(self, detector: LandmarkDetector) -> None:
        none = detector.find_aligned(np.zeros((0, 64, 64, 3), np.uint8))
        assert none.meshes.shape == (0, 468, 3)
        assert none.irises.shape == (0, 2, 5, 3)


class TestModelFiles:
    @pytest.mark.parametrize("name", landmarks.SHA256)
    def test_wrong_hash_is_a_user_error(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = bytearray((landmarks.MODELS / name).read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / name).write_bytes(data)
        monkeypatch.setattr(landmarks, "MODELS", tmp_path)
        with pytest.raises(UserError, match=f"{name} is damaged: install"):
            landmarks.checked(name)

    def test_missing_file_is_a_user_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(landmarks, "MODELS", tmp_path)
        with pytest.raises(UserError, match="cannot be read"):
            LandmarkDetector()
        with pytest.raises(UserError, match="cannot be read"):
            features(np.zeros((1, 64, 64, 3), np.uint8))

    def test_licence_and_notice_lie_beside_the_weights(self) -> None:
        assert "Apache License" in (landmarks.MODELS / "LICENSE").read_text("utf-8")
        notice = (landmarks.MODELS / "NOTICE").read_text("utf-8")
        assert all(name in notice for name in landmarks.SHA256)
        assert landmarks.SHA256[landmarks.MESH_FILE] in notice


def turned_mean_face(roll: float, yaw: float, pitch: float) -> NDArray[np.float64]:
    """The mean face after pitch, then yaw, then roll (degrees), enlarged and moved: (1, 468, 3)."""
    r, y, p = np.radians([roll, yaw, pitch])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray((measures.mean_face() @ (tilt @ turn @ nod).T * 40 + [100, 90, 7])[None])


class TestMeasures:
    def test_mean_face_is_symmetric(self) -> None:
        order = measures.mirror_order()
        assert sorted(order) == list(range(468))
        mirrored = measures.mean_face()[order] * SIDE_BY_SIDE
        np.testing.assert_allclose(mirrored, measures.mean_face(), atol=1e-6)

    @pytest.mark.parametrize("angles", [(0, 0, 0), (20, 0, 0), (0, 25, 0), (0, 0, 15), (0, -40, 0)])
    def test_angles_of_a_turned_mean_face(self, angles: tuple[float, float, float]) -> None:
        fitted = measures.fit(turned_mean_face(*angles))
        assert measures.head_angles(fitted)[0] == pytest.approx(angles, abs=1e-3)
        np.testing.assert_allclose(fitted.points[0], measures.mean_face(), atol=1e-6)

    def test_directions_of_the_angles(self) -> None:
        face = turned_mean_face(0, 20, 0)[0]
        eyes = (face[33] + face[263]) / 2
        assert face[measures.NOSE_TIP, 0] > eyes[0]  # to the viewer's right
        level, nodding = turned_mean_face(0, 0, 0)[0], turned_mean_face(0, 0, 20)[0]
        nose, chin = measures.NOSE_TIP, measures.CHIN
        assert nodding[chin, 1] - nodding[nose, 1] < level[chin, 1] - level[nose, 1]

    def test_mirrored_photo_turns_the_other_way(
        self, detector: LandmarkDetector, crop: Pixels
    ) -> None:
        both = np.stack([crop, crop[:, ::-1]])
        angles = measures.head_angles(measures.fit(detector.find_aligned(both).meshes))
        assert angles[0, 1] == pytest.approx(-angles[1, 1], abs=5)
        assert angles[0, 2] == pytest.approx(angles[1, 2], abs=4)

    def test_displaced_mouth_raises_residual_and_asymmetry_there(self) -> None:
        meshes = np.concatenate([turned_mean_face(5, 10, 5)] * 2)
        meshes[1, list(measures.MOUTH), 0] += 6
        fitted = measures.fit(meshes)
        for regions in (measures.residuals(fitted), measures.asymmetries(fitted)):
            assert regions["all"][0] < 1e-5
            assert regions["mouth"][1] > 0.1
            assert regions["mouth"][1] > 3 * regions["right_eye"][1]

    def test_shut_eyes_are_less_open(
        self, detector: LandmarkDetector, found: Landmarks, face: Face
    ) -> None:
        open_eyes = measures.eye_openness(found.eyes)[0]
        assert (open_eyes > 0.25).all()
        both = detector.find(with_eye_shut(astronaut(), found, 0, 1), face.landmarks)
        assert (measures.eye_openness(both.eyes)[0] < 0.6 * open_eyes).all()
        assert measures.openness(both.eyes)[0] < 0.18
        left = detector.find(with_eye_shut(astronaut(), found, 1), face.landmarks)
        right_openness, left_openness = measures.eye_openness(left.eyes)[0]
        assert left_openness < 0.6 * right_openness

    def test_openness_follows_the_nearer_eye(self, found: Landmarks) -> None:
        eyes = found.eyes.astype(np.float64)
        eyes[0, 0, :, 0] = eyes[0, 0, 0, 0] + (eyes[0, 0, :, 0] - eyes[0, 0, 0, 0]) * 0.4
        by_eye, overall = measures.eye_openness(eyes)[0], measures.openness(eyes)[0]
        assert by_eye[0] > 1.5 * by_eye[1]
        assert overall - by_eye[1] < 0.25 * (by_eye[0] - by_eye[1])

    def test_points_on_one_spot_give_finite_measures(self) -> None:
        eyes = np.ones((1, 2, 71, 3))
        irises = np.ones((1, 2, 5, 3))
        fitted = measures.fit(np.ones((1, 468, 3)))
        values = [
            measures.openness(eyes),
            measures.head_angles(fitted),
            *measures.iris_shapes(eyes, irises).values(),
            *measures.mouth_shapes(fitted).values(),
            *measures.residuals(fitted).values(),
        ]
        assert all(np.isfinite(value).all() for value in values)

    def test_irises_look_where_they_are_moved(self, found: Landmarks) -> None:
        moved = found.irises + np.array([2.0, -1.0, 0.0], np.float32)
        before = measures.iris_shapes(found.eyes, found.irises)
        after = measures.iris_shapes(found.eyes, moved)
        assert after["along"][0, 0] > before["along"][0, 0]  # right eye: towards its inner corner
        assert after["along"][0, 1] < before["along"][0, 1]
        assert (after["above"] > before["above"]).all()
        np.testing.assert_allclose(after["radius"], before["radius"], rtol=1e-4)

    def test_open_mouth(self) -> None:
        meshes = np.concatenate([turned_mean_face(0, 0, 0)] * 2)
        lower = [low for _, low in measures.INNER_LIPS]
        meshes[1, lower, 1] += 10
        opened = measures.mouth_shapes(measures.fit(meshes))["openness"]
        assert opened[1] > opened[0] + 0.2


class TestFeatures:
    def table(self, faces: Pixels, workers: int | None = 1) -> dict[str, NDArray[np.float32]]:
        return dict(zip(FEATURES, features(faces, workers).T, strict=True))

    def test_crops_of_any_content_give_finite_numbers(self, crop: Pixels) -> None:
        noise = np.random.default_rng(1).integers(0, 256, crop.shape, np.uint8)
        faces = np.stack([crop, noise, np.zeros_like(crop), np.full_like(crop, 255), crop[::-1]])
        values = features(faces, workers=1)
        assert values.shape == (5, len(FEATURES))
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        scores = values[:, list(FEATURES).index("score")]
        assert scores[0] > 10 > scores[1:].max()

    def test_no_faces(self) -> None:
        assert features(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, len(FEATURES))

    def test_order_and_values_do_not_depend_on_the_number_of_workers(
        self, crop: Pixels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("neuroceleb.data.faces.landmark_features.AT_ONCE", 2)
        faces = np.stack([np.roll(crop, shift, axis=1) for shift in range(7)])
        np.testing.assert_array_equal(features(faces, 3), features(faces, 1))

    def test_mirrored_face_has_the_same_asymmetry(self, crop: Pixels) -> None:
        table = self.table(np.stack([crop, crop[:, ::-1]]))
        for name in ("asymmetry_all", "asymmetry_mouth", "disagreement_all", "residual_all"):
            assert table[name][0] == pytest.approx(table[name][1], rel=1e-3)
        assert table["yaw"][0] == pytest.approx(-table["yaw"][1], abs=1e-3)
        assert table["colour_asymmetry_all"][0] == pytest.approx(
            table["colour_asymmetry_all"][1], rel=0.1
        )
        assert table["openness_right"][0] == pytest.approx(table["openness_left"][1], abs=0.05)

    def test_ruined_eye_is_seen(self, detector: LandmarkDetector, crop: Pixels, face: Face) -> None:
        points = detector.find_aligned(crop[None])
        x, y = (int(value) for value in points.irises[0, 1, 0, :2])
        smeared = crop.copy()
        smeared[y - 4 : y + 5, x - 7 : x + 8] = crop[y + 8, x]
        table = self.table(np.stack([crop, smeared]))
        assert table["iris_contrast_difference"][1] > 2 * table["iris_contrast_difference"][0]
        assert table["eye_likeness"][1] < table["eye_likeness"][0] - 0.1
        assert table["eye_detail_difference"][1] > table["eye_detail_difference"][0]
        assert table["colour_asymmetry_eyes"][1] > table["colour_asymmetry_eyes"][0]


def test_threads_read_one_network_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # OpenCV reports unsupported operators to a thread that reads beside the first one.
    read, alone, shared = cv2.dnn.readNetFromTFLite, threading.Lock(), []

    def watched(*arguments: Any) -> cv2.dnn.Net:
        if not alone.acquire(blocking=False):
            shared.append(arguments)
            return read(*arguments)
        try:
            time.sleep(0.02)
            return read(*arguments)
        finally:
            alone.release()

    monkeypatch.setattr(cv2.dnn, "readNetFromTFLite", watched)
    with ThreadPoolExecutor(4) as pool:
        meshes = list(pool.map(lambda _: landmarks.Mesh(), range(8)))
    assert len(meshes) == 8
    assert not shared
