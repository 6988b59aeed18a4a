"""The flaw score: its model file, its range, and faces that it must tell apart."""

from pathlib import Path

import numpy as np
import pytest

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import best_of, flaws
from neuroceleb.metrics.flaw_features import LENGTH, flaw_features
from neuroceleb.metrics.flaws import FlawModel
from tests.metrics.portraits import portraits

RIGHT_EYE = (slice(24, 34), slice(15, 29))  # of the portraits, as rows and columns


def damaged(face: Pixels) -> Pixels:
    """The same face, its right eye painted over with the colour of the cheek below."""
    painted = face.copy()
    painted[RIGHT_EYE] = face[38:42, 18:26].mean(axis=(0, 1))
    return painted


def halved(face: Pixels) -> Pixels:
    """The same face, its right half upside down."""
    swapped = face.copy()
    swapped[:, :32] = face[::-1, :32]
    return swapped


@pytest.fixture(scope="module")
def face() -> Pixels:
    return portraits(1)[0]


@pytest.fixture(scope="module")
def scores(face: Pixels) -> flaws.Floats:
    return flaws.flaw_scores(np.stack([halved(face), face, damaged(face)]), workers=1)


def test_damaged_faces_score_higher_than_the_face(scores: flaws.Floats) -> None:
    swapped, whole, painted = scores
    assert whole < painted
    assert whole < swapped


def test_scores_are_probabilities(scores: flaws.Floats) -> None:
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    flat = np.full((1, 64, 64, 3), 128, np.uint8)
    for odd in (noise, flat, flat * 0):
        (score,) = flaws.flaw_scores(odd)
        assert flaws.is_flawed(np.array([score]))[0]


def test_a_score_does_not_depend_on_the_other_faces(face: Pixels, scores: flaws.Floats) -> None:
    again = flaws.flaw_scores(np.stack([face] * 33), workers=2)
    assert (again == scores[1]).all()


def test_the_best_face_is_ranked_first(face: Pixels, scores: flaws.Floats) -> None:
    ranking = best_of.rank(np.stack([halved(face), face, damaged(face)]))
    assert ranking[0].index == 1
    assert [one.flaw_score for one in ranking] == sorted(scores.tolist())
    assert [one.is_flawed for one in ranking] == flaws.is_flawed(np.sort(scores)).tolist()


def test_no_faces_have_no_scores() -> None:
    assert flaws.flaw_scores(np.empty((0, 64, 64, 3), np.uint8)).shape == (0,)
    assert best_of.rank(np.empty((0, 64, 64, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "faces", [np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32)]
)
def test_other_shapes_are_refused(faces: Pixels) -> None:
    with pytest.raises(ValueError, match="uint8"):
        flaws.flaw_scores(faces)


def test_features_are_finite_and_of_the_stated_length(face: Pixels) -> None:
    found = flaw_features(face[None])
    assert found.shape == (1, LENGTH)
    assert np.isfinite(found).all()


def test_a_damaged_model_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(flaws.MODEL_FILE.read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "flaws.npz"
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match="damaged"):
        flaws.read_model(path)
    with pytest.raises(UserError, match="cannot be read"):
        flaws.read_model(tmp_path / "nothing.npz")


def test_the_score_is_the_stated_function() -> None:
    model = FlawModel(
        np.zeros(LENGTH, np.float32),
        np.ones(LENGTH, np.float32),
        np.eye(1, LENGTH, dtype=np.float32)[0],
        1.0,
        0.5,
    )
    rows = np.zeros((3, LENGTH), np.float32)
    rows[:, 0] = (-1.0, 0.0, 100.0)  # the last is clipped to 4
    expected = 1 / (1 + np.exp(-np.array([0.0, 1.0, 5.0])))
    np.testing.assert_allclose(model.scores(rows), expected, rtol=1e-6)
