"""The face recognition network, and the measures made from its embeddings."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import linalg

from neuroceleb.data.faces import align
from neuroceleb.data.faces import identity as stored
from neuroceleb.images import Pixels
from neuroceleb.metrics import distances, identity, memorization, persons, precision_recall
from tests import helpers
from tests.data.faces.faces_helpers import astronaut

SHIPPED = helpers.ROOT / "checkpoints" / "celeba-mini-classic"
FEW = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32)

# Where YuNet finds eyes, nose and corners of the mouth in `astronaut()`.
LANDMARKS = ((200.1, 101.8), (247.1, 102.6), (220.4, 124.5), (198.6, 142.8), (239.7, 143.6))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def known_face() -> Pixels:
    """(64, 64, 3), cut as `crop` cuts."""
    return align.crop(astronaut(), align.landmark_transform(LANDMARKS), 64)


def pictures(count: int) -> Pixels:
    """Smooth synthetic pictures in the colours of the known face."""
    rng = np.random.default_rng(0)
    coarse = [rng.permutation(known_face().reshape(-1, 3))[:64].reshape(8, 8, 3)]
    coarse += [rng.permutation(coarse[0].reshape(-1, 3)).reshape(8, 8, 3) for _ in range(count - 1)]
    return np.stack([cv2.resize(part, (64, 64), interpolation=cv2.INTER_CUBIC) for part in coarse])


def re_encoded(face: Pixels) -> Pixels:
    encoded = cv2.imencode(".jpg", face[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[:, :, ::-1], np.uint8)


def points(count: int, length: int, seed: int, shift: float = 0.0) -> distances.Floats:
    values = np.random.default_rng(seed).normal(shift, 1.0, (count, length))
    return values.astype(np.float32)


# Network -----------------------------------------------------------------------------------


def test_it_computes_what_face_api_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The expected numbers are those of face-api 1.7.15 (TensorFlow.js, CPU) for this input."""
    monkeypatch.setattr(identity, "INPUT_SCALE", 255.0)  # its only difference from dlib
    row, column, channel = np.ogrid[:150, :150, :3]
    wave = 127.5 + 60 * np.sin(row / 9 + channel) + 60 * np.cos(column / 13 - channel)
    images = torch.from_numpy(wave.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        found = identity.forward(identity.read_weights(), images)[0, ::16]
    expected = [-0.1295748, -0.1692004, -0.1725992, 0.0037459]
    expected += [0.1801530, -0.1376810, -0.0829180, 0.1946680]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_pytorch_and_numpy_agree() -> None:
    faces = np.concatenate([known_face()[None], pictures(3)])
    np.testing.assert_allclose(identity.embed(faces), stored.embed(faces), atol=2e-6)


def test_a_face_is_placed_with_its_eyes_where_dlib_has_them() -> None:
    """dlib's mean eye centres in a chip of 150 px with a margin of 0.25."""
    crop = np.zeros((64, 64, 3), np.uint8)
    for x, y in align.TEMPLATE[:2]:
        crop[round(y * 64 - 0.5), round(x * 64 - 0.5)] = 255
    placed = identity.place(torch.from_numpy(crop).permute(2, 0, 1)[None].float())
    rows, columns = np.nonzero(placed[0, 0, :140].numpy() > 120)
    assert rows.mean() == pytest.approx(47, abs=4)
    for side in (columns[columns < 75], columns[columns >= 75]):
        assert abs(side.mean() - 75) == pytest.approx(26, abs=4)


def test_an_embedding_does_not_depend_on_its_batch() -> None:
    faces = np.concatenate([known_face()[None], pictures(3)])
    together = identity.embed(faces)
    assert together.shape == (4, 128) and together.dtype == np.float32
    np.testing.assert_array_equal(identity.embed(faces), together)
    np.testing.assert_allclose(identity.embed(faces[2:]), together[2:], atol=1e-5)
    assert identity.embed(faces[:0]).shape == (0, 128)


def test_other_shapes_are_refused() -> None:
    for wrong in (np.zeros((2, 96, 96, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32)):
        with pytest.raises(ValueError, match="64, 64, 3"):
            identity.embed(wrong)


def test_a_changed_photo_is_still_the_same_person() -> None:
    face = known_face()
    darker = (face * 0.8).astype(np.uint8)
    changed = np.stack([re_encoded(face), face[:, ::-1], darker])
    found = identity.embed(np.concatenate([face[None], changed, pictures(8)]))
    apart = np.linalg.norm(found[1:] - found[0], axis=1)
    assert (apart[:3] < 0.3).all()  # dlib: one person below 0.6
    assert apart[3:].min() > 2 * apart[:3].max()


# Distances ---------------------------------------------------------------------------------


@FEW
@given(seeds)
def test_frechet_is_that_of_the_fitted_gaussians(seed: int) -> None:
    mixing = np.random.default_rng(seed).normal(0, 1, (6, 6)).astype(np.float32)
    ones, others = points(60, 6, seed) @ mixing, points(80, 6, seed + 1, shift=0.5)
    spreads = np.cov(ones, rowvar=False), np.cov(others, rowvar=False)
    apart = ones.mean(0, dtype=np.float64) - others.mean(0, dtype=np.float64)
    root = linalg.sqrtm(spreads[0] @ spreads[1]).real
    expected = apart @ apart + np.trace(spreads[0] + spreads[1] - 2 * root)
    assert distances.frechet(ones, others) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@FEW
@given(seeds)
def test_frechet_is_symmetric_and_turns_with_the_space(seed: int) -> None:
    ones, others = points(30, 5, seed), points(40, 5, seed + 1)
    found = distances.frechet(ones, others)
    assert found > 0
    assert distances.frechet(others, ones) == pytest.approx(found, rel=1e-6)
    turn = linalg.qr(points(5, 5, seed + 2))[0].astype(np.float32)
    assert distances.frechet(ones @ turn, others @ turn) == pytest.approx(found, rel=1e-4)
    assert distances.frechet(ones, ones) == pytest.approx(0.0, abs=1e-6)


def test_frechet_of_known_gaussians() -> None:
    """Of N(0, 1) and N(m, s^2) in D dimensions: D (m^2 + (1 - s)^2)."""
    ones, others = points(20_000, 4, 0), 2 * points(20_000, 4, 1) + 1
    assert distances.frechet(ones, others) == pytest.approx(4 * (1 + 1), rel=0.05)


def test_frechet_works_where_the_covariances_have_no_full_rank() -> None:
    assert np.isfinite(distances.frechet(points(5, 20, 0), points(5, 20, 1)))
    with pytest.raises(ValueError, match="2 are needed"):
        distances.frechet(points(1, 3, 0), points(5, 3, 1))


@FEW
@given(seeds)
def test_the_kernel_distance_is_the_unbiased_discrepancy(seed: int) -> None:
    ones, others = points(7, 4, seed), points(9, 4, seed + 1)

    def mean(a: distances.Floats, b: distances.Floats, is_one_set: bool) -> float:
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not is_one_set or i != j]
        return float(np.mean([(0.25 * float(a[i] @ b[j]) + 1) ** 3 for i, j in pairs]))

    expected = mean(ones, ones, True) + mean(others, others, True) - 2 * mean(ones, others, False)
    found = distances.kernel(ones, others, seed, gamma=0.25)
    assert found.value == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert distances.kernel(ones, others, seed, gamma=0.25) == found
    assert distances.kernel(others, ones, seed, gamma=0.25).value == pytest.approx(found.value)


def test_the_kernel_distance_is_near_0_only_for_one_distribution() -> None:
    same = [
        distances.kernel(points(150, 8, s), points(150, 8, s + 50), 0, 1 / 8) for s in range(20)
    ]
    values = np.array([found.value for found in same])
    deviations = np.array([found.deviation for found in same])
    assert (np.abs(values) < 4 * deviations).all()
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(20)  # unbiased
    assert 0.7 < deviations.mean() / values.std() < 2.5  # 1.7 in theory
    moved = distances.kernel(points(150, 8, 0), points(150, 8, 50, shift=0.5), 0, 1 / 8)
    assert moved.value > 4 * moved.deviation
    assert moved.value > values.max()


def test_the_deviation_is_about_the_standard_error() -> None:
    moved = [
        distances.kernel(points(200, 4, s), points(200, 4, s + 99, shift=0.5), 0, 0.25)
        for s in range(40)
    ]
    spread = np.std([found.value for found in moved], ddof=1)
    assert np.mean([found.deviation for found in moved]) == pytest.approx(spread, rel=0.4)


def test_a_kernel_distance_needs_points() -> None:
    with pytest.raises(ValueError, match="4 points"):
        distances.kernel(points(3, 2, 0), points(9, 2, 1), 0, 1.0)


# Persons -----------------------------------------------------------------------------------


@FEW
@given(seeds)
def test_the_nearest_is_found(seed: int) -> None:
    faces, pool = points(9, 5, seed), points(30, 5, seed + 1)
    apart = np.linalg.norm(faces[:, None] - pool[None], axis=2)
    found = persons.nearest(faces, pool)
    np.testing.assert_allclose(found.distances, apart.min(axis=1), atol=1e-3)
    np.testing.assert_array_equal(found.indices, apart.argmin(axis=1))
    mine, theirs = np.arange(9) % 3, np.arange(30) % 3
    other = persons.nearest_other(faces, mine, pool, theirs)
    assert (theirs[other.indices] != mine).all()
    assert (other.distances >= found.distances).all()


def test_a_pool_of_one_person_has_nobody_else() -> None:
    one = np.zeros(5, np.int64)
    with pytest.raises(ValueError, match="another person"):
        persons.nearest_other(points(5, 3, 0), one, points(5, 3, 1), one)


def test_copies_of_persons_are_found_and_strangers_are_not() -> None:
    """Ten photos of each of 100 persons; the persons differ more than their photos."""
    centres, people = points(140, 16, 0), np.arange(100).repeat(10)
    pool = centres[people] + 0.1 * points(1_000, 16, 1)
    held_out = centres[people] + 0.1 * points(1_000, 16, 2)
    baseline = persons.nearest_other(held_out, people, pool, people)
    below = persons.limit(baseline.distances)
    assert persons.copied(baseline.distances, below).mean() == pytest.approx(
        memorization.RARITY, abs=1e-3
    )
    strangers = centres[100:] + 0.1 * points(40, 16, 3)
    assert persons.copied(persons.nearest(held_out, pool).distances, below).mean() > 0.95
    assert persons.copied(persons.nearest(strangers, pool).distances, below).mean() < 0.05


def test_precision_and_recall_by_identity() -> None:
    real, narrow = points(300, 4, 0), 0.3 * points(300, 4, 1)
    assert precision_recall.covered(real, narrow).mean() > 0.9  # precision
    assert precision_recall.covered(narrow, real).mean() < 0.5  # recall


# The benchmark -----------------------------------------------------------------------------


def test_the_benchmark_prints_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specification = importlib.util.spec_from_file_location(
        "identity_benchmark", helpers.ROOT / "benchmarks" / "identity.py"
    )
    assert specification is not None and specification.loader is not None
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    benchmark.PLACEMENTS = benchmark.PLACEMENTS[:2]
    rng, shades = np.random.default_rng(0), pictures(30)
    for index, picture in enumerate(shades.repeat(3, axis=0)):
        noisy = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / f"{index // 3:03d}_{index % 3}.png")
    common = ("--data", str(tmp_path), "--named", "--work", str(tmp_path / "work"))
    assert benchmark.main(["placements", *common, "--people", "3"]) == 0
    table = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(int(row[0]), int(row[1])) for row in table] == list(benchmark.PLACEMENTS)
    assert all(0.5 <= float(row[2]) <= 1.0 for row in table)
    assert benchmark.main(["runs", f"{SHIPPED}:0", *common, "--n", "32"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{SHIPPED}:0 | ")
    assert float(lines[-1].split(" | ")[1]) > 0
