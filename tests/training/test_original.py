"""The recipe `classic` is the original: held against an independent transcription of it."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.utils import make_grid, save_image

from neuroceleb import images
from neuroceleb.data.batches import Faces, to_float
from neuroceleb.model import checkpoint, networks
from neuroceleb.model.losses import BCE
from neuroceleb.settings import CHANNELS, IMAGE_SIZE, Settings
from neuroceleb.training.gan import GAN, new_gan
from neuroceleb.training.step import METRICS, train_step
from tests.training import reference

STEPS = 20
FIGURES = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small steps on a busy machine spend their time waiting for one another's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Twenty steps ------------------------------------------------------------------------------


def both_from_the_same_weights(width: int) -> tuple[GAN, reference.Original]:
    """Our networks and the original's, in double precision, of equal weights."""
    original = reference.Original(ngf=width, ndf=width)
    settings = Settings.checked(recipe="classic", ngf=width, ndf=width, device="cpu")
    ours = new_gan(settings, torch.device("cpu"))
    ours.G.load_state_dict(original.netG.state_dict())
    ours.D.load_state_dict(original.netD.state_dict())
    for network in (ours.G, ours.D, original.netG, original.netD):
        network.double()
    return ours, original


def batches_and_noise(sizes: list[int]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    rng = torch.Generator().manual_seed(7)
    for size in sizes:
        coarse = torch.rand(size, 3, 8, 8, generator=rng).double() * 2 - 1
        real = nn.functional.interpolate(coarse, scale_factor=8, mode="bilinear")
        yield real, torch.randn(size, reference.NZ, 1, 1, generator=rng).double()


def assert_same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    expected = theirs.state_dict()
    assert list(ours.state_dict()) == list(expected)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def assert_same_after_training(ours: nn.Module, theirs: nn.Module) -> None:
    """Equal but for rounding: Adam makes a gradient's last bits, near zero, lr / eps = 2e4 larger.

    What is let pass is a 200,000th part of one update.
    """
    expected = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        assert torch.allclose(tensor, expected[name], rtol=1e-9, atol=1e-9), name


@pytest.mark.parametrize(
    ("width", "batch_size"), [(8, 16), pytest.param(64, 4, marks=pytest.mark.slow)]
)
def test_twenty_steps_are_those_of_the_original(width: int, batch_size: int) -> None:
    torch.manual_seed(11)
    ours, original = both_from_the_same_weights(width)
    sizes = [batch_size] * (STEPS - 1) + [batch_size // 2]  # the last, smaller batch counts
    for step, (real, z) in enumerate(batches_and_noise(sizes)):
        batch = real.contiguous(memory_format=torch.channels_last)
        figures = train_step(ours, batch, z)
        expected = original.step(real, z)
        assert figures.dtype == torch.float64
        assert not figures.requires_grad
        for name, got, wanted in zip(FIGURES, figures.tolist(), expected, strict=True):
            assert got == pytest.approx(wanted, rel=1e-9, abs=0), f"step {step}: {name}"
    assert_same_after_training(ours.G, original.netG)
    assert_same_after_training(ours.D, original.netD)


def test_both_networks_changed() -> None:
    ours, original = both_from_the_same_weights(8)
    before = {name: tensor.clone() for name, tensor in ours.G.state_dict().items()}
    for real, z in batches_and_noise([8] * 2):
        train_step(ours, real, z)
    for name, tensor in ours.G.state_dict().items():
        assert not torch.equal(tensor, before[name]), name
        assert not torch.equal(tensor, original.netG.state_dict()[name]), name


def test_double_networks_have_double_optimizers() -> None:
    ours, _ = both_from_the_same_weights(8)
    real, z = next(batches_and_noise([4]))
    train_step(ours, real, z)
    for network, adam in ((ours.G, ours.adam_g), (ours.D, ours.adam_d)):
        for parameter in network.parameters():
            assert parameter.dtype == torch.float64
            assert adam.state[parameter]["exp_avg"].dtype == torch.float64


def test_the_figures_are_named_in_the_order_of_the_step() -> None:
    assert METRICS == FIGURES


def test_weights_moments_and_gradients_lie_alike_in_memory() -> None:
    ours = new_gan(Settings.checked(recipe="classic", ngf=8, ndf=8), torch.device("cpu"))
    real, z = next(batches_and_noise([4]))
    train_step(ours, real.float(), z.float())
    for network, adam in ((ours.G, ours.adam_g), (ours.D, ours.adam_d)):
        for parameter in network.parameters():
            moments = adam.state[parameter]
            assert moments["exp_avg"].stride() == parameter.stride()
            assert moments["exp_avg_sq"].stride() == parameter.stride()


def test_the_loss_is_the_originals_where_d_is_sure_too() -> None:
    chances = torch.tensor([0.0, 1e-300, 1e-12, 0.5, 1 - 1e-12, 1.0], dtype=torch.float64)
    for score, label in ((BCE.real, 1.0), (BCE.fake, 0.0), (BCE.generator, 1.0)):
        ours, theirs = chances.clone().requires_grad_(), chances.clone().requires_grad_()
        loss = score(ours)
        expected = nn.BCELoss()(theirs, torch.full_like(theirs, label))
        loss.backward()
        expected.backward()
        assert loss.item() == expected.item()
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)


# Networks and their first weights ----------------------------------------------------------


@pytest.mark.parametrize("width", [8, 64])
def test_networks_have_the_originals_layers(width: int) -> None:
    generators = networks.Generator(ngf=width), reference.NetG(ngf=width)
    discriminators = networks.Discriminator(ndf=width), reference.NetD(ndf=width)
    for ours, theirs in (generators, discriminators):
        assert list(map(repr, ours.main)) == list(map(repr, theirs.main))
        shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
        assert shapes == {name: tensor.shape for name, tensor in theirs.state_dict().items()}
        assert next(iter(shapes)) == "main.0.weight"


Layer = nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d


def drawn_layers() -> list[tuple[str, Layer]]:
    gan = new_gan(Settings.checked(recipe="classic", seed=3), torch.device("cpu"))
    return [
        (f"{kind}.{name}", layer)
        for kind, network in (("G", gan.G), ("D", gan.D))
        for name, layer in network.named_modules()
        if isinstance(layer, Layer)
    ]


def test_first_weights_are_drawn_as_in_the_original() -> None:
    layers = drawn_layers()
    assert len(layers) == 5 + 4 + 5 + 3
    for name, layer in layers:
        weights = layer.weight.detach().double()
        mean = 1.0 if isinstance(layer, nn.BatchNorm2d) else 0.0
        # Five standard errors of a mean and of a standard deviation of this many draws.
        assert abs(weights.mean() - mean) < 5 * 0.02 / weights.numel() ** 0.5, name
        assert abs(weights.std() / 0.02 - 1) < 5 / (2 * weights.numel()) ** 0.5, name
        if isinstance(layer, nn.BatchNorm2d):
            state = layer.state_dict()
            assert torch.count_nonzero(layer.bias) == 0, name
            assert torch.count_nonzero(state["running_mean"]) == 0, name
            assert torch.all(state["running_var"] == 1), name
        else:
            assert layer.bias is None, name


def test_no_two_layers_share_their_draws() -> None:
    convolutions = [layer for _, layer in drawn_layers() if not isinstance(layer, nn.BatchNorm2d)]
    firsts = [layer.weight.detach().flatten()[:8] for layer in convolutions]
    for one, other in itertools.combinations(firsts, 2):
        assert not torch.equal(one, other)


def test_classic_has_the_originals_settings() -> None:
    settings = Settings.checked(recipe="classic")
    assert (settings.loss, settings.d_norm) == ("bce", "batch")
    assert (settings.augment, settings.flip, settings.ema_images) == ("none", "no", 0)
    assert (settings.nz, CHANNELS, settings.ngf, settings.ndf) == (100, 3, 64, 64)
    assert (settings.epochs, settings.batch_size, IMAGE_SIZE) == (200, 64, 64)
    assert (settings.lr, settings.beta1, settings.beta2) == (2e-4, 0.5, 0.999)
    assert settings.ngpu == 1


def test_defaults_reach_the_optimizers() -> None:
    gan = new_gan(Settings.checked(recipe="classic"), torch.device("cpu"))
    original = reference.Original()
    for ours, theirs in (
        (gan.adam_g, original.optimizerG),
        (gan.adam_d, original.optimizerD),
    ):
        for name in ("lr", "betas", "eps", "weight_decay", "amsgrad"):
            assert ours.defaults[name] == theirs.defaults[name], name


# Files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize(("nz", "ngf"), [(100, 64), (20, 8)])
def test_reads_what_the_original_wrote(tmp_path: Path, as_zip: bool, nz: int, ngf: int) -> None:
    theirs = reference.NetG(nz, ngf).apply(reference.first_weights)
    theirs(torch.randn(4, nz, 1, 1))  # moves the running figures of BatchNorm
    path = tmp_path / "netG.pth"
    torch.save(theirs.state_dict(), path, _use_new_zipfile_serialization=as_zip)
    ours, config = checkpoint.load_generator(path)
    assert config == {}
    assert ours.nz == nz
    assert_same_weights(ours, theirs)
    z = torch.randn(3, nz, 1, 1)
    with torch.no_grad():
        assert torch.equal(ours(z), theirs.eval()(z))


@pytest.mark.parametrize("as_zip", [True, False])
def test_reads_the_originals_discriminator(tmp_path: Path, as_zip: bool) -> None:
    theirs = reference.NetD(8).apply(reference.first_weights)
    path = tmp_path / "netD.pth"
    torch.save(theirs.state_dict(), path, _use_new_zipfile_serialization=as_zip)
    assert_same_weights(checkpoint.load_discriminator(path), theirs)


def test_reads_what_the_original_wrote_on_several_gpus(tmp_path: Path) -> None:
    theirs = reference.NetG(ngf=8).apply(reference.first_weights)
    path = tmp_path / "netG.pth"
    torch.save(nn.DataParallel(theirs).state_dict(), path)
    ours, _ = checkpoint.load_generator(path)
    assert_same_weights(ours, theirs)


def test_the_original_reads_what_we_write(tmp_path: Path) -> None:
    gan = new_gan(Settings.checked(recipe="classic", nz=20, ngf=8, ndf=8), torch.device("cpu"))
    real, _ = next(batches_and_noise([4]))
    train_step(gan, real.float(), torch.randn(4, 20, 1, 1))
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (gan.G, reference.NetG(20, 8)),
        (gan.D, reference.NetD(8)),
    ]
    for ours, theirs in pairs:
        path = tmp_path / "net.pth"
        checkpoint.save_pth(path, ours)
        theirs.load_state_dict(torch.load(path, weights_only=True))
        assert_same_weights(ours, theirs)
        assert all(tensor.is_contiguous() for tensor in theirs.state_dict().values())


