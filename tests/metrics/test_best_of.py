"""Best of: the order of faces by flaw score, and `sample --best`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import best_of, flaws
from neuroceleb.model import generator
from tests import helpers
from tests.conftest import SHIPPED

WEIGHTS = max(SHIPPED.glob("netG_epoch_*.safetensors"))
Fake = Callable[[list[float]], None]


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes these the scores of all faces."""
    return lambda fake: monkeypatch.setattr(
        flaws, "flaw_scores", lambda _: np.array(fake, np.float32)
    )


def test_the_lowest_score_is_first_and_equals_keep_their_order(scored: Fake) -> None:
    scored([0.99, 0.25, 0.01, 0.25])
    ranking = best_of.rank(np.zeros((4, 64, 64, 3), np.uint8))
    assert [one.index for one in ranking] == [2, 1, 3, 0]
    assert [one.flaw_score for one in ranking] == pytest.approx([0.01, 0.25, 0.25, 0.99])
    assert [ranking[0].is_flawed, ranking[-1].is_flawed] == [False, True]


def test_the_shipped_model_has_better_and_worse_faces() -> None:
    faces = generator.load(WEIGHTS).images(z_from_seeds(range(24), 100))
    ranking = best_of.rank(faces)
    assert not any(one.is_flawed for one in ranking[:6])
    assert any(one.is_flawed for one in ranking[-6:])


def test_sample_draws_only_the_best(here: helpers.Here, tmp_path: Path) -> None:
    faces = generator.load(WEIGHTS).images(z_from_seeds(range(24), 100))
    ranking = best_of.rank(faces)
    out = tmp_path / "best"
    outcome = here("sample", WEIGHTS, "--seeds", "0-23", "--best", "6", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "The best 6 of 24 by flaw score: 18 left out (75%)" in outcome.err
    drawn = {path.name for path in out.iterdir()}
    assert drawn == {f"seed_{one.index:04d}.png" for one in ranking[:6]}


@pytest.mark.parametrize("count", ["0", "-1", "4"])
def test_the_best_are_at_most_all(count: str, here: helpers.Here, tmp_path: Path) -> None:
    arguments = ("--seeds", "0-2", f"--best={count}", "--out", tmp_path / "out")
    here("sample", WEIGHTS, *arguments).assert_refused(f"--best {count} of 3 seeds")
    assert not (tmp_path / "out").exists()
