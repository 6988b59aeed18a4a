"""Head pose from landmarks."""

import pytest

from neuroceleb.data.faces import pose
from tests.data.faces.faces_helpers import posed_face


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (35, 0), (-50, 0), (0, 25), (0, -20)])
def test_angles_of_a_head_of_average_measures(yaw: float, pitch: float) -> None:
    found = pose.angles(posed_face(yaw, pitch))
    assert found["yaw"] == pytest.approx(yaw, abs=1)
    assert found["pitch"] == pytest.approx(pitch, abs=1)
