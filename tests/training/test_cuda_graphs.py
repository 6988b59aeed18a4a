"""The step as it is captured on a GPU, exercised at its seam: a capture that needs none."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from neuroceleb.settings import Settings
from neuroceleb.training import cuda_graphs, loop, recovery, step, step_function
from neuroceleb.training.cuda_graphs import WARM_UP_CALLS, CaptureError, GraphedFunction
from neuroceleb.training.distributed import SINGLE_PROCESS
from neuroceleb.training.gan import new_gan
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import step_config
from neuroceleb.training.step_function import StepFunction, make_step_function
from tests import helpers

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small steps on a busy machine spend their time waiting for one another's threads."""
    with helpers.one_thread():
        yield


class Recorder:
    """Captures as a GPU does, at its seam: work is called once, and replayed on what it read."""

    def __init__(self) -> None:
        self.captured = 0
        self.replayed = 0

    def __call__(self, work: Callable[[], torch.Tensor]) -> cuda_graphs.Replay:
        self.captured += 1

        def replay() -> torch.Tensor:
            self.replayed += 1
            return work()

        return replay


def refusing(_work: Callable[[], torch.Tensor]) -> cuda_graphs.Replay:
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


def capture_with(capture: cuda_graphs.Capture | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have step functions capture in this way, on the CPU too."""

    def graphed(function: cuda_graphs.Function, size: int, _: object) -> GraphedFunction:
        return GraphedFunction(function, size, capture)

    monkeypatch.setattr(step_function, "GraphedFunction", graphed)


def batches(sizes: list[int]) -> Iterator[torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    for size in sizes:
        yield torch.rand(size, 3, 64, 64, generator=rng) * 2 - 1


def test_it_is_captured_after_the_warm_ups_and_replayed() -> None:
    capture, seen = Recorder(), []

    def work(batch: torch.Tensor, kind: bool) -> torch.Tensor:
        seen.append((len(batch), kind, batch.data_ptr()))
        return batch.sum() * (2 if kind else 1)

    captured = GraphedFunction(work, 4, capture)
    sizes = [4] * 6 + [3] + [4] * 2
    for batch in batches(sizes):
        for kind in (False, True):
            assert captured(batch, kind) == batch.sum() * (2 if kind else 1)
    assert capture.captured == 2
    assert capture.replayed == 2 * (8 - WARM_UP_CALLS)
    assert len(seen) == 2 * len(sizes), "the warm-ups count, and nothing is done twice"
    held = {at for size, _, at in seen[2 * WARM_UP_CALLS :] if size == 4}
    assert len(held) == 1, "what is replayed reads one place"


def test_what_is_laid_down_keeps_its_strides() -> None:
    strides = []

    def work(batch: torch.Tensor, _kind: bool) -> torch.Tensor:
        strides.append(batch.stride())
        return batch.sum()

    captured = GraphedFunction(work, 2, Recorder())
    batch = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    for _ in range(WARM_UP_CALLS + 1):
        captured(batch, False)
    assert set(strides) == {batch.stride()}


def test_a_refusal_is_told_in_a_line_and_lack_of_memory_is_another_matter() -> None:
    captured = GraphedFunction(lambda batch, _: batch.sum(), 2, refusing)
    for _ in range(WARM_UP_CALLS):
        captured(torch.ones(2), False)
    with pytest.raises(CaptureError, match=r"not permitted when stream is capturing$"):
        captured(torch.ones(2), False)

    def too_small(_work: Callable[[], torch.Tensor]) -> cuda_graphs.Replay:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    captured = GraphedFunction(lambda batch, _: batch.sum(), 2, too_small)
    for _ in range(WARM_UP_CALLS):
        captured(torch.ones(2), False)
    with pytest.raises(torch.OutOfMemoryError):
        captured(torch.ones(2), False)


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_captured_steps_are_the_plain_ones(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of step, the smaller last batch and R1's among them: bit for bit."""
    r1 = 0.5 if recipe == "modern" else 0.0
    settings = Settings.checked(recipe=recipe, ngf=4, ndf=4, nz=8, batch_size=8, r1=r1, r1_every=2)
    capture = Recorder()

    def trained() -> list[torch.Tensor]:
        gan = new_gan(settings, CPU)
        method = step_config(settings, 100)
        noise = torch.Generator().manual_seed(1)
        learn = make_step_function(gan, settings, method, noise, SINGLE_PROCESS)
        rows = [
            learn(real, len(real), Progress(step=number)).clone()
            for number, real in enumerate(batches([8] * 12 + [5] + [8] * 3))
        ]
        return [*rows, *gan.G.parameters(), *gan.D.parameters(), noise.get_state()]

    plain = trained()
    capture_with(capture, monkeypatch)
    replayed = trained()
    assert capture.captured == (2 if recipe == "modern" else 1)
    assert all(torch.equal(a, b) for a, b in zip(plain, replayed, strict=True))


def test_a_run_that_may_not_be_captured_goes_on_and_says_so(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = (*helpers.TINY, "--epochs", "2", "--keep-every", "1")
    assert here("train", photos, "--run", "plain", *flags).code == 0
    asked = []

    def on_a_refusing_gpu(*arguments: object, use_cuda_graphs: bool) -> StepFunction:
        asked.append(use_cuda_graphs)
        capture = refusing if use_cuda_graphs else None
        capture_with(capture, monkeypatch)
        return make_step_function(*arguments, use_cuda_graphs=use_cuda_graphs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "make_step_function", on_a_refusing_gpu)
    outcome = here("train", photos, "--run", "refused", *flags)
    assert outcome.code == 0, outcome.err
    assert "did not let a training step be captured (operation not permitted" in outcome.err
    assert asked == [True, False]
    run = helpers.run_of(here.workspace, "refused")
    assert "more slowly" in run.status()["message"]
    helpers.assert_same_training(run, helpers.run_of(here.workspace, "plain"))


def test_no_side_stream_on_the_cpu() -> None:
    with cuda_graphs.side_stream(CPU):
        assert torch.zeros(1).device == CPU
    assert not recovery.is_out_of_memory(RuntimeError("stream is capturing"))


# Half precision ----------------------------------------------------------------------------


def test_with_bfloat16_losses_and_images_are_still_float32() -> None:
    settings = Settings.checked(recipe="classic", ngf=4, ndf=4, nz=8, precision="bfloat16")
    method = step_config(settings, 100)
    assert method.dtype is torch.bfloat16
    whole, half = new_gan(settings, CPU), new_gan(settings, CPU)
    real, z = next(batches([4])), torch.randn(4, 8, 1, 1)
    made = step._generate(half.G, z, method)
    assert made.dtype is torch.float32
    assert not torch.equal(made, step._generate(whole.G, z, step.CLASSIC))
    for _ in range(2):
        ours = step.train_step(half, real, z, method)
        expected = step.train_step(whole, real, z)
        assert ours.dtype is torch.float32
        torch.testing.assert_close(ours, expected, rtol=0.1, atol=0.05)
    assert {weight.dtype for weight in half.G.parameters()} == {torch.float32}


# Between devices ---------------------------------------------------------------------------


def test_a_state_from_a_gpu_goes_on_on_the_cpu() -> None:
    """A GPU's Adam counts its steps on the device, and says so in its groups."""
    settings = Settings.checked(recipe="classic", ngf=4, ndf=4, nz=8)
    before, after = new_gan(settings, CPU), new_gan(settings, CPU)
    real, z = next(batches([4])), torch.randn(4, 8, 1, 1)
    step.train_step(before, real, z)
    states = copy.deepcopy(before.state_dict())
    for name in ("adam_g", "adam_d"):
        for group in states[name]["param_groups"]:
            group["capturable"] = True
    after.load_state_dict(states)
    assert not after.adam_g.param_groups[0]["capturable"]
    torch.testing.assert_close(step.train_step(after, real, z), step.train_step(before, real, z))
    pairs = zip(after.G.parameters(), before.G.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
