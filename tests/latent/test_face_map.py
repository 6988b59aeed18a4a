"""Maps of faces: similar faces lie close together."""

import numpy as np
import pytest

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import face_map
from tests import helpers


def faces_of(count: int, first: int = 0) -> Pixels:
    """(N, 64, 64, 3): smooth colours, each like no other."""
    photos = (helpers.photo(first + index, (64, 64)) for index in range(count))
    return np.stack([np.asarray(photo) for photo in photos])


def test_similar_faces_lie_close_together() -> None:
    dark, light = faces_of(20) // 3, 255 - faces_of(20, 100) // 3
    drawn = face_map.compute(np.concatenate([dark, light]))
    again = face_map.compute(np.concatenate([dark, light]))
    for points in (drawn.pca, drawn.tsne):
        assert points.shape == (40, 2)
        assert points.min() == 0.0
        assert points.max() == pytest.approx(1.0)
        distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(40)
        alike = (distances.argmin(axis=1) < 20) == (np.arange(40) < 20)
        assert alike.mean() > 0.9
    assert 0 < drawn.explained <= 1
    assert np.array_equal(drawn.tsne, again.tsne)
    assert drawn.colours[0].tolist() == dark[0].mean(axis=(0, 1)).round().tolist()


def test_a_map_of_equal_faces_is_finite() -> None:
    drawn = face_map.compute(np.repeat(faces_of(1), 12, axis=0))
    assert np.isfinite(drawn.pca).all()
    assert np.isfinite(drawn.tsne).all()


@pytest.mark.parametrize("count", [0, 9, 1_001])
def test_a_map_has_bounds(count: int) -> None:
    with pytest.raises(UserError, match="A map has"):
        face_map.compute(np.zeros((count, 64, 64, 3), np.uint8))
