"""The recipe `modern`: its augmentations, losses, average, and a run that goes on exactly."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch.nn import functional as F

from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import augment, averaging, checkpoint, losses
from neuroceleb.model.augment import AUGMENTATIONS
from neuroceleb.model.losses import LOSSES
from neuroceleb.model.networks import Discriminator, he_init, weights_init, without_spectral_norm
from neuroceleb.settings import AUGMENTATIONS as NAMED
from neuroceleb.settings import RECIPES, Settings
from neuroceleb.training import gan as gans
from neuroceleb.training import recording, state_file, step, step_function
from neuroceleb.training.gan import GAN, new_gan
from neuroceleb.training.step import StepConfig, step_config
from tests import helpers
from tests.helpers import STEPS

MODERN = ("--recipe", "modern", "--epochs", "3", "--keep-every", "1", *helpers.TINY)
CPU = torch.device("cpu")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_images(count: int = 16, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=rng(seed)) * 2 - 1


# Settings ----------------------------------------------------------------------------------


def test_a_recipe_sets_what_is_not_given() -> None:
    modern = Settings.checked(recipe="modern")
    assert {name: getattr(modern, name) for name in RECIPES["modern"]} == RECIPES["modern"]
    assert Settings.checked(recipe="modern", loss="hinge").loss == "hinge"
    assert Settings.from_json(modern.to_json()) == modern


def test_modern_is_the_default() -> None:
    assert Settings() == Settings(**RECIPES["modern"])
    assert Settings.checked() == Settings.checked(recipe="modern")
    assert set(RECIPES["classic"]) == set(RECIPES["modern"])


def test_a_run_that_was_made_before_the_other_recipe_is_classic_still() -> None:
    before = {"recipe": "classic", "epochs": 30, "ngf": 64}  # as in the first config.json
    classic = Settings.checked(recipe="classic", epochs=30, ema_share=0.05)  # of no average
    assert Settings.from_json(before) == classic


def test_classic_is_the_original() -> None:
    classic = Settings.checked(recipe="classic")
    assert step_config(classic, 100) == StepConfig(probability=augment.probability_for(100))
    assert step_config(classic, 100).augmentations == ()
    assert new_gan(Settings.checked(recipe="classic", ngf=4, ndf=4), CPU).emas == {}


def test_images_to_show_become_epochs() -> None:
    settings = Settings.checked(recipe="modern", images=3_000_000)
    assert settings.for_faces(15_000).epochs == 200
    assert settings.for_faces(7_001).epochs == 429
    assert settings.for_faces(7_001).keep_every == 22
    assert settings.for_faces(3).epochs == 2_000
    assert settings.for_faces(10**9).epochs == 1
    assert Settings.checked(epochs=7).for_faces(3).epochs == 7


# Augmentation ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_keeps_the_shape_and_passes_gradients(name: str) -> None:
    images = some_images().requires_grad_()
    changed = AUGMENTATIONS[name](images, rng())
    assert changed.shape == images.shape
    assert not torch.equal(changed, images)
    changed.square().sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert (images.grad.flatten(1).abs().sum(1) > 0).all()
    assert torch.equal(changed, AUGMENTATIONS[name](some_images(), rng()))


def test_translation_moves_an_eighth_at_most_either_way() -> None:
    dots = torch.zeros(400, 3, 64, 64)
    dots[:, :, 32, 32] = 1.0
    moved = augment.translation(dots, rng())
    assert torch.equal(moved.sum(dim=(1, 2, 3)), torch.full((400,), 3.0))
    _, _, rows, columns = (moved == 1.0).nonzero().unbind(1)
    for places in (rows, columns):
        assert set((places - 32).tolist()) == set(range(-8, 9))


def test_cutout_takes_a_square_of_half_the_side() -> None:
    left = augment.cutout(torch.ones(300, 3, 64, 64), rng())
    holes = (left[:, 0] == 0).flatten(1).sum(1)
    assert holes.max() == 32 * 32
    assert holes.min() >= 16 * 16
    assert set(left.unique().tolist()) == {0.0, 1.0}


def test_colour_changes_no_shape() -> None:
    images = some_images(4)
    changed = augment.colour(images, rng())
    for before, after in zip(images, changed, strict=True):
        grey = np.corrcoef(before.mean(0).flatten(), after.mean(0).flatten())
        assert grey[0, 1] == pytest.approx(1.0, abs=1e-4)


def test_about_half_are_mirrored() -> None:
    images = some_images(200)
    flipped = augment.random_flip(images, rng())
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(flipped, images, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(flipped, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


@examples(max_examples=20, deadline=None)
@given(chance=st.floats(0.0, 1.0), name=st.sampled_from(sorted(NAMED)))
def test_as_many_are_augmented_as_the_chance_says(chance: float, name: str) -> None:
    images = some_images(64)
    changed = augment.apply(images, NAMED[name], chance, rng(3))
    share = (changed != images).flatten(1).any(1).float().mean().item()
    wanted = 1 - (1 - chance) ** len(NAMED[name])
    assert abs(share - wanted) <= 4 * math.sqrt(0.25 / 64)


def test_the_fewer_the_images_the_stronger() -> None:
    assert augment.probability_for(7_000) == pytest.approx(0.279)
    assert augment.probability_for(100) == pytest.approx(0.2997)
    assert augment.probability_for(10**6) == 0.0


# Losses ------------------------------------------------------------------------------------

LOGITS = torch.linspace(-4, 4, 33, dtype=torch.float64)


def test_on_logits_it_is_the_original_loss() -> None:
    ours, original = LOSSES["ns"], LOSSES["bce"]
    for name in ("real", "fake", "generator"):
        got, wanted = getattr(ours, name)(LOGITS), getattr(original, name)(LOGITS.sigmoid())
        assert got.item() == pytest.approx(wanted.item(), rel=1e-12)


def test_hinge_and_least_squares_are_as_published() -> None:
    hinge, squares = LOSSES["hinge"], LOSSES["lsgan"]
    values = LOGITS.tolist()
    mean = lambda f: float(np.mean([f(x) for x in values]))  # noqa: E731
    assert hinge.real(LOGITS).item() == pytest.approx(mean(lambda x: max(0, 1 - x)))
    assert hinge.fake(LOGITS).item() == pytest.approx(mean(lambda x: max(0, 1 + x)))
    assert hinge.generator(LOGITS).item() == pytest.approx(mean(lambda x: -x))
    assert squares.real(LOGITS).item() == pytest.approx(mean(lambda x: (x - 1) ** 2 / 2))
    assert squares.fake(LOGITS).item() == pytest.approx(mean(lambda x: x**2 / 2))
    assert squares.generator(LOGITS).item() == squares.real(LOGITS).item()


def test_the_penalty_is_the_squared_gradient() -> None:
    weights = torch.randn(3 * 64 * 64, generator=rng(), dtype=torch.float64)
    images = some_images(5).double().requires_grad_()
    says = images.flatten(1) @ weights
    penalty = losses.mean_squared_norm(losses.image_gradient(says, images))
    assert penalty.item() == pytest.approx(weights.square().sum().item(), rel=1e-9)


@pytest.mark.parametrize(
    "recipe",
    [
        *({"loss": loss} for loss in LOSSES),
        *({"loss": loss, "simultaneous": "yes", "r2": 1.0} for loss in ("ns", "rp")),
        {"loss": "rp", "r2": 1.0, "top_k": 0.5},
        {"loss": "ns", "lecam": 0.1},
    ],
)
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_every_loss_and_norm_takes_finite_steps(recipe: dict[str, Any], norm: str) -> None:
    widths = {"ngf": 4, "ndf": 4}
    settings = Settings.from_json(recipe | {"d_norm": norm, "r1": 1.0} | widths)
    gan = new_gan(settings, CPU)
    before = copy.deepcopy(gan.D)
    method = step_config(settings, 1_000)
    z = torch.randn(8, 100, 1, 1, generator=rng())
    for penalised in (True, False):
        figures = step.train_step(gan, some_images(8), z, method, rng(), penalised)
        assert torch.isfinite(figures).all()
        assert all(0 <= figure <= 1 for figure in figures[2:])
    moved = [
        not torch.equal(a, b) for a, b in zip(before.parameters(), gan.D.parameters(), strict=True)
    ]
    assert any(moved)


# One pass of D for both updates ------------------------------------------------------------


def double_players(settings: Settings) -> GAN:
    gan = new_gan(settings, CPU)
    gan.G.double()
    gan.D.double()
    return gan


def gradients_of(gan: GAN) -> list[torch.Tensor]:
    networks = (gan.G, gan.D)
    return [weight.grad for it in networks for weight in it.parameters() if weight.grad is not None]


def gradients_of_two_passes(
    gan: GAN, real: torch.Tensor, z: torch.Tensor, method: StepConfig, penalised: bool
) -> list[torch.Tensor]:
    """Those of the definitions: D's loss by D's weights, then G's loss by G's, by the same D."""
    noise = rng(7)
    real = augment.apply(augment.random_flip(real, noise), ("colour",), 0.5, noise)
    drawn = noise.get_state()

    def losses_now() -> tuple[torch.Tensor, torch.Tensor]:
        noise.set_state(drawn)
        shown = augment.apply(gan.G(z), ("colour",), 0.5, noise)
        images, fakes = real.detach().requires_grad_(), shown
        says_real, says_fake = gan.D(images, True), gan.D(fakes, True)
        loss_d = method.loss.d_loss(says_real, says_fake)
        for says, images_of, weight in (
            (says_real, images, method.r1),
            (says_fake, fakes, method.r2),
        ):
            gradient = losses.image_gradient(says, images_of)
            loss_d = loss_d + method.penalty(gradient, weight) * penalised
        return loss_d, method.loss.g_loss(says_real, says_fake, method.top_k)

    of_d = torch.autograd.grad(losses_now()[0], list(gan.D.parameters()))
    of_g = torch.autograd.grad(losses_now()[1], list(gan.G.parameters()))
    return [*of_g, *of_d]


@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("more", [{}, {"r1": 1.0}, {"r1": 1.0, "r2": 2.0}, {"top_k": 0.5}])
@pytest.mark.parametrize("loss", ["ns", "rp"])
@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_one_pass_gives_the_gradients_of_two(
    norm: str, loss: str, more: dict[str, float], penalised: bool
) -> None:
    settings = Settings.checked(
        **{"loss": loss, "d_norm": norm, "d_init": "he", "simultaneous": "yes", "nz": 8},
        **{"ngf": 4, "ndf": 4, "augment": "colour", "augment_chance": 0.5, "r1_every": 4, **more},
    )
    method = step_config(settings, 1_000)
    assert method.simultaneous
    gan = double_players(settings)
    if norm == "spectral":
        for _ in range(20):
            gan.D(some_images(2).double())
        gan.D.eval()  # its power iteration would move on between two passes
    real, z = some_images(6).double(), torch.randn(6, 8, 1, 1, generator=rng(2)).double()
    expected = gradients_of_two_passes(copy.deepcopy(gan), real, z, method, penalised)
    step.train_step(gan, real, z, method, rng(7), penalised)
    found = gradients_of(gan)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).norm() <= 1e-10 * theirs.norm()


def test_one_pass_is_taken_only_where_it_can_be() -> None:
    can = {"simultaneous": "yes", "d_norm": "none"}
    assert step_config(Settings.checked(**can, loss="rp"), 9).simultaneous
    for cannot in ({"loss": "hinge"}, {"d_norm": "batch"}, {"lecam": 0.1}):
        assert not step_config(Settings.from_json(can | cannot), 9).simultaneous


def test_where_d_is_too_sure_of_a_fake_g_learns_nothing_of_it() -> None:
    says = torch.tensor([-200.0, 0.0, 200.0])
    loss_g, slope_d, slope_g = step._loss_derivatives(StepConfig(LOSSES["ns"]), says, says.clone())
    assert loss_g.item() == pytest.approx((200 + math.log(2)) / 3)
    ratio = step._safe_ratio(slope_g, slope_d)
    assert torch.allclose(ratio, torch.tensor([0.0, -1.0, 0.0]))


def test_pairs_are_compared_with_one_another() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])
    of_d, of_g = LOSSES["rp"].d_loss(real, fake), LOSSES["rp"].g_loss(real, fake)
    assert of_d.item() == pytest.approx((math.log1p(math.exp(-1.5)) + math.log1p(math.exp(2))) / 2)
    assert of_g.item() == pytest.approx((math.log1p(math.exp(1.5)) + math.log1p(math.exp(-2))) / 2)
    assert LOSSES["rp"].g_loss(real, fake, 0.5).item() == pytest.approx(math.log1p(math.exp(-2)))


def test_lecam_draws_towards_the_means_of_the_other_kind() -> None:
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([-1.0, 1.0])
    penalty = losses.lecam_penalty(real, fake, torch.tensor([3.0, 0.0]))
    assert penalty.item() == pytest.approx((4 + 16) / 2 + (16 + 4) / 2)
    anchors = gans.ScoreMeans()
    for _ in range(1_000):
        anchors.update(real, fake)
    assert torch.allclose(anchors.means, torch.tensor([3.0, 0.0]), atol=1e-3)


def test_hes_first_weights_keep_the_variance() -> None:
    D = Discriminator(32, norm="none")
    he_init(D, rng())
    says = D(torch.randn(64, 3, 64, 64, generator=rng()), True)
    assert 0.3 < says.std().item() < 3


def test_the_penalty_lowers_the_gradient() -> None:
    def gradient_after(r1: float) -> float:
        settings = Settings.checked(loss="ns", d_norm="none", r1=r1, r1_every=1, ngf=4, ndf=4)
        gan = new_gan(settings, CPU)
        with torch.no_grad():
            for weight in gan.D.parameters():
                weight.mul_(8)
        method = step_config(settings, 1_000)
        real = some_images(8).requires_grad_()
        for seed in range(12):
            z = torch.randn(8, 100, 1, 1, generator=rng(seed))
            step.train_step(gan, real.detach(), z, method, rng(), r1 > 0)
        gradient = losses.image_gradient(gan.D(real, True), real)
        return losses.mean_squared_norm(gradient).item()

    assert gradient_after(10.0) < 0.9 * gradient_after(0.0)


# The average -------------------------------------------------------------------------------


def test_the_average_half_forgets_in_its_half_life() -> None:
    settings = Settings.checked(ema_images=640, ngf=4, ndf=4)
    gan = new_gan(settings, CPU)
    assert gan.sampling_generator is gan.emas["G_ema"]
    first = next(gan.emas["G_ema"].parameters()).clone()
    with torch.no_grad():
        for parameter in gan.G.parameters():
            parameter.zero_()
    for _ in range(10):
        gans.update_emas(gan, 64, 10**6, settings)
    assert torch.allclose(next(gan.emas["G_ema"].parameters()), first / 2, atol=1e-7)


@pytest.mark.parametrize(("share", "kept"), [(0.05, 2**-20), (0.25, 2**-4)])
def test_a_young_average_follows_at_once(share: float, kept: float) -> None:
    settings = Settings.checked(ema_images=10_000, ema_share=share, ngf=4, ndf=4)
    gan = new_gan(settings, CPU)
    first = next(gan.emas["G_ema"].parameters()).clone()
    with torch.no_grad():
        for parameter in gan.G.parameters():
            parameter.fill_(1.0)
    gans.update_emas(gan, 64, 64, settings)
    average = next(gan.emas["G_ema"].parameters())
    assert torch.allclose(average, 1.0 + kept * (first - 1.0), atol=1e-5)


def test_the_other_averages_forget_at_other_paces() -> None:
    settings = Settings.checked(ema_images=640, averages="three", ngf=4, ndf=4)
    gan = new_gan(settings, CPU)
    assert list(gan.emas) == list(gan.state_dict())[4:7] == list(gans.EMA_SCALES)
    first = next(gan.G.parameters()).clone()
    with torch.no_grad():
        for parameter in gan.G.parameters():
            parameter.zero_()
    for _ in range(10):
        gans.update_emas(gan, 64, 10**6, settings)
    for name, scale in gans.EMA_SCALES.items():
        average = next(gan.emas[name].parameters())
        assert torch.allclose(average, first * 0.5 ** (1 / scale), atol=1e-7)


def test_at_the_end_the_average_that_measures_best_is_kept(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {
        "G_ema": {"swd": 3.0, "flaw_score": 0.4},
        "G_ema_short": {"swd": 2.5, "flaw_score": 0.35},
        "G_ema_long": {"swd": 4.0, "flaw_score": 0.3},  # smooth, but too far from the photos
    }
    monkeypatch.setattr(recording, "measure", lambda gan, _: figures[gan.selected_ema])
    monkeypatch.setattr(recording, "QuickReference", lambda _: None)
    outcome = here("train", photos, "--run", "one", *MODERN, "--averages", "three")
    assert outcome.code == 0, outcome.err
    run = helpers.run_of(here.workspace, "one")
    state, _ = state_file.load(run.state_file, run.older_state_file)
    half_life = state["position"]["images_seen"] / 4 / 3
    kept_said = f"half-life of {half_life:,.0f} images is kept: flaw score 0.4, 0.35, 0.3."
    assert kept_said in outcome.err
    kept = checkpoint.load_generator(run.weights())[0].state_dict()
    assert all(torch.equal(value, state["G_ema_short"][name]) for name, value in kept.items())
    before = checkpoint.load_generator(run.weights(1))[0].state_dict()
    assert not torch.equal(before["main.0.weight"], kept["main.0.weight"])


def test_the_learning_rate_falls_as_a_cosine() -> None:
    settings = Settings.checked(lr=2e-4, lr_end=5e-5, lr_d=4e-4, ngf=4, ndf=4)
    gan = new_gan(settings, CPU)
    for progress, lr in ((0.0, 2e-4), (0.5, 1.25e-4), (1.0, 5e-5), (1.5, 5e-5)):
        gans.set_learning_rates(gan, settings, progress)
        assert gan.adam_g.param_groups[0]["lr"] == pytest.approx(lr)
        assert gan.adam_d.param_groups[0]["lr"] == pytest.approx(2 * lr)
    constant = Settings.checked(lr=2e-4)
    assert constant.lr_factor(0.7) == 1.0


def test_the_batch_grows_between_epochs() -> None:
    settings = Settings.checked(batch_size=64, first_batch_size=16, first_images=250)
    assert [settings.batch_size_of(epoch, 100) for epoch in range(5)] == [16, 16, 16, 64, 64]
    assert Settings.checked(batch_size=64).batch_size_of(0, 100) == 64
    smaller = Settings(batch_size=8, first_batch_size=16, first_images=250)
    assert smaller.batch_size_of(0, 100) == 8


def test_a_settled_average_has_the_figures_of_its_own_faces() -> None:
    gan = new_gan(Settings.checked(ema_images=1_000, nz=8, ngf=4, ndf=4), CPU)
    G, average = gan.G, gan.emas["G_ema"]
    untouched = copy.deepcopy(G.state_dict())
    gans.recompute_ema_statistics(gan)
    assert all(
        torch.equal(a, b) for a, b in zip(untouched.values(), G.state_dict().values(), strict=True)
    )
    z = torch.from_numpy(z_from_seeds(averaging.STATISTICS_SEEDS, 8))[:, :, None, None]
    features = average.main[0](z)
    assert torch.allclose(average.main[1].running_mean, features.mean((0, 2, 3)), atol=1e-6)
    assert not average.training
    assert average.main[1].momentum == 0.1
    once = copy.deepcopy(average.state_dict())
    gans.recompute_ema_statistics(gan)
    assert all(
        torch.equal(a, b) for a, b in zip(once.values(), average.state_dict().values(), strict=True)
    )


# Files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_every_discriminator_comes_back_from_its_file(norm: str, tmp_path: Path) -> None:
    D = Discriminator(4, norm=norm)
    weights_init(D, rng())
    D(some_images())
    D.eval()
    path = tmp_path / "netD.safetensors"
    checkpoint.save_weights(path, without_spectral_norm(D), {})
    back = checkpoint.load_discriminator(path)
    with torch.no_grad():
        assert torch.allclose(back(some_images()), D(some_images()), atol=1e-6)
    assert back.norm == ("batch" if norm == "batch" else "none")


def test_spectral_weights_have_norm_one_in_a_file() -> None:
    torch.manual_seed(0)  # of the vectors from which the norms are found
    D = Discriminator(4, norm="spectral")
    weights_init(D, rng())
    for _ in range(60):  # power iterations
        D(some_images(2))
    for weight in (item for item in without_spectral_norm(D).parameters() if item.dim() == 4):
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


# A run -------------------------------------------------------------------------------------


PAIRS = (
    *("--loss", "rp", "--d-norm", "none", "--d-init", "he", "--simultaneous", "yes"),
    *("--r1", "1", "--r2", "1"),
)
SCHEDULES = ("--first-batch-size", "4", "--first-images", "40", "--lr-end", "1e-5")


@pytest.mark.parametrize(
    "more", [(), PAIRS, (*SCHEDULES, "--averages", "three"), ("--lecam", "0.1", "--top-k", "0.5")]
)
def test_a_modern_run_goes_on_exactly(
    more: tuple[str, ...], here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = (*MODERN, "--holdout", "0.2", "--r1-every", "2", *more)
    assert here("train", photos, "--run", "whole", *flags).code == 0
    whole = helpers.run_of(here.workspace, "whole")
    run = helpers.run_of(here.workspace, "whole").path.parent / "broken"

    one_step, done = step_function.train_step, 0

    def watched(*arguments: Any) -> torch.Tensor:
        nonlocal done
        done += 1
        if done == STEPS:
            (run / "stop").touch()
        return one_step(*arguments)

    monkeypatch.setattr(step_function, "train_step", watched)
    assert here("train", photos, "--run", "broken", *flags).code == 0
    broken = helpers.run_of(here.workspace, "broken")
    assert broken.state() == "stopped"
    assert here("train", "--run", "broken", "--resume").code == 0
    helpers.assert_same_training(broken, whole)
    assert 0.6 * 40 * 3 <= whole.status()["images_seen"] < 40 * 3


def test_the_kept_weights_are_the_average(here: helpers.Here, photos: Path) -> None:
    assert here("train", photos, "--run", "one", *MODERN).code == 0
    run = helpers.run_of(here.workspace, "one")
    state, _ = state_file.load(run.state_file, run.older_state_file)
    kept, config = checkpoint.load_generator(run.weights())
    assert config["settings"]["recipe"] == "modern"
    average = state["G_ema"]
    assert all(torch.equal(value, average[name]) for name, value in kept.state_dict().items())
    assert not torch.equal(average["main.0.weight"], state["G"]["main.0.weight"])
    assert F.mse_loss(average["main.0.weight"], state["G"]["main.0.weight"]) < 1e-3


def test_images_set_the_epochs_of_a_run(here: helpers.Here, photos: Path) -> None:
    flags = ("--recipe", "modern", "--images", "100", *helpers.TINY)
    assert here("train", photos, "--run", "one", *flags).code == 0
    run = helpers.run_of(here.workspace, "one")
    assert run.status()["epochs"] == len(run.stats()) == 3
    assert run.config()["settings"]["epochs"] == 3
    outcome = here("train", "--run", "one", "--resume", "--epochs", "4")
    assert outcome.code == 0, outcome.err
    assert len(run.stats()) == 4


def test_a_run_begins_with_the_weights_of_another(here: helpers.Here, photos: Path) -> None:
    assert here("train", photos, "--run", "first", *MODERN).code == 0
    first = helpers.run_of(here.workspace, "first")
    flags = ("--start-from", "first", "--lr", "1e-8", *MODERN)
    assert here("train", photos, "--run", "second", *flags).code == 0
    second = helpers.run_of(here.workspace, "second")
    assert second.config()["settings"]["start_from"] == "first"
    assert second.config()["start_model"]["name"] == "first"
    generators = [checkpoint.load_generator(first.weights())[0]]
    generators.append(checkpoint.load_generator(second.weights(0))[0])
    discriminators = [
        checkpoint.load_discriminator(run.discriminator_file) for run in (first, second)
    ]
    for one, other in (generators, discriminators):
        for x, y in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.allclose(x, y, atol=1e-5)


def test_a_start_that_does_not_fit_is_refused(here: helpers.Here, photos: Path) -> None:
    assert here("train", photos, "--run", "first", *MODERN).code == 0
    flags = ("--start-from", "first", *MODERN, "--ngf", "8")
    here("train", photos, "--run", "second", *flags).assert_refused("--start-from", "ngf 4", "8")
    flags = ("--start-from", "nowhere", *MODERN)
    here("train", photos, "--run", "second", *flags).assert_refused("nowhere")
    assert not (here.workspace / "checkpoints" / "second").exists()


@pytest.mark.slow
def test_the_quality_is_looked_at_in_the_epochs_asked_for(
    here: helpers.Here, tmp_path: Path
) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 120)
    flags = (*MODERN, "--evaluate-every", "2", "--batch-size", "64")
    outcome = here("train", photos, "--run", "one", *flags)
    assert outcome.code == 0, outcome.err
    first, second, third = helpers.run_of(here.workspace, "one").stats()
    assert "quality" not in first
    assert "quality" not in third
    assert math.isfinite(second["quality"]["swd"])
    assert second["quality"]["seconds"] > 0


def test_too_few_faces_to_measure_against_is_said(here: helpers.Here, tmp_path: Path) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 20)
    outcome = here("train", photos, "--run", "one", *MODERN, "--evaluate-every", "1")
    assert outcome.code == 0, outcome.err
    assert "quality of the faces is not measured" in outcome.err
    assert all("quality" not in row for row in helpers.run_of(here.workspace, "one").stats())
