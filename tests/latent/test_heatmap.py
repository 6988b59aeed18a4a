"""D's answers, heat maps, and G's gradient on one z."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import heatmap
from neuroceleb.latent.seeds import z_from_seed
from neuroceleb.model.generator import Model
from neuroceleb.model.networks import Discriminator, weights_init
from tests import helpers

NZ = 8
Z = z_from_seed(3, NZ)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(Path("none"), helpers.random_generator(NZ).requires_grad_(False), {}, "")


@pytest.fixture(scope="module")
def discriminator() -> Discriminator:
    rng = torch.Generator().manual_seed(2)
    network = Discriminator(4)
    weights_init(network, rng)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4 if parameter.dim() == 4 else 1)
        network(torch.randn(16, 3, 64, 64, generator=rng))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def face(model: Model) -> Pixels:
    pixels: Pixels = model.images(Z[None])[0]
    return pixels


def test_the_unsmoothed_map_sums_to_the_directional_derivative_of_d(
    discriminator: Discriminator, face: Pixels
) -> None:
    """Of -logit, along the image: the difference quotient in float64."""
    found = heatmap.explain(discriminator, face, samples=0)
    exact = Discriminator(4)
    exact.load_state_dict(discriminator.state_dict())
    exact.eval().double()
    image = torch.from_numpy(face.copy()).permute(2, 0, 1)[None].double() / 127.5 - 1
    step = 1e-6
    with torch.no_grad():
        above, below = (exact(image * (1 + sign * step), as_logits=True) for sign in (1, -1))
    derivative = float(below - above) / (2 * step)
    assert abs(derivative) > 1e-3
    assert float(found.relevance.sum()) == pytest.approx(derivative, rel=1e-3)


def test_the_answer_is_ds(discriminator: Discriminator, face: Pixels) -> None:
    found = heatmap.explain(discriminator, face)
    image = torch.from_numpy(face.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    assert found.answer == pytest.approx(float(discriminator(image)), abs=1e-6)
    assert found.logit == pytest.approx(np.log(found.answer / (1 - found.answer)), abs=1e-4)
    many = heatmap.answers(discriminator, np.stack([face] * 20))
    assert many == pytest.approx([found.answer] * 20, abs=1e-6)
    assert heatmap.answers(discriminator, np.empty((0, 64, 64, 3), np.uint8)).shape == (0,)


def test_smoothing_is_the_mean_gradient_of_noisy_copies(
    discriminator: Discriminator, face: Pixels
) -> None:
    found = heatmap.explain(discriminator, face, samples=20, seed=5)
    image = torch.from_numpy(face.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    noise = torch.randn((20, 3, 64, 64), generator=torch.Generator().manual_seed(5))
    copies = (image + heatmap.NOISE * noise).requires_grad_()
    discriminator(copies, as_logits=True).sum().backward()
    assert copies.grad is not None
    expected = -(image[0] * copies.grad.mean(0)).sum(0)
    assert found.relevance == pytest.approx(expected.numpy(), abs=1e-6)
    again = heatmap.explain(discriminator, face, samples=20, seed=5)
    assert np.array_equal(found.relevance, again.relevance)


def test_regions_are_a_blur_of_the_relevance(discriminator: Discriminator, face: Pixels) -> None:
    found = heatmap.explain(discriminator, face, 4)
    assert found.regions.shape == (64, 64)
    assert found.regions.std() < found.relevance.std() / 2
    one = torch.zeros(64, 64)
    one[30, 20] = 1
    blurred = heatmap._blur(one)
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    assert divmod(int(blurred.argmax()), 64) == (30, 20)
    ratio = float(blurred[30, 23] / blurred[30, 20])
    assert ratio == pytest.approx(np.exp(-0.5 * (3 / heatmap.REGION_PX) ** 2), abs=1e-4)


def test_red_speaks_for_fake_and_blue_for_real(face: Pixels) -> None:
    regions = np.zeros((64, 64), np.float32)
    regions[:32], regions[32:] = 1.0, -1.0
    picture = heatmap.HeatMap(0.5, 0.0, regions, regions).picture(face)
    assert picture.dtype == np.uint8
    assert picture.shape == face.shape
    assert (picture[:32] == [255, 60, 30]).all()
    assert (picture[32:] == [40, 110, 255]).all()
    calm = heatmap.HeatMap(0.5, 0.0, regions * 0, regions * 0).picture(face)
    assert (calm == calm[:, :, :1]).all()


def test_gs_gradient_on_z_raises_the_answer(model: Model, discriminator: Discriminator) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    steps = list(heatmap.improve(model, discriminator, Z, 5))
    assert [one.step for one in steps] == [0, 1, 2, 3, 4, 5]
    assert np.array_equal(steps[0].z, Z)
    assert steps[0].moved == 0
    assert steps[-1].answer > steps[0].answer
    assert steps[-1].moved > 0
    for one in (steps[0], steps[-1]):
        assert np.abs(model.images(one.z[None])[0].astype(int) - one.face).max() <= 1
        assert heatmap.answers(discriminator, one.face[None])[0] == pytest.approx(
            one.answer, abs=0.01
        )
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_what_is_out_of_bounds_is_refused(
    model: Model, discriminator: Discriminator, face: Pixels
) -> None:
    with pytest.raises(UserError, match="64x64 pixels"):
        heatmap.explain(discriminator, face[:32])
    for count in (-1, 257):
        with pytest.raises(UserError, match="use 0 to 256"):
            heatmap.explain(discriminator, face, count)
    for count in (0, 101):
        with pytest.raises(UserError, match="use 1 to 100"):
            next(heatmap.improve(model, discriminator, Z, count))
    with pytest.raises(UserError, match="8 finite numbers"):
        next(heatmap.improve(model, discriminator, Z[:3]))
