"""The comparison by face identity, on made-up embeddings."""

import numpy as np
import pytest

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import distances, identity, persons
from neuroceleb.metrics.identity_evaluation import RealIdentities, compare, measure, split

PHOTOS = 3  # of each person


@pytest.fixture(autouse=True)
def _embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding of which the test knows the persons: 128 pixels of the first rows."""
    monkeypatch.setattr(
        identity, "embed", lambda faces: faces[:, :2, :, 0].reshape(-1, 128).astype("f4") / 255
    )


def photos_of(people: np.ndarray, seed: int = 0) -> Pixels:
    """A photo of each of (N,) persons: photos of one person differ little."""
    rng = np.random.default_rng(seed)
    shown = np.random.default_rng(99).integers(30, 220, (1_000, 64, 64, 3))[people]
    return (shown + rng.integers(-20, 20, (len(people), 64, 64, 3))).astype(np.uint8)


@pytest.fixture
def people() -> np.ndarray:
    return np.arange(80).repeat(PHOTOS)


@pytest.fixture
def is_held_out(people: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).random(len(people)) < 0.2


def test_others_are_of_persons_of_whom_none_is_held_out(
    people: np.ndarray, is_held_out: np.ndarray
) -> None:
    found = split(is_held_out, ~is_held_out, people, 30, 0)
    assert len(found.held_out) == len(found.others) == 30
    assert not set(people[found.others]) & set(people[is_held_out])
    assert is_held_out[found.held_out].all()
    assert sorted(found.pool) == np.flatnonzero(~is_held_out).tolist()


@pytest.mark.slow
def test_real_faces_of_other_persons_are_near_and_not_copies(
    people: np.ndarray, is_held_out: np.ndarray
) -> None:
    real = RealIdentities(photos_of(people), is_held_out, ~is_held_out, people, 40, 0)
    assert real.persons == 80
    strangers = measure(photos_of(np.arange(100, 140)), real)
    copies = measure(photos_of(people[~is_held_out][:40], seed=5), real)
    assert strangers["copies"] <= 0.05
    assert copies["copies"] > 0.95
    assert copies["copy_seeds"] == list(range(40))
    assert copies["nearest"] < strangers["nearest"]
    assert copies["copies_real"] <= 0.05
    for name in ("frechet", "kernel", "precision", "recall", "copies"):
        for key in (name, f"{name}_real"):
            low, high = strangers[f"{key}_interval"]
            assert low <= strangers[key] <= high, key


@pytest.mark.slow
def test_without_persons_each_face_is_one(people: np.ndarray, is_held_out: np.ndarray) -> None:
    faces = photos_of(people)
    named = RealIdentities(faces, is_held_out, ~is_held_out, people, 40, 0)
    unnamed = RealIdentities(faces, is_held_out, np.ones(len(people), bool), None, 40, 0)
    assert unnamed.persons is None
    assert unnamed.limit < named.limit  # another photo of the same person sets it
    assert (unnamed.nearest_other > 0).all()  # without the face itself
    assert len(unnamed.pool) == len(people)


@pytest.mark.slow
def test_narrow_faces_lack_recall(people: np.ndarray, is_held_out: np.ndarray) -> None:
    real = RealIdentities(photos_of(people), is_held_out, ~is_held_out, people, 40, 0)
    narrow = measure(photos_of(np.full(40, 7)), real)
    assert narrow["recall"] < narrow["recall_real"]
    assert narrow["frechet"] > narrow["frechet_real_interval"][1]
    assert narrow["kernel"] > narrow["kernel_real_interval"][1]


def test_too_few_persons_are_refused() -> None:
    one = np.zeros(40, np.int64)
    is_held_out = np.arange(40) < 20
    with pytest.raises(UserError, match="larger dataset"):
        RealIdentities(photos_of(one), is_held_out, ~is_held_out, one, 40, 0)


def test_a_comparison_is_the_same_each_time() -> None:
    sets = np.random.default_rng(0).normal(0, 1, (2, 50, 8)).astype(np.float32)
    one, again = (compare(*sets, 3).figures("_x") for _ in range(2))
    assert one == again
    assert one["frechet_x"] == distances.frechet(*sets)


def test_the_interval_of_frechet_holds_repeated_measurements() -> None:
    rng = np.random.default_rng(0)
    ones, others = rng.normal(0, 1, (20, 200, 4)), rng.normal(0.5, 1, (20, 200, 4))
    found = [distances.frechet(a, b) for a, b in zip(ones, others, strict=True)]
    low, high = distances.frechet_interval(ones[0], others[0], 0)
    assert low <= found[0] <= high
    assert 2 * np.std(found) < high - low < 8 * np.std(found)


def test_persons_are_read_from_file_names() -> None:
    names = ["a/0001_0.jpg", "a/0001_1.jpg", "b/ann_lee_2.png", "0002_0.jpg"]
    found = persons.from_names(names)
    assert found[0] == found[1]
    assert len(set(found.tolist())) == 3
    with pytest.raises(UserError, match=r"IMG\.jpg is not PERSON_IMAGE"):
        persons.from_names([*names, "IMG.jpg"])
