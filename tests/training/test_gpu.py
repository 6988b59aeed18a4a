"""What only a GPU can show. Skipped where there is none."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neuroceleb.data.batches import Faces
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import background_writer, cuda_graphs, estimate, step_function
from neuroceleb.training import device as devices
from neuroceleb.training import gan as gans
from neuroceleb.training.gan import new_gan
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import step_config
from neuroceleb.training.step_function import make_step_function
from tests import helpers

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here"),
]

CUDA = torch.device("cuda")
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
    z = z_from_seeds(range(64), 100)
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
    z = z_from_seeds(range(16), 100)
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


# The step as it is captured ----------------------------------------------------------------


def trained(settings: Settings, use_cuda_graphs: bool, sizes: list[int]) -> list[torch.Tensor]:
    """Figures of these steps, and the weights after them, on the CPU."""
    with cuda_graphs.side_stream(CUDA):
        devices.configure(CUDA)
        gan = new_gan(settings, CUDA)
        method = step_config(settings, 1_000)
        noise = torch.Generator(CUDA).manual_seed(1)
        learn = make_step_function(gan, settings, method, noise, use_cuda_graphs=use_cuda_graphs)
        rng = torch.Generator().manual_seed(5)
        figures = []
        for number, size in enumerate(sizes):
            real = (torch.rand(size, 3, 64, 64, generator=rng) * 2 - 1).cuda()
            batch = real.contiguous(memory_format=torch.channels_last)
            figures.append(learn(batch, size, Progress(step=number)).clone())
        weights = [*gan.G.parameters(), *gan.D.parameters()]
        state = noise.get_state()
        return [value.detach().float().cpu() for value in (*figures, *weights, state)]


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_captured_steps_are_the_plain_ones(recipe: str) -> None:
    """From the same state, the smaller last batch and R1's steps among them, and the same noise."""
    settings = Settings.checked(recipe=recipe, ngf=16, ndf=16, batch_size=16, r1_every=2)
    sizes = [16] * 10 + [9] + [16] * 2
    plain = trained(settings, use_cuda_graphs=False, sizes=sizes)
    captured = trained(settings, use_cuda_graphs=True, sizes=sizes)
    assert torch.equal(plain[-1], captured[-1]), "the generator stands where it would have"
    # The first captured step is the fourth: until rounding grows, the figures are the same.
    for number, (ours, expected) in enumerate(zip(captured[:6], plain[:6], strict=True)):
        torch.testing.assert_close(ours, expected, rtol=2e-3, atol=2e-3, msg=f"step {number}")
    for ours, expected in zip(captured[len(sizes) : -1], plain[len(sizes) : -1], strict=True):
        # Adam moves a weight by lr a step at most, whichever way rounding sends it.
        assert (ours - expected).abs().max() < 2 * len(sizes) * settings.lr


def test_a_step_is_really_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    replays = 0
    capture_with = cuda_graphs.capture_with

    def counted(generators: list[torch.Generator]) -> cuda_graphs.Capture:
        capture = capture_with(generators)

        def capturing(work: Callable[[], torch.Tensor]) -> cuda_graphs.Replay:
            replay = capture(work)

            def replaying() -> torch.Tensor:
                nonlocal replays
                replays += 1
                return replay()

            return replaying

        return capturing

    monkeypatch.setattr(cuda_graphs, "capture_with", counted)
    settings = Settings.checked(recipe="classic", ngf=8, ndf=8, batch_size=8)
    trained(settings, use_cuda_graphs=True, sizes=[8] * 10 + [3])
    assert replays == 10 - cuda_graphs.WARM_UP_CALLS


def test_a_replayed_step_draws_new_noise() -> None:
    settings = Settings.checked(recipe="classic", ngf=8, ndf=8, batch_size=8, lr=1e-8)
    figures = trained(settings, use_cuda_graphs=True, sizes=[8] * 8)[4:8]
    assert len({tuple(row.tolist()) for row in figures}) == 4


