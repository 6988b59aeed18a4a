"""Sample sheets within a number of bytes."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.export import film


@pytest.fixture
def sheets(tmp_path: Path) -> dict[int, Path]:
    """Ten sheets of noise, which no format compresses well."""
    rng = np.random.default_rng(0)
    found = {}
    for epoch in range(10):
        found[epoch] = tmp_path / f"fake_samples_epoch_{epoch:03d}.png"
        images.save(found[epoch], rng.integers(0, 256, (66, 66, 3), dtype=np.uint8))
    return found


def size_of(found: dict[int, bytes]) -> int:
    return sum(map(len, found.values()))


def test_all_sheets_are_there_as_good_as_they_fit(sheets: dict[int, Path]) -> None:
    ample = film.film(sheets, 10**6)
    limit = size_of(ample) * 2 // 3
    tight = film.film(sheets, limit)
    for found in (ample, tight):
        assert list(found) == list(sheets)
        for data in found.values():
            with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
                assert image.size == (66, 66)
    assert size_of(tight) <= limit


def test_where_not_all_fit_the_first_and_the_last_are_among_them(sheets: dict[int, Path]) -> None:
    limit = size_of(film.film(sheets, 10**6)) // 4
    found = film.film(sheets, limit)
    assert size_of(found) <= limit
    assert 1 < len(found) < len(sheets)
    assert {0, 9} <= set(found)


def test_webp_sheets_are_used_as_they_are(sheets: dict[int, Path], tmp_path: Path) -> None:
    path = tmp_path / "fake_samples_epoch_000.webp"
    images.save(path, images.load(sheets[0]))
    assert film.film({0: path}, 10**6) == {0: path.read_bytes()}


def test_there_may_be_no_sheets() -> None:
    assert film.film({}, 1000) == {}


def test_a_sheet_that_webp_cannot_hold_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fake_samples_epoch_001.png"
    images.save(path, np.zeros((4, 20_000, 3), np.uint8))
    with pytest.raises(UserError, match=r"fake_samples_epoch_001\.png has sides over 16,383"):
        film.film({1: path}, 10**6)
