"""From a photo to its aligned faces, and from a face back to z."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import model_cache, projection, projection_target
from neuroceleb.latent.seeds import z_from_seed
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.generator import Model
from neuroceleb.runs.run import Run
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


def test_a_finished_crop_is_not_cropped_again() -> None:
    face = faces_of(1)[0]
    assert np.array_equal(projection_target.crops(as_png(face))[0], face)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"GIF89a and then nothing", "The photo cannot be used"),
        (b"<svg></svg>", "not an image of a known kind"),
        (helpers.png_that_claims(60_000, 60_000), "The photo cannot be used"),
        (as_png(np.full((300, 300, 3), 127, np.uint8)), "No face was found"),
        (bytes(projection_target.MAX_BYTES + 1), "is over 32 MB"),
    ],
)
def test_photos_without_a_face_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
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
    assert [step.pixel_error for step in steps][-1] < 0.2 * steps[0].pixel_error
    cosine = steps[-1].z @ z / np.linalg.norm(z) / np.linalg.norm(steps[-1].z)
    assert cosine > 0.97
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert again[-1].z == pytest.approx(steps[-1].z, abs=0.01)


def test_a_slow_search_takes_fewer_steps() -> None:
    network = helpers.random_generator(nz=8, ngf=4)
    with helpers.one_thread():
        steps = list(projection.search(network, None, faces_of(1)[0], steps=5_000, seconds=1e-3))
    assert len(steps) == projection.MIN_STEPS


@pytest.mark.slow
def test_a_held_out_face_of_the_shipped_model_is_recovered(shipped: Model) -> None:
    discriminator = model_cache.discriminator_of(shipped)
    assert discriminator is not None
    z = z_from_seed(1_000_000, shipped.nz)
    target = shipped.images(z[None])[0]
    steps = list(projection.search(shipped.network, discriminator, target, steps=120, seconds=300))
    cosine = steps[-1].z @ z / np.linalg.norm(z) / np.linalg.norm(steps[-1].z)
    assert steps[-1].pixel_error < 6  # of 255; another face differs by 60
    assert cosine > 0.8  # of two by chance: 0, give or take 0.1


def test_a_model_outside_a_run_has_no_discriminator(finished: Run, tmp_path: Path) -> None:
    assert model_cache.discriminator_of(generator.load(finished.weights())) is not None
    alone = tmp_path / "netG.safetensors"
    checkpoint.save_weights(alone, helpers.random_generator(), {})
    assert model_cache.discriminator_of(generator.load(alone)) is None


def test_a_match_is_graded_by_its_distance() -> None:
    grades = [projection.grade(levels) for levels in (2, 24, 65)]
    assert grades == ["close", "loose", "none"]
