"""The chance that eyes are covered, from the activations of the landmark networks."""

import numpy as np
import pytest

from neuroceleb.data.faces import covered_eyes, landmarks
from neuroceleb.errors import UserError

MESH = np.zeros(4608, np.float32)
IRIS = np.zeros((2, 8192), np.float32)


def test_features_are_statistics_of_both_eyes() -> None:
    iris = IRIS.copy()
    iris[0, :64] = 1.0  # the first channel of the right eye
    iris[1, :32] = 3.0  # half of that of the left eye
    mesh, mean, difference = covered_eyes.features(MESH, iris)
    assert (mesh.shape, mean.shape, difference.shape) == ((4608,), (256,), (256,))
    assert mean[0] == pytest.approx(1.25)
    assert mean[128] == pytest.approx(0.75)
    assert difference[[0, 128]].tolist() == pytest.approx([0.5, 1.5])
    assert not mean[[1, 129]].any()


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e6, -1e6])
def test_a_chance_is_from_0_to_1(scale: float) -> None:
    assert 0.0 <= covered_eyes.chance(MESH + scale, IRIS + abs(scale)) <= 1.0


def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(landmarks.SHA256, landmarks.COVERED_EYES_FILE, "0" * 64)
    covered_eyes._weights.cache_clear()
    with pytest.raises(UserError, match=r"covered_eyes\.npz is damaged"):
        covered_eyes.chance(MESH, IRIS)
    monkeypatch.undo()
    covered_eyes._weights.cache_clear()
    assert covered_eyes.chance(MESH, IRIS) < 1
