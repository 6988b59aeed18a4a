"""Training on few faces: frozen layers of D, early stopping, and D's outputs for held-out faces."""

from pathlib import Path
from typing import Any

import pytest
import torch

from neuroceleb.metrics import quick_evaluation
from neuroceleb.model import checkpoint
from neuroceleb.model.networks import Discriminator
from neuroceleb.runs.run import Run
from neuroceleb.settings import Settings
from neuroceleb.training import step_function
from neuroceleb.training.gan import freeze_layers, new_gan
from neuroceleb.training.step import step_config, train_step
from tests import helpers

MODERN = ("--recipe", "modern", *helpers.TINY)
DISTANCES = [30.0, 20.0, 25.0, 26.0, 10.0, 9.0]  # of the epochs


def stop_in_step(run: Run, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the run to stop within that step, counted from the next one."""
    step, steps = step_function.train_step, iter(range(1, 1_000))

    def watched(*arguments: Any) -> torch.Tensor:
        if next(steps) == wanted:
            run.stop_file.touch()
        return step(*arguments)

    monkeypatch.setattr(step_function, "train_step", watched)


# Frozen layers -----------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_first_convolutions_with_their_norms_are_frozen(count: int, norm: str) -> None:
    D = Discriminator(4, norm=norm)
    freeze_layers(D, count)
    convolutions = [n for n, m in D.main.named_children() if isinstance(m, torch.nn.Conv2d)]
    first_trained = int(convolutions[count])
    for name, weight in D.named_parameters():
        assert weight.requires_grad == (int(name.split(".")[1]) >= first_trained)


@pytest.mark.parametrize(
    "changes", [{}, {"loss": "ns", "d_norm": "none", "simultaneous": "yes", "r1": 1.0, "r2": 1.0}]
)
def test_a_step_leaves_frozen_layers_and_trains_the_others(changes: dict[str, Any]) -> None:
    settings = Settings.checked(nz=8, ngf=4, ndf=4, freeze_d=2, **changes)
    gan = new_gan(settings, torch.device("cpu"))
    before = {name: weight.detach().clone() for name, weight in gan.D.named_parameters()}
    frozen = {name for name, weight in gan.D.named_parameters() if not weight.requires_grad}
    rng = torch.Generator().manual_seed(0)
    for _ in range(2):
        real, z = torch.rand(8, 3, 64, 64) * 2 - 1, torch.randn(8, 8, 1, 1)
        train_step(gan, real, z, step_config(settings, 100), rng, settings.r1 > 0)
    for name, weight in gan.D.named_parameters():
        assert torch.equal(weight, before[name]) == (name in frozen), name
        assert weight.requires_grad == (name not in frozen)


def test_a_run_with_frozen_layers_resumes_exactly(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("train", photos, "--run", "start", *MODERN, "--epochs", "1").code == 0
    start = helpers.run_of(here.workspace, "start")
    flags = (*MODERN, "--epochs", "2", "--start-from", "start", "--freeze-d", "3")
    assert here("train", photos, "--run", "whole", *flags).code == 0
    with monkeypatch.context() as patched:
        stop_in_step(Run(here.workspace / "checkpoints" / "parts"), helpers.STEPS + 1, patched)
        assert here("train", photos, "--run", "parts", *flags).code == 0
    parts, whole = (helpers.run_of(here.workspace, name) for name in ("parts", "whole"))
    assert parts.state() == "stopped"
    outcome = here("train", "--run", "parts", "--resume")
    assert outcome.code == 0, outcome.err
    helpers.assert_same_training(parts, whole)
    ours, theirs = (
        checkpoint.load_discriminator(run.discriminator_file).state_dict() for run in (parts, start)
    )
    frozen = ["main.0.weight", "main.2.weight", "main.3.weight", "main.3.bias", "main.5.weight"]
    assert all(torch.equal(ours[name], theirs[name]) for name in frozen)
    assert not torch.equal(ours["main.8.weight"], theirs["main.8.weight"])


def test_freezing_in_a_run_from_noise_is_refused(here: helpers.Here, photos: Path) -> None:
    flags = ("--start-from", "none", "--freeze-d", "2", *MODERN)
    here("train", photos, "--run", "one", *flags).assert_refused("--freeze-d 2", "--start-from")
    assert not (here.workspace / "checkpoints" / "one").exists()


# Early stopping ----------------------------------------------------------------------------


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, here: helpers.Here) -> None:
    """Evaluations of the run `one` or `parts` give DISTANCES, whatever the faces."""
    evaluate = quick_evaluation.evaluate

    def of_epoch(network: Any, reference: Any) -> dict[str, float | str]:
        evaluate(network, reference)
        runs = [Run(here.workspace / "checkpoints" / name) for name in ("parts", "one")]
        run = next(run for run in runs if run.exists())
        return {"swd": DISTANCES[len(run.stats())], "n": 32, "seconds": 0.0}

    monkeypatch.setattr(quick_evaluation, "evaluate", of_epoch)


PATIENT = (
    *(*MODERN, "--start-from", "none", "--epochs", "6", "--keep-every", "100"),
    *("--batch-size", "32", "--evaluate-every", "1", "--patience", "2"),
)
STOPPED_EARLY = "Stopped early: no better epoch since epoch 1; its weights are kept."


@pytest.mark.slow
@pytest.mark.usefixtures("scripted")
def test_a_run_ends_after_evaluations_without_a_better_one(
    here: helpers.Here, tmp_path: Path
) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 40)
    outcome = here("train", photos, "--run", "one", *PATIENT)
    assert outcome.code == 0, outcome.err
    run = helpers.run_of(here.workspace, "one")
    status = run.status()
    assert (status["state"], status["epoch"], status["epochs"]) == ("finished", 4, 6)
    assert status["message"] == STOPPED_EARLY
    assert STOPPED_EARLY in outcome.err
    assert STOPPED_EARLY in run.log_file.read_text("utf-8")
    assert list(run.kept()) == [0, 1]
    before = helpers.timeless(run)

    outcome = here("train", "--run", "one", "--resume")
    assert outcome.code == 0, outcome.err
    assert run.status()["message"] == STOPPED_EARLY
    assert helpers.timeless(run) == before
    assert list(run.kept()) == [0, 1]


@pytest.mark.slow
@pytest.mark.usefixtures("scripted")
def test_early_stopping_survives_a_stop_and_a_resume(
    here: helpers.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 40)
    assert here("train", photos, "--run", "one", *PATIENT).code == 0
    one = helpers.run_of(here.workspace, "one")
    with monkeypatch.context() as patched:
        stop_in_step(Run(here.workspace / "checkpoints" / "parts"), 5, patched)  # in epoch 2
        assert here("train", photos, "--run", "parts", *PATIENT).code == 0
    parts = helpers.run_of(here.workspace, "parts")
    assert (parts.state(), parts.status()["epoch"]) == ("stopped", 2)
    assert here("train", "--run", "parts", "--resume").code == 0
    helpers.assert_same_training(parts, one)
    assert list(parts.kept()) == list(one.kept())
    assert parts.status()["message"] == STOPPED_EARLY


def test_patience_without_evaluations_is_refused(here: helpers.Here, photos: Path) -> None:
    outcome = here("train", photos, "--run", "one", *MODERN, "--patience", "2")
    outcome.assert_refused("--patience 2", "--evaluate-every")


# D's outputs for held-out faces ------------------------------------------------------------


@pytest.mark.slow
def test_the_outputs_of_d_are_recorded_where_faces_are_held_out(
    here: helpers.Here, tmp_path: Path
) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 100)
    flags = (*MODERN, "--start-from", "none", "--batch-size", "32", "--evaluate-every", "1")
    both = {"d_train", "d_held_out"}
    for name, share in (("plain", "0"), ("watched", "0.5")):
        outcome = here("train", photos, "--run", name, *flags, "--epochs", "1", "--holdout", share)
        assert outcome.code == 0, outcome.err
        run = helpers.run_of(here.workspace, name)
        (row,), recorded = run.stats(), run.config()["dataset"]
        assert (recorded["count"], recorded["trained_on"]) == (100, row["images_seen"])
        expected = both if name == "watched" else set()
        assert set(row["quality"]) & both == expected
        assert all(0 < row["quality"][key] < 1 for key in expected)