# Pixels ------------------------------------------------------------------------------------


def a_photo(width: int, height: int) -> Image.Image:
    """Colour noise over a slope, so that every pixel of a resize counts."""
    rng = np.random.default_rng([width, height])
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


SIZES = [
    (64, 64),
    (96, 96),
    (178, 218),
    (218, 178),
    (255, 65),
    (65, 254),
    (40, 50),
    (64, 200),
    (97, 31),
]


def ours_of(photo: Image.Image) -> torch.Tensor:
    return to_float(torch.from_numpy(images.shrink_to_square(photo, IMAGE_SIZE)[None].copy()))[0]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pixels_are_those_of_the_originals_transforms(width: int, height: int) -> None:
    photo = a_photo(width, height)
    assert torch.equal(ours_of(photo), reference.transform()(photo))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_files_are_read_as_image_folder_reads_them(tmp_path: Path, suffix: str) -> None:
    person = tmp_path / "person"
    person.mkdir()
    for index, (width, height) in enumerate(SIZES):
        a_photo(width, height).save(person / f"{index:03d}{suffix}")
    theirs = next(iter(reference.loader(tmp_path, len(SIZES), workers=0, shuffle=False)))[0]
    for expected, path in zip(theirs, sorted(person.iterdir()), strict=True):
        photo = images.read_photo(path.read_bytes(), draft_px=4 * IMAGE_SIZE)
        assert torch.equal(ours_of(photo), expected), path.name


