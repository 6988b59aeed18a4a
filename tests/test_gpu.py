"""What only a GPU can show. Skipped where there is none."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from neuroceleb import checkpoint, generator, latent
from neuroceleb.batches import Faces
from tests import helpers

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here"),
]

FLAGS = (*helpers.TINY, "--device", "cuda", "--epochs", "3", "--keep-every", "1")


def test_a_run_trains_on_the_gpu_and_goes_on(here: helpers.Here, photos: Path) -> None:
    outcome = here("train", photos, "--run", "one", *FLAGS)
    assert outcome.code == 0, outcome.err
    run = helpers.run_of(here.workspace, "one")
    assert run.state() == "finished"
    assert torch.cuda.get_device_name() in run.status()["device"]
    outcome = here("train", "--run", "one", "--resume", "--epochs", "5")
    assert outcome.code == 0, outcome.err
    rows = run.stats()
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3, 4]
    assert all(np.isfinite(row["loss_g"]) for row in rows)
    assert rows[-1]["loss_d"] < rows[0]["loss_d"]


def test_a_run_moves_from_gpu_to_cpu(here: helpers.Here, photos: Path) -> None:
    assert here("train", photos, "--run", "one", *FLAGS).code == 0
    outcome = here("train", "--run", "one", "--resume", "--epochs", "4", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert len(helpers.run_of(here.workspace, "one").stats()) == 4


def test_one_seed_one_face_on_gpu_and_cpu(tmp_path: Path) -> None:
    path = tmp_path / "netG.safetensors"
    checkpoint.save_weights(path, helpers.random_generator(nz=100, ngf=64), {})
    on_gpu = generator.load(path)
    assert next(on_gpu.network.parameters()).is_cuda
    z = latent.z_from_seeds(range(64), 100)
    whole = on_gpu.images(z)
    on_cpu = generator.render(checkpoint.load_generator(path)[0], z)
    assert np.abs(whole.astype(int) - on_cpu.astype(int)).max() <= 1
    for size in (1, 7, 64):
        parts = [on_gpu.images(z[start : start + size]) for start in range(0, 64, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_one_seed_one_face_before_and_after_training(
    here: helpers.Here, photos: Path, tmp_path: Path
) -> None:
    """Training switches TF32 and kernel search on: drawing must not notice."""
    path = tmp_path / "netG.safetensors"
    checkpoint.save_weights(path, helpers.random_generator(nz=100, ngf=64), {})
    z = latent.z_from_seeds(range(16), 100)
    before = generator.load(path).images(z)
    assert here("train", photos, "--run", "one", *FLAGS).code == 0
    np.testing.assert_array_equal(generator.load(path).images(z), before)


def test_the_dataset_lives_on_the_gpu_as_bytes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1_000, 64, 64, 3), dtype=np.uint8)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    faces = Faces(pixels, torch.device("cuda"))
    assert torch.cuda.memory_allocated() - before == pytest.approx(pixels.nbytes, rel=0.01)
    ours = next(faces.batches(0, 64, seed=1))
    expected = next(Faces(pixels, torch.device("cpu")).batches(0, 64, seed=1))
    assert ours.is_cuda
    assert torch.equal(ours.cpu(), expected)


def test_fetching_a_batch_does_not_wait_for_the_gpu() -> None:
    """A long product is queued first; batches come meanwhile."""
    pixels = np.zeros((1_000, 64, 64, 3), np.uint8)
    faces = Faces(pixels, torch.device("cuda"))
    list(faces.batches(0, 64, seed=1))  # loads the kernels
    large = torch.randn(8_192, 8_192, device="cuda")
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(60):
        large = (large @ large).clamp_(-1, 1)
    batches = faces.batches(1, 64, seed=1)
    next(batches)
    first_fetched = time.perf_counter()
    for _ in batches:
        pass
    fetched = time.perf_counter() - first_fetched
    torch.cuda.synchronize()
    assert fetched < 0.5 * (time.perf_counter() - began)
