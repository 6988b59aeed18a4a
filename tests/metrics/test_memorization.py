"""Nearest training faces, suspected copies, and the comparison of one face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import memorization
from tests import helpers
from tests.metrics.synthetic_faces import faces

FEW = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32)


@FEW
@given(seeds)
def test_a_copy_is_nearest_to_its_original(seed: int) -> None:
    trained_on = faces(40, seed)
    pool = memorization.Pool(trained_on)
    darker = (trained_on[:6] * 0.8).astype(np.uint8)
    for copies in (trained_on[:6], trained_on[:6, :, ::-1], darker):
        found = pool.search(copies)
        assert found.indices.shape == found.distances.shape == (6, memorization.NEAREST)
        assert found.indices[:, 0].tolist() == list(range(6))
        assert (np.diff(found.distances, axis=1) >= 0).all()
        assert (found.nearest < 0.1).all()
        assert (found.distances[:, 1] > 0.3).all()
    assert (pool.search(trained_on[:6], np.arange(6)).nearest > 0.3).all()  # without themselves


def altered(originals: Pixels) -> Pixels:
    return np.clip(originals.astype(int) + 10, 0, 255).astype(np.uint8)


def test_copies_are_suspected_and_other_faces_are_not() -> None:
    trained_on, held_out, new = faces(300), faces(100, 1), faces(100, 2)
    check = memorization.CopyCheck(trained_on, held_out)
    assert check.is_suspect(check.search(altered(trained_on[:50]))).all()
    assert check.is_suspect(check.search(new)).mean() <= 0.05
    assert check.is_suspect(check.real).mean() <= 0.02


def test_copies_are_found_where_a_dataset_holds_pictures_twice() -> None:
    once, held_out = faces(300), faces(100, 1)
    twice = np.concatenate([once, held_out[:20]])  # a fifth of the real faces
    check = memorization.CopyCheck(twice, held_out)
    assert check.limits.distance >= memorization.DUPLICATE
    assert check.is_suspect(check.search(altered(once[:50]))).all()
    assert check.is_suspect(check.search(faces(100, 2))).mean() <= 0.05
    all_twice = memorization.CopyCheck(twice, once).limits
    assert np.isfinite([all_twice.distance, all_twice.ratio]).all()


def test_flat_pictures_have_descriptors() -> None:
    flat = np.full((15, 64, 64, 3), 90, np.uint8)
    assert np.isfinite(memorization.Pool(flat).search(flat).distances).all()


# One face -----------------------------------------------------------------------------------


def faces_of(count: int, first: int = 0) -> Pixels:
    """(N, 64, 64, 3): smooth colours, each like no other."""
    photos = (helpers.photo(first + index, (64, 64)) for index in range(count))
    return np.stack([np.asarray(photo) for photo in photos])


def test_copies_and_new_faces_are_distinguished() -> None:
    check = memorization.CopyCheck(faces_of(60))
    noise = np.random.default_rng(0).integers(-3, 4, (64, 64, 3))
    copy = np.clip(check.photos[7].astype(int) + noise, 0, 255).astype(np.uint8)
    mirrored, darker = copy[:, ::-1], (copy * 0.8).astype(np.uint8)
    shifted = np.roll(check.photos[7], 2, axis=0)
    own = faces_of(3, 500)
    comparisons = check.compare(np.stack([copy, mirrored, darker, shifted, *own]))
    assert [one.level for one in comparisons[:3]] == ["same"] * 3
    assert {one.indices[0] for one in comparisons[:4]} == {7}
    assert comparisons[3].level in {"same", "suspect"}
    assert {one.level for one in comparisons[4:]} <= {"close", "own"}
    assert min(comparisons, key=lambda one: one.sort_key) in comparisons[:3]
    assert memorization.share_of_suspects(comparisons) == pytest.approx(4 / 7)
    for one in comparisons:
        assert list(one.distances) == sorted(one.distances)
        assert str(one.sentence).endswith(".")


def test_new_faces_are_as_near_to_photos_as_photos_are() -> None:
    check = memorization.CopyCheck(faces_of(60))
    comparisons = check.compare(faces_of(60, 1_000))
    shares = [one.share for one in comparisons]
    assert 0.2 < np.mean(shares) < 0.7  # new ones lie to the photos as these to each other


def test_comparisons_agree_with_is_suspect() -> None:
    pixels = faces_of(200)
    half = pixels[:100] // 2 + faces_of(100, 500) // 2  # half a photo, half another face
    made = np.concatenate([half, faces_of(100, 700)])
    check = memorization.CopyCheck(pixels)
    levels = [one.level for one in check.compare(made)]
    found = [level in {"same", "suspect"} for level in levels]
    assert found == check.is_suspect(check.search(made)).tolist()
    assert 10 < sum(found) < 150


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(UserError, match="too few"):
        memorization.CopyCheck(faces_of(11))
