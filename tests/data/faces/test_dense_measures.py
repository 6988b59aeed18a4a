"""The measures of the dense landmarks: the iris network is asked where the mesh leaves a doubt."""

from typing import Any

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from neuroceleb.data.faces import align, measure
from neuroceleb.data.faces.landmarks import Iris
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.images import Pixels


def measured(photo: Pixels) -> dict[str, Any]:
    face = YuNet().find([photo])[0][0]
    return measure.measure(photo, face, align.landmark_transform(face.landmarks))


def without_eyes(photo: Pixels, colour: tuple[int, int, int], side: float) -> Pixels:
    """The photo with a patch over each eye, `side` times the distance between the eyes."""
    face = YuNet().find([photo])[0][0]
    right, left = (np.array(point) for point in face.landmarks[:2])
    half = side * np.hypot(*(left - right)) / 2
    covered = photo.copy()
    for x, y in (right, left):
        corner = [round(float(value)) for value in (x - half, y - half / 2)]
        other = [round(float(value)) for value in (x + half, y + half / 2)]
        cv2.rectangle(covered, corner, other, colour, -1)
    return covered


def test_open_eyes_need_no_iris_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise AssertionError("the mesh shows that these eyes are open")

    monkeypatch.setattr(Iris, "find_with_layers", fail)
    found = measured(astronaut())
    assert found["openness"] > measure.SURE_OPENNESS
    assert found["eyes_covered"] == 0.0


def test_eyes_in_doubt_are_measured_by_the_iris_network(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    find = Iris.find_with_layers

    def counted(*given: Any) -> Any:
        calls.append(given)
        return find(*given)

    monkeypatch.setattr(Iris, "find_with_layers", counted)
    found = measured(without_eyes(astronaut(), (20, 20, 20), 0.9))
    assert calls
    assert found["eyes_covered"] > 0.5
