"""Directions, arithmetic, the map, look-alikes and copies, without a page."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import (
    arithmetic,
    face_map,
    projection,
    projection_target,
    resources,
    saved_directions,
    sheets,
)
from neuroceleb.latent.directions import find_directions
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seed, z_from_seeds
from neuroceleb.metrics import memorization, nearest, training_photos
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.generator import Model
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from tests import helpers
from tests.data.faces import faces_helpers

SHIPPED = helpers.ROOT / "checkpoints" / "celeba-mini-classic"


@pytest.fixture(scope="module")
def shipped() -> Model:
    return generator.load(Run(SHIPPED).weights())


def faces_of(count: int, first: int = 0) -> Pixels:
    """(N, 64, 64, 3): smooth colours, each like no other."""
    photos = (helpers.photo(first + index, (64, 64)) for index in range(count))
    return np.stack([np.asarray(photo) for photo in photos])


# Directions --------------------------------------------------------------------------------


def test_directions_are_the_principal_components_of_the_first_layer() -> None:
    network = helpers.random_generator(nz=8, ngf=4)
    found = find_directions(network, count=4, samples=600)
    with torch.no_grad():
        z = z_from_seeds(range(600), 8)
        answers = network.main[:3](torch.from_numpy(z)[:, :, None, None]).flatten(1).numpy()
    centred = answers - answers.mean(axis=0)
    _, strengths, right = np.linalg.svd(centred, full_matrices=False)
    shares = strengths**2 / (strengths**2).sum()
    assert [d.explains for d in found] == pytest.approx(shares[:4].tolist(), rel=1e-3)
    for number, direction in enumerate(found):
        coordinate = centred @ right[number]
        coordinate /= coordinate.std()
        step = np.linalg.lstsq(coordinate[:, None], z - z.mean(axis=0), rcond=None)[0][0]
        assert abs(step @ direction.step) == pytest.approx(step @ step, rel=0.02)
        assert direction.step[np.abs(direction.step).argmax()] > 0


def test_directions_are_the_same_each_time_and_no_more_than_z_has_numbers() -> None:
    network = helpers.random_generator(nz=3, ngf=4)
    first, second = (find_directions(network, count=10, samples=300) for _ in range(2))
    assert len(first) == 3
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.step, other.step)


def test_saved_directions_are_read_back(tmp_path: Path) -> None:
    weights = tmp_path / "netG_epoch_007.safetensors"
    steps = [Direction(np.array([0.5, -1.25], np.float32), 0.25, "웃음"), Direction(*no_name())]
    path = saved_directions.write(weights, "abc", steps)
    assert path.name == "netG_epoch_007.directions.json"
    found = saved_directions.read(weights, "abc", 2)
    assert found is not None
    assert [(d.name, d.explains, d.step.tolist()) for d in found] == [
        ("웃음", 0.25, [0.5, -1.25]),
        ("", 0.125, [1.0, 0.0]),
    ]
    assert saved_directions.read(tmp_path / "other.safetensors", "abc", 2) is None


def no_name() -> tuple[np.ndarray, float]:
    return np.array([1.0, 0.0], np.float32), 0.125


def test_directions_of_another_model_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "netG_epoch_007.safetensors"
    saved_directions.write(weights, "abc", [Direction(*no_name())])
    with pytest.raises(UserError, match="was saved for another model"):
        saved_directions.read(weights, "abd", 2)


@pytest.mark.parametrize(
    "change",
    [
        {"directions": [{"name": "x", "explains": 0.1, "step": [1.0]}]},
        {"directions": [{"name": "x", "explains": 0.1, "step": [float("nan"), 0.0]}]},
        {"directions": [{"name": "x", "explains": 7, "step": [1.0, 0.0]}]},
        {"directions": [{"name": 7, "explains": 0.1, "step": [1.0, 0.0]}]},
        {"directions": "none"},
        {"directions": None},
    ],
)
def test_a_damaged_file_of_directions_is_told(tmp_path: Path, change: dict[str, object]) -> None:
    weights = tmp_path / "netG_epoch_007.safetensors"
    path = saved_directions.write(weights, "abc", [Direction(*no_name())])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError):
        saved_directions.read(weights, "abc", 2)
    path.write_text('{"version": 1, ')
    with pytest.raises(UserError, match="damaged"):
        saved_directions.read(weights, "abc", 2)


@pytest.mark.parametrize("name", ["x" * 41, "a\nb", "\x00", 7, None])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(UserError):
        saved_directions.check_name(name)


def test_the_shipped_names_belong_to_the_shipped_weights(shipped: Model) -> None:
    known = saved_directions.read(shipped.path, shipped.sha256, shipped.nz)
    assert known is not None
    assert len({d.name for d in known}) == 10
    assert all(d.name for d in known)
    found = resources.found_directions(shipped)
    for one, other in zip(known, found, strict=True):
        cosine = one.step @ other.step / np.linalg.norm(one.step) / np.linalg.norm(other.step)
        assert cosine > 0.99
        assert one.explains == pytest.approx(other.explains, rel=0.02)


def test_a_line_passes_through_its_face() -> None:
    z = np.array([1.0, 2.0], np.float32)
    step = np.array([0.0, 1.0], np.float32)
    line = sheets.lines(z, [step], [0.5])
    assert line.shape == (sheets.FRAMES, 2)
    middle = int(np.argmin(np.abs(sheets.reach() - 0.5)))
    assert line[middle].tolist() == z.tolist()
    assert line[:, 0].tolist() == [1.0] * sheets.FRAMES
    assert (line[-1] - line[0]).tolist() == [0.0, 2 * sheets.REACH]


# Arithmetic --------------------------------------------------------------------------------

some_faces = arrays(np.float32, (3, 5), elements=st.floats(-4, 4, width=32))


@given(some_faces, some_faces)
@settings(max_examples=30, deadline=None)
def test_what_is_taken_and_given_again_changes_nothing(a: Pixels, b: Pixels) -> None:
    assert arithmetic.total(a, b, b) == pytest.approx(a.mean(axis=0), abs=1e-5)
    assert arithmetic.total(a, None, None) == pytest.approx(a.mean(axis=0), abs=1e-6)


def test_arithmetic_is_of_means() -> None:
    a, b, c = (z_from_seeds(seeds, 4) for seeds in ((1, 2, 3), (4, 5), (6,)))
    wanted = a.mean(axis=0) - b.mean(axis=0) + c[0]
    result = arithmetic.total(a, b, c)
    assert result == pytest.approx(wanted, abs=1e-6)
    near = arithmetic.around(result)
    assert near.shape == (9, 4)
    assert near[0].tolist() == result.tolist()
    assert 0 < np.abs(near - result).max() <= arithmetic.NOISE + 1e-6
    with pytest.raises(UserError):
        arithmetic.mean(np.zeros((0, 4), np.float32))
    with pytest.raises(UserError):
        arithmetic.mean(np.zeros((9, 4), np.float32))


# The map -----------------------------------------------------------------------------------


def test_like_faces_lie_beside_each_other() -> None:
    dark, light = faces_of(20) // 3, 255 - faces_of(20, 100) // 3
    drawn = face_map.draw(np.concatenate([dark, light]))
    again = face_map.draw(np.concatenate([dark, light]))
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


def test_a_map_of_one_face_many_times_is_no_crash() -> None:
    drawn = face_map.draw(np.repeat(faces_of(1), 12, axis=0))
    assert np.isfinite(drawn.pca).all()
    assert np.isfinite(drawn.tsne).all()


@pytest.mark.parametrize("count", [0, 9, 1_001])
def test_a_map_has_bounds(count: int) -> None:
    with pytest.raises(UserError, match="A map has"):
        face_map.draw(np.zeros((count, 64, 64, 3), np.uint8))


# Copies ------------------------------------------------------------------------------------


def test_a_copy_is_told_from_an_own_face() -> None:
    photos = nearest.Photos(faces_of(60))
    noise = np.random.default_rng(0).integers(-3, 4, (64, 64, 3))
    copy = np.clip(photos.pixels[7].astype(int) + noise, 0, 255).astype(np.uint8)
    mirrored, darker = copy[:, ::-1], (copy * 0.8).astype(np.uint8)
    shifted = np.roll(photos.pixels[7], 2, axis=0)
    own = faces_of(3, 500)
    verdicts = photos.judge(np.stack([copy, mirrored, darker, shifted, *own]))
    assert [verdict.level for verdict in verdicts[:3]] == ["same"] * 3
    assert {verdict.photos[0] for verdict in verdicts[:4]} == {7}
    assert verdicts[3].level in {"same", "suspect"}
    assert {verdict.level for verdict in verdicts[4:]} <= {"close", "own"}
    assert min(verdicts, key=lambda verdict: verdict.rarity) in verdicts[:3]
    assert nearest.share_of_suspects(verdicts) == pytest.approx(4 / 7)
    for verdict in verdicts:
        assert list(verdict.distances) == sorted(verdict.distances)
        assert verdict.sentence.endswith(".")


def test_photos_themselves_are_the_measure() -> None:
    photos = nearest.Photos(faces_of(60))
    verdicts = photos.judge(faces_of(60, 1_000))
    shares = [verdict.share for verdict in verdicts]
    assert 0.2 < np.mean(shares) < 0.7  # new ones lie to the photos as these to each other


def test_a_suspect_is_what_evaluate_calls_one() -> None:
    pixels = faces_of(200)
    half = pixels[:100] // 2 + faces_of(100, 500) // 2  # half a photo, half another face
    made = np.concatenate([half, faces_of(100, 700)])
    pool = memorization.Pool(pixels)
    below = memorization.limits(pool.nearest(pixels, np.arange(200)))
    levels = [verdict.level for verdict in nearest.Photos(pixels).judge(made)]
    found = [level in {"same", "suspect"} for level in levels]
    assert found == memorization.suspects(pool.nearest(made), below).tolist()
    assert 10 < sum(found) < 150


def test_too_few_photos_are_told() -> None:
    with pytest.raises(UserError, match="too few"):
        nearest.Photos(faces_of(11))


def test_the_photos_of_a_run_are_found_changed_or_gone(finished: Run, tmp_path: Path) -> None:
    workspace = Workspace(finished.path.parents[1])
    photos, remark = training_photos.training_photos(finished, workspace)
    assert len(photos) == helpers.PHOTOS
    assert remark is None
    config = finished.config()
    run = Run(tmp_path / "checkpoints" / "moved")
    run.path.mkdir(parents=True)
    for described, words in (
        ({**config["dataset"], "fingerprint": "0"}, "has changed"),
        ({**config["dataset"], "path": "no-such-photos"}, "are gone from here"),
        ({}, "does not say"),
    ):
        (run.path / "config.json").write_text(json.dumps({**config, "dataset": described}))
        if words == "has changed":
            assert words in str(training_photos.training_photos(run, workspace)[1])
        else:
            with pytest.raises(UserError, match=words):
                training_photos.training_photos(run, workspace)


# From a photo ------------------------------------------------------------------------------


def as_png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_face_of_a_photo_is_cut_out() -> None:
    [crop] = projection_target.crops(as_png(faces_helpers.astronaut()))
    assert (crop.shape, crop.dtype) == ((64, 64, 3), np.uint8)
    [upside_down] = projection_target.crops(as_png(np.rot90(faces_helpers.astronaut(), 2)))
    assert np.abs(upside_down.astype(int) - crop).mean() < 25
    two = np.concatenate([faces_helpers.astronaut(), faces_helpers.astronaut()], axis=1)
    assert len(projection_target.crops(as_png(two))) == 2


def test_a_crop_is_taken_as_it_is() -> None:
    face = faces_of(1)[0]
    assert np.array_equal(projection_target.crops(as_png(face))[0], face)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a and then nothing", "The photo cannot be used"),
        (b"<svg></svg>", "not an image of a known kind"),
        (helpers.png_that_claims(60_000, 60_000), "The photo cannot be used"),
        (as_png(np.full((300, 300, 3), 127, np.uint8)), "No face was found"),
        (bytes(projection_target.MAX_BYTES + 1), "is over 32 MB"),
    ],
)
def test_what_is_no_photo_of_a_face_is_told(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        projection_target.crops(data)


# Back to z ---------------------------------------------------------------------------------


def test_a_search_finds_a_face_of_a_small_generator() -> None:
    network = helpers.random_generator(nz=8, ngf=4)
    z = z_from_seed(12345, 8)
    target = generator.render(network, z[None])[0]
    before = [parameter.clone() for parameter in network.parameters()]
    with helpers.one_thread():
        steps = list(projection.search(network, None, target, steps=120, seconds=300))
        again = list(projection.search(network, None, target, steps=120, seconds=300))
    assert len(steps) == 120
    assert steps[-1].done == 1.0
    assert [step.levels for step in steps][-1] < 0.2 * steps[0].levels
    cosine = steps[-1].z @ z / np.linalg.norm(z) / np.linalg.norm(steps[-1].z)
    assert cosine > 0.97
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert again[-1].z == pytest.approx(steps[-1].z, abs=0.01)


def test_a_slow_search_is_hurried_on() -> None:
    network = helpers.random_generator(nz=8, ngf=4)
    with helpers.one_thread():
        steps = list(projection.search(network, None, faces_of(1)[0], steps=5_000, seconds=1e-3))
    assert len(steps) == projection.FEWEST_STEPS


def test_a_held_out_face_of_the_shipped_model_is_recovered(shipped: Model) -> None:
    critic = resources.critic_of(shipped)
    assert critic is not None
    z = z_from_seed(1_000_000, shipped.nz)
    target = shipped.images(z[None])[0]
    steps = list(projection.search(shipped.network, critic, target, steps=120, seconds=300))
    cosine = steps[-1].z @ z / np.linalg.norm(z) / np.linalg.norm(steps[-1].z)
    assert steps[-1].levels < 6  # of 255; another face differs by 60
    assert cosine > 0.8  # of two by chance: 0, give or take 0.1


def test_a_model_without_a_critic_is_told_from_one_with(finished: Run, tmp_path: Path) -> None:
    assert resources.critic_of(generator.load(finished.weights())) is not None
    alone = tmp_path / "netG.safetensors"
    checkpoint.save_weights(alone, helpers.random_generator(), {})
    assert resources.critic_of(generator.load(alone)) is None
