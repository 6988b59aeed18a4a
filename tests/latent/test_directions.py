"""Directions: GANSpace in small, and the file of named ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.latent import model_cache, saved_directions, sheets
from neuroceleb.latent.directions import find_directions
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import generator
from neuroceleb.model.generator import Model
from neuroceleb.runs.run import Run
from tests import helpers

SHIPPED = helpers.ROOT / "checkpoints" / "celeba-mini-classic"


@pytest.fixture(scope="module")
def shipped() -> Model:
    return generator.load(Run(SHIPPED).weights())


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
def test_a_damaged_file_of_directions_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    weights = tmp_path / "netG_epoch_007.safetensors"
    path = saved_directions.write(weights, "abc", [Direction(*no_name())])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError):
        saved_directions.read(weights, "abc", 2)
    path.write_text('{"version": 1, ')
    with pytest.raises(UserError, match="damaged"):
        saved_directions.read(weights, "abc", 2)


@pytest.mark.parametrize("name", ["x" * 41, "a\nb", "\x00", 7, None])
def test_an_invalid_name_is_refused(name: object) -> None:
    with pytest.raises(UserError):
        saved_directions.check_name(name)


@pytest.mark.slow
def test_the_shipped_names_belong_to_the_shipped_weights(shipped: Model) -> None:
    known = saved_directions.read(shipped.path, shipped.sha256, shipped.nz)
    assert known is not None
    assert len({d.name for d in known}) == 10
    assert all(d.name for d in known)
    found = model_cache.compute_directions(shipped)
    for one, other in zip(known, found, strict=True):
        cosine = one.step @ other.step / np.linalg.norm(one.step) / np.linalg.norm(other.step)
        assert cosine > 0.99
        assert one.explains == pytest.approx(other.explains, rel=0.02)


def test_a_line_passes_through_its_face() -> None:
    z = np.array([1.0, 2.0], np.float32)
    step = np.array([0.0, 1.0], np.float32)
    line = sheets.traversals(z, [step], [0.5])
    assert line.shape == (sheets.FRAMES, 2)
    middle = int(np.argmin(np.abs(sheets.offsets() - 0.5)))
    assert line[middle].tolist() == z.tolist()
    assert line[:, 0].tolist() == [1.0] * sheets.FRAMES
    assert (line[-1] - line[0]).tolist() == [0.0, 2 * sheets.MAX_OFFSET]