def test_nothing_waits_for_the_gpu_within_an_epoch() -> None:
    """PyTorch itself says so: with this mode every waiting is an error."""
    settings = Settings.checked(ngf=16, ndf=16, batch_size=32, recipe="modern", r1_every=2)
    pixels = np.random.default_rng(0).integers(0, 256, (320, 64, 64, 3), dtype=np.uint8)
    with cuda_graphs.side_stream(CUDA):
        faces = Faces(pixels, CUDA)
        gan = new_gan(settings, CUDA)
        method = step_config(settings, len(faces))
        noise = torch.Generator(CUDA).manual_seed(1)
        learn = make_step_function(gan, settings, method, noise)
        sums = torch.zeros(5, dtype=torch.float64, device=CUDA)
        for epoch in range(3):
            batches = faces.batches(epoch, 32, seed=1)
            real = next(batches)
            for number in range(1, 10):
                # Capturing waits, and so does a new epoch's order; what follows must not.
                mode = "error" if epoch == 2 else "default"
                torch.cuda.set_sync_debug_mode(mode)
                try:
                    sums += learn(real, len(real), Progress(step=number))
                    gans.update_emas(gan, 32, 320 * epoch + 32 * number, settings)
                    real = next(batches)
                finally:
                    torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(sums).all()


def test_a_run_stopped_on_the_gpu_goes_on_nearly_as_if_it_had_not(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = (*FLAGS, "--epochs", "4")
    assert here("train", photos, "--run", "whole", *flags).code == 0
    one_step, done = step_function.train_step, 0
    run = here.workspace / "checkpoints" / "broken"

    def watched(*arguments: Any) -> torch.Tensor:
        nonlocal done
        done += 1
        if done == 2:
            (run / "stop").touch()
        return one_step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(step_function, "train_step", watched)
        assert here("train", photos, "--run", "broken", *flags).code == 0
    broken = helpers.run_of(here.workspace, "broken")
    assert broken.state() == "stopped"
    assert here("train", "--run", "broken", "--resume").code == 0
    whole = helpers.run_of(here.workspace, "whole")
    for ours, expected in zip(broken.stats(), whole.stats(), strict=True):
        assert ours["images_seen"] == expected["images_seen"]
        for name in ("loss_d", "loss_g", "d_x"):
            assert ours[name] == pytest.approx(expected[name], rel=0.1, abs=0.05), name


def test_a_copy_to_the_host_does_not_change_with_its_source() -> None:
    weights = torch.ones(1_000_000, device=CUDA)
    copy, wait = background_writer.copy_to_host({"weights": weights, "epoch": 3})
    weights.zero_()
    wait()
    assert copy["epoch"] == 3
    assert not copy["weights"].is_cuda
    assert copy["weights"].is_pinned()
    assert torch.equal(copy["weights"], torch.ones(1_000_000))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_losses_in_bfloat16_run_as_those_in_float32(
    seed: int, here: helpers.Here, photos: Path
) -> None:
    curves = {}
    for precision in ("float32", "bfloat16"):
        flags = ("--ngf", "16", "--ndf", "16", "--batch-size", "8", "--device", "cuda")
        more = ("--epochs", "6", "--seed", str(seed), "--precision", precision)
        assert here("train", photos, "--run", precision, *flags, *more).code == 0
        rows = helpers.run_of(here.workspace, precision).stats()
        curves[precision] = np.array([[row["loss_d"], row["loss_g"]] for row in rows])
    assert np.isfinite(curves["bfloat16"]).all()
    distance = np.abs(curves["bfloat16"] - curves["float32"]).mean(0)
    assert (distance < 0.5 * curves["float32"].mean(0)).all()


def test_the_pace_is_measured_with_captured_steps(tmp_path: Path, photos: Path) -> None:
    settings = Settings.checked(recipe="classic", ngf=8, ndf=8, batch_size=8, device="cuda")
    found = estimate.estimate(Workspace(tmp_path), "one", str(photos), settings)
    assert found["images_per_second"] > 0
    assert found["batch_size"] == 8


# Several -----------------------------------------------------------------------------------


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two NVIDIA GPUs here")
@pytest.mark.parametrize("batchnorm", ["device", "synced"])
def test_two_gpus_train_one_run(batchnorm: str, tmp_path: Path, photos: Path) -> None:
    flags = (*FLAGS, "--ngpu", "2", "--batchnorm", batchnorm)
    outcome = helpers.command(tmp_path, "train", photos, "--run", "one", *flags)
    assert outcome.code == 0, outcome.err
    run = helpers.run_of(tmp_path, "one")
    assert run.status()["device"].startswith("2 x ")
    assert [row["images_seen"] for row in run.stats()] == [40, 80, 120]
    outcome = helpers.command(tmp_path, "train", "--run", "one", "--resume", "--epochs", "4")
    assert outcome.code == 0, outcome.err
