"""Best of: what the landmark check and D say, and in which order faces come out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neuroceleb.data.faces import formed, yunet
from neuroceleb.data.faces.detector import Face
from neuroceleb.data.faces.pose import HEAD
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels, shrink_to_square
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import best_of
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.networks import Discriminator
from tests import helpers
from tests.conftest import SHIPPED
from tests.data.faces import faces_helpers

FRONT = HEAD[:, :2] * 30 + 32


def face(points: np.ndarray, score: float = 0.9) -> Face:
    return Face((10, 10, 44, 44), tuple(map(tuple, points.tolist())), score)


class Saying:
    """A detector that says the same of every picture in turn."""

    name = "saying"

    def __init__(self, *found: Face | None) -> None:
        self.found = found

    def find(self, photos: list[Pixels]) -> list[list[Face]]:
        return [[one] if one else [] for one, _ in zip(self.found, photos, strict=True)]


def real_face() -> Pixels:
    """The astronaut's, 64x64, as much around it as faces of datasets have."""
    left, top, width, height = faces_helpers.FACE_BOX
    side = round(1.5 * max(width, height))
    x, y = left + width // 2 - side // 2, top + height // 2 - side // 2
    cut = Image.fromarray(faces_helpers.astronaut()[max(0, y) : y + side, x : x + side])
    return shrink_to_square(cut, 64)


def test_a_real_face_is_whole_and_noise_is_none() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    flat = np.full((64, 64, 3), 128, np.uint8)
    real, none, nothing = formed.forms([real_face(), noise, flat], yunet.YuNet())
    assert real.is_whole
    assert real.misfit < formed.MAX_MISFIT
    assert not none.is_whole
    assert nothing == formed.NOTHING


def test_the_misfit_sees_what_is_out_of_place_and_nothing_else() -> None:
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    assert formed.misfit(face(FRONT)) == pytest.approx(0, abs=1e-9)
    assert formed.misfit(face(3 * FRONT @ turn + 100)) == pytest.approx(0, abs=1e-9)
    moved = FRONT.copy()
    moved[2] += (12, 0)  # the nose beside the mouth
    assert formed.misfit(face(moved)) > formed.MAX_MISFIT
    swapped = FRONT[[3, 4, 2, 0, 1]]
    assert formed.misfit(face(swapped)) > formed.MAX_MISFIT
    assert formed.misfit(face(np.full((5, 2), 7.0))) == np.inf


def test_faces_out_of_place_come_last_and_d_has_its_say(tmp_path: Path) -> None:
    path = tmp_path / "netD.safetensors"
    torch.manual_seed(1)
    network = Discriminator(4)
    checkpoint.save_weights(path, network.eval(), {})
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    says = best_of.realness(faces, path)
    with torch.no_grad():
        exact = network(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1)
    np.testing.assert_allclose(1 / (1 + np.exp(-says)), exact.numpy(), rtol=1e-4)
    out_of_place = FRONT.copy()
    out_of_place[2] += (12, 0)
    found = [face(FRONT)] * 6
    found[int(says.argmax())] = face(out_of_place)
    judged = best_of.rank(faces, path, Saying(*found))
    assert [one.place for one in judged] == list(range(6))
    assert sorted(one.index for one in judged) == list(range(6))
    assert judged[-1].index == int(says.argmax())  # however real D finds it
    realness = [one.realness for one in judged[:-1]]
    assert realness == sorted(realness, reverse=True)


def test_without_d_the_landmarks_judge_alone() -> None:
    faces = np.zeros((3, 64, 64, 3), np.uint8)
    found = Saying(None, face(FRONT, 0.86), face(FRONT, 0.95))
    judged = best_of.rank(faces, None, found)
    assert [one.index for one in judged] == [2, 1, 0]
    assert {one.realness for one in judged} == {None}


def test_no_faces_have_no_order(tmp_path: Path) -> None:
    assert best_of.rank(np.empty((0, 64, 64, 3), np.uint8), None, Saying()) == []
    with pytest.raises(UserError):
        best_of.realness(np.empty((1, 64, 64, 3), np.uint8), tmp_path / "nowhere.safetensors")


def test_the_model_that_ships_has_better_and_worse() -> None:
    weights = max(SHIPPED.glob("netG_epoch_*.safetensors"))
    faces = generator.load(weights).images(z_from_seeds(range(48), 100))
    judged = best_of.rank(faces, SHIPPED / "netD.safetensors", yunet.YuNet())
    upper, lower = judged[:12], judged[-12:]
    assert all(one.form.is_whole for one in upper)
    assert np.mean([one.form.score for one in upper]) > np.mean([one.form.score for one in lower])
    assert np.mean([one.realness for one in upper]) > np.mean([one.realness for one in lower])


def test_sample_draws_only_the_best_and_tells_the_rest(here: helpers.Here, tmp_path: Path) -> None:
    weights = max(SHIPPED.glob("netG_epoch_*.safetensors"))
    faces = generator.load(weights).images(z_from_seeds(range(24), 100))
    judged = best_of.rank(faces, SHIPPED / "netD.safetensors", yunet.YuNet())
    out = tmp_path / "best"
    outcome = here("sample", weights, "--seeds", "0-23", "--best", "6", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "The best 6 of 24 by D and landmarks: 18 left out (75%)" in outcome.err
    drawn = {path.name for path in out.iterdir()}
    assert drawn == {f"seed_{one.index:04d}.png" for one in judged[:6]}


@pytest.mark.parametrize("count", ["0", "-1", "4"])
def test_more_than_all_are_not_the_best(count: str, here: helpers.Here, tmp_path: Path) -> None:
    weights = max(SHIPPED.glob("netG_epoch_*.safetensors"))
    arguments = ("--seeds", "0-2", f"--best={count}", "--out", tmp_path / "out")
    here("sample", weights, *arguments).assert_refused(f"--best {count} of 3 seeds")
    assert not (tmp_path / "out").exists()