def test_batches_hold_every_image_once_in_the_originals_range() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (150, 64, 64, 3), dtype=np.uint8)
    batches = list(Faces(pixels, torch.device("cpu")).batches(epoch=0, batch_size=64, seed=5))
    assert [len(batch) for batch in batches] == [64, 64, 22]
    whole = torch.cat(batches)
    assert whole.min() == -1
    assert whole.max() == 1
    to_tensor = reference.transform()
    expected = {to_tensor(Image.fromarray(face)).numpy().tobytes() for face in pixels}
    assert {face.contiguous().numpy().tobytes() for face in whole} == expected


# Sheets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5, 8, 9, 64])
def test_sheets_are_laid_out_as_make_grid_does(tmp_path: Path, count: int) -> None:
    pixels = np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    ours = images.grid(pixels)
    as_floats = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    theirs = make_grid(as_floats, nrow=8, padding=2)
    if count == 1:  # make_grid hands back a lone image without its frame
        theirs = nn.functional.pad(theirs, (2, 2, 2, 2))
    expected = theirs.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(ours, expected)
    if count > 1:
        save_image(as_floats, tmp_path / "sheet.png", nrow=8, padding=2)
        np.testing.assert_array_equal(ours, images.load(tmp_path / "sheet.png"))


def test_every_default_is_within_its_own_bounds() -> None:
    assert Settings.checked(**dataclasses.asdict(Settings.checked())) == Settings.checked()
