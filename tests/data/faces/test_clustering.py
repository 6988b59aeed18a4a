"""Clusters of embeddings, and the most varied of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.data.faces import clustering, identity
from neuroceleb.data.faces.clustering import Labels, Thresholds
from neuroceleb.data.faces.identity import Embeddings
from tests.data.faces.faces_helpers import painted_crowding


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances are not adjusted: these are no embeddings of the network."""
    monkeypatch.setattr(identity, "crowding_weights", painted_crowding)


def people(sizes: list[int], spread: float = 0.3, seed: int = 0) -> tuple[Embeddings, Labels]:
    """Embeddings of persons about 1.4 apart; two faces of one are about `spread` apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    noise = rng.normal(0, spread / np.sqrt(256), (len(labels), 128))
    return (np.eye(128)[labels] + noise).astype(np.float32), labels


@given(st.lists(st.integers(1, 12), max_size=12), st.integers(0, 100))
def test_separate_persons_are_found_largest_first(sizes: list[int], seed: int) -> None:
    embeddings, labels = people(sizes, seed=seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    found = clustering.cluster(embeddings[order])
    assert len(set(found.tolist())) == len(sizes)
    for person in range(len(sizes)):
        assert len(set(found[labels[order] == person].tolist())) == 1
    counts = np.bincount(found, minlength=len(sizes))
    assert counts.tolist() == sorted(sizes, reverse=True)


def test_a_chain_of_likenesses_is_not_one_person() -> None:
    chain = np.zeros((12, 128), np.float32)
    chain[:, 0] = np.arange(12) * 0.3
    found = clustering.cluster(chain)
    for person in set(found.tolist()):
        assert np.ptp(chain[found == person, 0]) < clustering.COMPLETE


def test_many_photos_of_one_person_stay_together() -> None:
    """Complete linkage alone splits them: some two of 60 photos are always far apart."""
    embeddings, labels = people([60, 60], spread=0.48)
    away = clustering.distances(embeddings[:60], embeddings[:60])
    assert away.max() > clustering.COMPLETE - 0.02
    assert (clustering.cluster(embeddings, Thresholds(0.5, 0.0)) > 1).any()
    assert len(set(clustering.cluster(embeddings, Thresholds(0.5, 0.52)).tolist())) == 2
    assert (clustering.cluster(embeddings) == labels).all()


def test_new_faces_join_known_persons() -> None:
    embeddings, labels = people([5, 4, 3, 2])
    known = np.where(labels < 2, labels + 7, -1)
    known[[0, 6]] = -1
    known[labels == 2] = -1
    found = clustering.extend(embeddings, known)
    assert set(found[labels == 0].tolist()) == {7}
    assert set(found[labels == 1].tolist()) == {8}
    assert set(found[labels == 2].tolist()) == {9}  # the larger of the new ones
    assert set(found[labels == 3].tolist()) == {10}
    assert (clustering.extend(embeddings, found) == found).all()


def test_persons_are_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, labels = people([9, 7, 5, 2, 1])
    order = np.random.default_rng(1).permutation(len(labels))
    monkeypatch.setattr(clustering, "CHUNK", 5)
    found = clustering.extend(embeddings[order], np.full(len(labels), -1))
    assert (found == labels[order]).all()


def test_the_most_varied_are_far_apart() -> None:
    faces = np.zeros((6, 128), np.float32)
    faces[:, 0] = [0.0, 0.01, 0.02, 1.0, 1.01, 0.5]
    assert clustering.most_varied(faces, 3) == [0, 4, 5]
    assert sorted(clustering.most_varied(faces, 99)) == list(range(6))
    assert clustering.most_varied(faces[:0], 3) == clustering.most_varied(faces, 0) == []
    assert clustering.medoid(faces) == 5


def test_distances_are_adjusted_where_faces_are_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A face whose mean distance to others is 0.64 counts 0.1 more; bounded, and never negative."""
    weights = np.zeros(129, np.float32)
    weights[0], weights[-1] = -0.2, clustering.TYPICAL
    monkeypatch.setattr(identity, "crowding_weights", lambda: weights)
    faces = np.zeros((3, 128), np.float32)
    faces[1, 0], faces[2, 0] = 1.0, -9.0
    found = clustering.adjusted_distances(faces, faces)
    assert found[0, 1] == pytest.approx(1.1, abs=1e-4)
    assert found[0, 0] == 0.0
    assert found[1, 1] == pytest.approx(0.2, abs=1e-4)
    assert found[2, 0] == pytest.approx(9.0 - 0.01, abs=1e-4)


def test_a_set_is_divided_in_two() -> None:
    embeddings, labels = people([5, 3])
    assert (clustering.in_two(embeddings) == labels).all()
