"""Several processes that train one run: on the CPU with gloo, started by torchrun as GPUs are."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.data.batches import Faces
from neuroceleb.errors import UserError
from neuroceleb.model.losses import image_gradient
from neuroceleb.runs import device_lock, jobs, launch
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import distributed, torchrun
from neuroceleb.training.distributed import DistributedContext
from neuroceleb.training.gan import new_gan, wrap_for_ddp
from tests import helpers
from tests.training import two_ranks

EPOCHS = 16
TWO = (*helpers.TINY, "--ngpu", "2", "--keep-every", "10", "--epochs", str(EPOCHS))


def run_torchrun(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The real torchrun with two processes, of a module and what follows."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--local-addr=127.0.0.1", "--nproc-per-node=2", "-m", *map(str, arguments)),
        ],
        cwd=cwd,
        env=helpers.environment() | {"GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=helpers.PATIENCE_S,
        check=False,
    )


# How a batch is divided --------------------------------------------------------------------


@given(count=st.integers(1, 200), several=st.integers(1, 16))
def test_every_image_is_in_one_part_and_counts_the_same(count: int, several: int) -> None:
    everyone = [DistributedContext(rank, several) for rank in range(several)]
    parts = [dist.shard(count) for dist in everyone]
    sizes = [part.stop - part.start for part in parts]
    seen = [
        image
        for part, dist in zip(parts, everyone, strict=True)
        if dist.shard_weight(count)
        for image in range(part.start, part.stop)
    ]
    assert seen == list(range(count))
    assert min(sizes) >= 1, "BatchNorm needs an image on each"
    assert max(sizes) - min(sizes) <= 1
    # The mean over all ranks of weighted means is the mean over the images.
    values = np.random.default_rng(count).standard_normal(count)
    means = [
        dist.shard_weight(count) * values[part].mean()
        for dist, part in zip(everyone, parts, strict=True)
    ]
    assert np.mean(means) == pytest.approx(values.mean(), rel=1e-12, abs=1e-12)
    if count % several == 0:
        assert {dist.shard_weight(count) for dist in everyone} == {1.0}


@pytest.mark.parametrize("several", [1, 2, 3, 4])
def test_an_epoch_shows_every_face_once_among_all_ranks(several: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (19, 64, 64, 3), dtype=np.uint8)
    faces = Faces(pixels, torch.device("cpu"))
    whole = list(faces.batches(1, 8, seed=3))
    shares = [
        list(faces.batches(1, 8, seed=3, part=DistributedContext(rank, several).shard))
        for rank in range(several)
    ]
    for number, batch in enumerate(whole):
        count = faces.size_of(number, 8)
        assert len(batch) == count
        real = [
            share[number]
            for rank, share in enumerate(shares)
            if DistributedContext(rank, several).shard_weight(count) > 0
        ]
        assert torch.equal(torch.cat(real), batch)


def test_one_process_is_untouched() -> None:
    figures = torch.ones(5)
    assert distributed.SINGLE_PROCESS.reduce_mean(figures, 1.0) is figures
    assert distributed.SINGLE_PROCESS.shard_weight(7) == 1.0
    assert distributed.SINGLE_PROCESS.shard(7) == slice(0, 7)
    settings = two_ranks.SETTINGS["classic"]
    gan = new_gan(settings, torch.device("cpu"))
    assert wrap_for_ddp(gan, settings, distributed.SINGLE_PROCESS) is gan
    with distributed.process_group() as dist:
        assert dist == distributed.SINGLE_PROCESS


# Gradients ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_two_processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[dict[str, two_ranks.Gradients]]:
    """What both of two gloo processes had as gradients."""
    folder = tmp_path_factory.mktemp("ranks")
    done = run_torchrun("tests.training.two_ranks", folder, cwd=helpers.ROOT)
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def in_one_process(settings: Settings, count: int) -> two_ranks.Gradients:
    """The weighted mean of the gradients of both parts, worked out one after the other."""
    if settings.simultaneous == "yes":
        return of_both_at_once(settings, count)
    real, z = two_ranks.batch(count)
    method, loss = two_ranks.method(settings), two_ranks.method(settings).loss
    both = (DistributedContext(0, 2), DistributedContext(1, 2))
    gans = [two_ranks.double_gan(settings) for _ in both]
    weights = [dist.shard_weight(count) / 2 for dist in both]
    reals = [real[dist.shard(count)].clone().requires_grad_(method.r1 > 0) for dist in both]
    fakes, figures = [], []
    for one, images, dist in zip(gans, reals, both, strict=True):
        real_scores = one.D(images, loss.on_logits)
        loss_real = loss.real(real_scores)
        penalty = method.penalty(image_gradient(real_scores, images), method.r1) if method.r1 else 0
        fakes.append(one.G(z[dist.shard(count)]))
        (loss_real + penalty).backward()
        loss_fake = loss.fake(one.D(fakes[-1].detach(), loss.on_logits))
        loss_fake.backward()
        figures.append((loss_real + loss_fake).detach())
    mean_of([one.D for one in gans], weights)
    for one, fake in zip(gans, fakes, strict=True):
        one.adam_d.step()
        one.D.requires_grad_(False)
        loss.generator(one.D(fake, loss.on_logits)).backward()
    mean_of([one.G for one in gans], weights)
    losses = torch.stack(figures) * torch.tensor(weights)
    return two_ranks.gradients(gans[0]) | {"loss_d": losses.sum()}


def of_both_at_once(settings: Settings, count: int) -> two_ranks.Gradients:
    """The same where both updates are by the D before its own: each loss by its own weights."""
    whole, z = two_ranks.batch(count)
    method = two_ranks.method(settings)
    both = (DistributedContext(0, 2), DistributedContext(1, 2))
    gans = [two_ranks.double_gan(settings) for _ in both]
    weights = [dist.shard_weight(count) / 2 for dist in both]
    figures = []
    for one, dist in zip(gans, both, strict=True):
        real = whole[dist.shard(count)].clone().requires_grad_()
        fake = one.G(z[dist.shard(count)])
        real_scores, fake_scores = one.D(real, True), one.D(fake, True)
        loss_d = method.loss.d_loss(real_scores, fake_scores)
        penalty = method.penalty(image_gradient(real_scores, real), method.r1)
        penalty = penalty + method.penalty(image_gradient(fake_scores, fake), method.r2)
        for loss, network in (
            (loss_d + penalty, one.D),
            (method.loss.g_loss(real_scores, fake_scores), one.G),
        ):
            found = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
            for weight, gradient in zip(network.parameters(), found, strict=True):
                weight.grad = gradient
        figures.append(loss_d.detach())
    for networks in ([one.D for one in gans], [one.G for one in gans]):
        mean_of(networks, weights)
    losses = torch.stack(figures) * torch.tensor(weights)
    return two_ranks.gradients(gans[0]) | {"loss_d": losses.sum()}


def mean_of(networks: list[torch.nn.Module], weights: list[float]) -> None:
    """Give all of them the weighted mean of their gradients."""
    for several in zip(*(network.parameters() for network in networks), strict=True):
        mean = sum(weight * one.grad for weight, one in zip(weights, several, strict=True))
        for one in several:
            one.grad = copy.deepcopy(mean)


@pytest.mark.slow
@pytest.mark.parametrize("count", two_ranks.BATCHES)
@pytest.mark.parametrize("recipe", two_ranks.SETTINGS)
def test_gradients_are_the_mean_of_those_of_both_parts(
    recipe: str, count: int, of_two_processes: list[dict[str, two_ranks.Gradients]]
) -> None:
    first, second = (found[f"{recipe} {count}"] for found in of_two_processes)
    expected = in_one_process(two_ranks.SETTINGS[recipe], count)
    assert first["figures"][0] == pytest.approx(expected.pop("loss_d").item(), abs=1e-6)
    assert first.keys() == second.keys() == expected.keys() | {"figures"}
    assert any(name.startswith("D.") for name in expected)
    for name, gradient in expected.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], gradient, rtol=1e-6, atol=1e-9, msg=name)


# Runs --------------------------------------------------------------------------------------


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[1])


def children_of(pid: int) -> set[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for file in files for child in file.read_text("ascii").split()}


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run trained by two processes, never interrupted; its batches are uneven at the end."""
    workspace = tmp_path_factory.mktemp("two")
    photos = helpers.write_photos(workspace / "photos", 19)
    outcome = helpers.command(workspace, "train", photos, "--run", "one", *TWO, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out.splitlines()[-1])["state"] == "finished"
    return helpers.run_of(workspace, "one")


