"""Best of: the order of faces by the well-formed rule, landmarks and the discriminator."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import best_of, landmarks
from neuroceleb.metrics.landmarks import MINI_SET_RULE, Detections
from neuroceleb.metrics.reference import OTHER_DATA, SEEN
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.networks import Discriminator
from neuroceleb.runs import evaluation
from neuroceleb.runs.run import Run
from tests import helpers
from tests.conftest import SHIPPED

WEIGHTS = max(SHIPPED.glob("netG_epoch_*.safetensors"))
Fake = Callable[[Detections], None]


def detections(scores: list[float], nose_shifts: list[float]) -> Detections:
    """Faces with landmarks at the centre of the rule, but for the noses."""
    points = np.repeat(MINI_SET_RULE.centre[None], len(scores), axis=0)
    points[:, 2, 0] += nose_shifts
    return Detections(np.array(scores), np.zeros(len(scores)), points)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes these detections the result for all faces."""
    return lambda fake: monkeypatch.setattr(landmarks, "detect", lambda _: fake)


def test_malformed_faces_come_last_and_the_discriminator_counts(
    tmp_path: Path, found: Fake
) -> None:
    path = tmp_path / "netD.safetensors"
    torch.manual_seed(1)
    network = Discriminator(4)
    checkpoint.save_weights(path, network.eval(), {})
    faces = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    logits = best_of.discriminate(faces, path)
    with torch.no_grad():
        exact = network(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), exact.numpy(), rtol=1e-4)
    shifts = [0.0] * 6
    shifts[int(logits.argmax())] = 0.3  # the nose in the cheek
    found(detections([0.95] * 6, shifts))
    ranking = best_of.rank(faces, path)
    assert sorted(one.index for one in ranking) == list(range(6))
    assert ranking[-1].index == int(logits.argmax())  # whatever the discriminator says
    assert [one.is_well_formed for one in ranking] == [True] * 5 + [False]
    ranked = [one.logit for one in ranking[:-1]]
    assert ranked == sorted(ranked, reverse=True)


def test_without_a_discriminator_landmarks_alone_decide(found: Fake) -> None:
    found(detections([0.0, 0.92, 0.95, 0.95], [0.0, 0.0, 0.01, 0.0]))
    ranking = best_of.rank(np.zeros((4, 64, 64, 3), np.uint8), None)
    assert [one.index for one in ranking] == [3, 1, 2, 0]
    assert {one.logit for one in ranking} == {None}


def test_the_rule_is_that_of_the_runs_own_dataset(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert best_of.rule_of(run) is MINI_SET_RULE
    fitted = {
        "least_score": 0.8,
        "tolerance": 3.5,
        "n_held_out": 99,
        "centre": (MINI_SET_RULE.centre + 0.1).tolist(),
        "spread": MINI_SET_RULE.spread.tolist(),
    }
    damaged = fitted | {"centre": [[float("nan")] * 2] * 5}
    short, old = fitted | {"spread": [0.1]}, {"least_score": 0.8, "tolerance": 3.5}
    for epoch, (well_formed, held_out) in enumerate(
        [(fitted, SEEN), (damaged, SEEN), (short, SEEN), (old, SEEN), (fitted, OTHER_DATA)]
    ):
        entry = {"well_formed": well_formed, "split": {"held_out": held_out}}
        evaluation.write(tmp_path, epoch, {**entry, "evaluated": f"2026-0{epoch + 1}"})
        assert best_of.rule_of(run).count == 99, epoch
    found = best_of.rule_of(run)
    assert (found.min_score, found.tolerance) == (0.8, 3.5)
    np.testing.assert_allclose(found.centre, MINI_SET_RULE.centre + 0.1)


def test_no_faces_have_no_order(tmp_path: Path) -> None:
    assert best_of.rank(np.empty((0, 64, 64, 3), np.uint8), None) == []
    with pytest.raises(UserError):
        best_of.discriminate(np.empty((1, 64, 64, 3), np.uint8), tmp_path / "none.safetensors")


def test_the_shipped_model_has_better_and_worse_faces() -> None:
    faces = generator.load(WEIGHTS).images(z_from_seeds(range(48), 100))
    ranking = best_of.rank(faces, SHIPPED / "netD.safetensors")
    upper, lower = ranking[:12], ranking[-12:]
    assert all(one.is_well_formed for one in upper)
    assert np.mean([one.score for one in upper]) > np.mean([one.score for one in lower])
    assert np.mean([one.logit for one in upper]) > np.mean([one.logit for one in lower])


def test_sample_draws_only_the_best(here: helpers.Here, tmp_path: Path) -> None:
    faces = generator.load(WEIGHTS).images(z_from_seeds(range(24), 100))
    ranking = best_of.rank(faces, SHIPPED / "netD.safetensors")
    out = tmp_path / "best"
    outcome = here("sample", WEIGHTS, "--seeds", "0-23", "--best", "6", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "The best 6 of 24 by D and landmarks: 18 left out (75%)" in outcome.err
    drawn = {path.name for path in out.iterdir()}
    assert drawn == {f"seed_{one.index:04d}.png" for one in ranking[:6]}


@pytest.mark.parametrize("count", ["0", "-1", "4"])
def test_the_best_are_at_most_all(count: str, here: helpers.Here, tmp_path: Path) -> None:
    arguments = ("--seeds", "0-2", f"--best={count}", "--out", tmp_path / "out")
    here("sample", WEIGHTS, *arguments).assert_refused(f"--best {count} of 3 seeds")
    assert not (tmp_path / "out").exists()