@pytest.mark.slow
def test_a_run_of_two_processes_is_like_any_other(of_two: Run) -> None:
    assert [row["images_seen"] for row in of_two.stats()] == [19 * n for n in range(1, EPOCHS + 1)]
    assert list(of_two.sheets()) == list(range(EPOCHS))
    assert of_two.status()["device"] == "2 x CPU"
    assert of_two.config()["settings"]["ngpu"] == 2
    assert not of_two.is_locked()
    assert of_two.log_file.read_text("utf-8").count("Training 'one'") == 1
    assert not list(of_two.path.glob(".*"))


@pytest.mark.slow
def test_every_process_keeps_the_same_faces_back(of_two: Run, tmp_path: Path) -> None:
    photos = of_two.path.parents[1] / "photos"
    flags = (*TWO, "--epochs", "3", "--holdout", "0.3", "--evaluate-every", "2")
    outcome = helpers.command(tmp_path, "train", photos, "--run", "one", *flags)
    assert outcome.code == 0, outcome.err
    rows = helpers.run_of(tmp_path, "one").stats()
    trained_on = rows[0]["images_seen"]
    assert 1 < trained_on < 19
    assert [row["images_seen"] for row in rows] == [trained_on * n for n in (1, 2, 3)]


@pytest.mark.slow
def test_stopped_in_the_queue_and_resumed_by_torchrun_it_is_the_same_run(
    of_two: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locks go from the queue through the starter to the first process, and never lapse."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    workspace = Workspace(tmp_path)
    photos = of_two.path.parents[1] / "photos"
    settings = Settings.from_json(of_two.config()["settings"])
    run = jobs.start(workspace, "one", jobs.new_config(workspace, photos, settings))
    while len(run.stats()) == 0:
        assert run.state() in {"starting", "running"}
        assert run.is_locked()
        assert device_lock.holder(workspace, "cpu") == "one"
        time.sleep(0.005)
    launcher = parent_of(run.status()["pid"])
    os.kill(launcher, signal.SIGTERM)
    helpers.wait_for(lambda: run.state() == "stopped")
    helpers.wait_for(lambda: device_lock.holder(workspace, "cpu") is None)
    assert not run.stop_file.exists()
    assert 0 < run.status()["epoch"] < EPOCHS
    arguments = ("train", "--run-name", "one", "--resume", "--workspace", tmp_path)
    done = run_torchrun("neuroceleb", *arguments, cwd=helpers.ROOT)
    assert done.returncode == 0, done.stderr
    helpers.assert_same_training(run, of_two)


def begun(workspace: Path, photos: Path) -> tuple[subprocess.Popen[str], Run]:
    """A run of two processes that never ends, after its first epoch."""
    flags = (*TWO, "--epochs", "100000")
    process = helpers.start(workspace, "train", photos, "--run", "one", *flags)
    run = Run(workspace / "checkpoints" / "one")
    helpers.wait_for(lambda: len(run.stats()) > 0, process)
    return process, run


@pytest.mark.slow
def test_where_one_dies_the_first_ends_with_a_sentence(
    tmp_path: Path, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    process, run = begun(tmp_path, photos)
    (other,) = children_of(process.pid) - {run.status()["pid"]}
    os.kill(other, signal.SIGKILL)
    outcome = helpers.finish(process)
    assert outcome.code == 2, outcome
    assert "Another process of this training has ended" in outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err
    assert run.state() == "failed"
    assert "--resume" in run.status()["message"]
    # It goes on in one process.
    epochs = str(run.status()["epoch"] + 1)
    here = helpers.Here(tmp_path, capfd)
    outcome = here("train", "--run", "one", "--resume", "--ngpu", "1", "--epochs", epochs)
    assert outcome.code == 0, outcome.err
    assert run.state() == "finished"
    assert len(run.stats()) == int(epochs)


@pytest.mark.slow
def test_where_the_first_dies_the_others_end_and_the_starter_says_so(
    tmp_path: Path, photos: Path
) -> None:
    process, run = begun(tmp_path, photos)
    everyone = children_of(process.pid)
    assert len(everyone) == 2
    os.kill(run.status()["pid"], signal.SIGKILL)
    outcome = helpers.finish(process)
    assert outcome.code == 2, outcome
    said = outcome.err.splitlines()[-1]
    assert all(word in said for word in ("Process 0 of the 2", "signal 9", "--resume"))
    assert "Traceback" not in outcome.err
    assert run.state() == "lost"
    assert not any(Path(f"/proc/{pid}").exists() for pid in everyone)


# What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--ngpu", "9"), "--batch-size 8"),
        (("--ngpu", "2", "--batchnorm", "synced"), "--batchnorm"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_started(
    flags: tuple[str, ...], word: str, here: helpers.Here, photos: Path
) -> None:
    outcome = here("train", photos, "--run", "one", *helpers.TINY, *flags)
    outcome.assert_refused(word)
    assert list(here.workspace.iterdir()) == []


def test_gpus_that_are_not_there_are_said(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    flags = (*helpers.TINY, "--device", "cuda", "--ngpu", "2")
    here("train", photos, "--run", "one", *flags).assert_refused("--ngpu 2", "has 1")


def test_another_number_than_torchrun_started_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert torchrun.with_world_size({"ngpu": 3}) == {"ngpu": 3}
    assert (torchrun.world_size(), torchrun.rank()) == (1, 0)
    monkeypatch.setenv("WORLD_SIZE", "2")  # without torchrun, it means something else
    assert torchrun.world_size() == 1
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    monkeypatch.setenv("RANK", "1")
    assert (torchrun.world_size(), torchrun.rank()) == (2, 1)
    assert torchrun.with_world_size({}) == {"ngpu": 2}
    with pytest.raises(UserError, match="--ngpu 3"):
        torchrun.with_world_size({"ngpu": 3})
    assert not torchrun.is_needed(Settings.checked(ngpu=2))
    assert not {"RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"} & set(launch.environment())
