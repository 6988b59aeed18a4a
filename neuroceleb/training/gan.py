"""The networks of a run with their optimizers and averages: creation, saving and loading."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint
from neuroceleb.model.averaging import STATISTICS_SEEDS, compute_statistics
from neuroceleb.model.networks import Discriminator, Generator, he_init, weights_init
from neuroceleb.settings import Settings
from neuroceleb.training.distributed import DistributedContext

EMA_SCALES = {"G_ema": 1.0, "G_ema_short": 1 / 3, "G_ema_long": 3.0}  # times Settings.ema_images
LECAM_DECAY = 0.99  # per step


@dataclass(frozen=True)
class GAN:
    """Generator and discriminator with their optimizers.

    `emas` are exponential moving averages (EMA) of G's weights, by their names in EMA_SCALES; empty
    where the recipe has none. `ddp` holds G and D wrapped in DistributedDataParallel where several
    processes train.
    """

    G: Generator
    D: Discriminator
    adam_g: Adam
    adam_d: Adam
    emas: Mapping[str, Generator] = field(default_factory=dict)
    lecam_means: "ScoreMeans | None" = None
    selected_ema: str = "G_ema"
    ddp: tuple[nn.Module, nn.Module] | None = None

    @property
    def sampling_generator(self) -> Generator:
        """The generator that renders sheets and whose weights are kept: the EMA, or else G."""
        return self.emas.get(self.selected_ema, self.G)

    def _parts(self) -> dict[str, nn.Module | Adam]:
        parts: dict[str, nn.Module | Adam] = {
            **{"G": self.G, "D": self.D, "adam_g": self.adam_g, "adam_d": self.adam_d},
            **self.emas,
        }
        if self.lecam_means is not None:
            parts["anchors"] = self.lecam_means
        return parts

    def state_dict(self) -> dict[str, Any]:
        """The state dicts of all parts, by the names used in state files."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def check_state_dict(self, states: Mapping[str, Any]) -> None:
        """Raise ValueError, or what reading a malformed value raises, where it does not fit."""
        for name, part in self._parts().items():
            if isinstance(part, Adam):
                _check_adam_state(states[name], part)
            else:
                _check_shapes(states[name], part.state_dict())

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """Load a `state_dict` saved on any device; raises KeyError or ValueError on a mismatch."""
        for name, part in self._parts().items():
            if isinstance(part, Adam):
                part.load_state_dict(_with_own_options(states[name], part))
            else:
                part.load_state_dict(states[name])


def _with_own_options(state: dict[str, Any], adam: Adam) -> dict[str, Any]:
    """A state of Adam with the options of this optimizer: the settings and device set them."""
    return {**state, "param_groups": adam.state_dict()["param_groups"]}


def _check_adam_state(state: Mapping[str, Any], adam: Adam) -> None:
    """Raise ValueError where moments are not those of this optimizer's parameters."""
    parameters = [parameter for group in adam.param_groups for parameter in group["params"]]
    for index, moments in state["state"].items():
        parameter = parameters[index].detach()
        own = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
        _check_shapes(moments, own)


def _check_shapes(found: Mapping[str, Any], expected: Mapping[str, torch.Tensor]) -> None:
    if found.keys() != expected.keys():
        raise ValueError("other names of tensors")
    for name, tensor in expected.items():
        if not isinstance(found[name], torch.Tensor) or found[name].shape != tensor.shape:
            raise ValueError(f"'{name}' is not a tensor of shape {tuple(tensor.shape)}")


# Creation ----------------------------------------------------------------------------------


def new_gan(settings: Settings, device: torch.device, initial_weights: Path | None = None) -> GAN:
    """Networks with random weights drawn from the run's seed, and their optimizers.

    With `initial_weights`, G's weights are loaded from that file (see `check_initial_weights`).
    """
    rng = torch.Generator().manual_seed(settings.seed)
    G = Generator(settings.nz, settings.ngf)
    with torch.random.fork_rng(devices=[]):  # spectral_norm draws from the global generator
        torch.manual_seed(settings.seed)
        D = Discriminator(settings.ndf, norm=settings.d_norm)
    weights_init(G, rng)
    (he_init if settings.d_init == "he" else weights_init)(D, rng)
    if initial_weights is not None:
        _load_initial_weights(initial_weights, G, D)
    freeze_layers(D, settings.freeze_d)
    G.to(device).to(memory_format=torch.channels_last)
    D.to(device).to(memory_format=torch.channels_last)
    return GAN(
        G,
        D,
        new_adam(G, settings.lr, settings, device),
        new_adam(D, settings.lr_d or settings.lr, settings, device),
        _new_emas(G, settings),
        ScoreMeans().to(device) if settings.lecam else None,
    )


def freeze_layers(D: Discriminator, count: int) -> None:
    """Exclude D's first `count` convolutions and their norms from training.

    Mo, Cho, Shin, *Freeze the Discriminator: a Simple Baseline for Fine-Tuning GANs*, 2020. As
    there, BatchNorm goes on normalizing by the batch.
    """
    convolutions = 0
    for layer in D.main:
        convolutions += isinstance(layer, nn.Conv2d)
        if convolutions <= count:
            layer.requires_grad_(False)


def new_adam(network: nn.Module, lr: float, settings: Settings, device: torch.device) -> Adam:
    """Adam, capturable in a CUDA graph on a GPU.

    Not fused: on the CPU fused Adam gives wrong results, without an error, where the strides of
    weights and optimizer state differ. A captured learning rate that changes must be a tensor.
    """
    on_gpu = device.type == "cuda"
    rate = torch.tensor(lr, device=device) if on_gpu and settings.lr_end > 0 else lr
    betas = (settings.beta1, settings.beta2)
    return Adam(network.parameters(), lr=rate, betas=betas, capturable=on_gpu)


def _new_emas(G: Generator, settings: Settings) -> dict[str, Generator]:
    if not settings.ema_images:
        return {}
    names = list(EMA_SCALES) if settings.averages == "three" else ["G_ema"]
    return {name: copy.deepcopy(G).requires_grad_(False).eval() for name in names}


def check_initial_weights(path: Path, settings: Settings) -> None:
    """Raise UserError where a generator file does not fit the settings.

    That is where its widths differ, or where layers of D are to be frozen and there is no
    discriminator in the same folder, or one of another shape.
    """
    G, _ = checkpoint.load_generator(path)
    if (G.nz, G.ngf) != (settings.nz, settings.ngf):
        raise UserError(
            "--start-from {name}: that generator has nz {nz} and ngf {ngf}, not {settings_nz} "
            "and {settings_ngf}: use its values, or leave --start-from out.",
            name=path.name,
            nz=G.nz,
            ngf=G.ngf,
            settings_nz=settings.nz,
            settings_ngf=settings.ngf,
        )
    if settings.freeze_d and _discriminator_beside(path, settings.ndf, settings.d_norm) is None:
        raise UserError(
            "--freeze-d {freeze_d}: there is no discriminator with ndf {ndf} and norm {d_norm} "
            "beside {name}: leave --freeze-d out.",
            freeze_d=settings.freeze_d,
            ndf=settings.ndf,
            d_norm=settings.d_norm,
            name=path.name,
        )


def _load_initial_weights(path: Path, G: Generator, D: Discriminator) -> None:
    """Load a generator file, and the discriminator in the same folder where its shape matches.

    Wang et al., *Transferring GANs: generating images from limited data*, 2018.
    """
    G.load_state_dict(checkpoint.load_generator(path)[0].state_dict())
    other = _discriminator_beside(path, D.ndf, D.norm)
    if other is not None:
        D.load_state_dict(other.state_dict())


def _discriminator_beside(path: Path, ndf: int, norm: str) -> Discriminator | None:
    """The discriminator in the folder of a generator file, if there is one of this shape."""
    d_path = path.parent / "netD.safetensors"
    if not d_path.is_file():
        return None
    D = checkpoint.load_discriminator(d_path)
    return D if (D.ndf, D.norm) == (ndf, norm) else None


def wrap_for_ddp(gan: GAN, settings: Settings, dist: DistributedContext) -> GAN:
    """The same with G and D wrapped in DistributedDataParallel where several processes train."""
    if dist.world_size == 1:
        return gan
    G, D = (dist.wrap(network, settings.batchnorm) for network in (gan.G, gan.D))
    return replace(gan, ddp=(G, D))


# During training ---------------------------------------------------------------------------


class ScoreMeans(nn.Module):
    """Running means of D's output for real and fake images, for the LeCam penalty."""

    means: torch.Tensor  # (2,)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(2))

    def update(self, real_scores: torch.Tensor, fake_scores: torch.Tensor) -> None:
        """Move the means towards those of a batch."""
        batch_means = torch.stack([real_scores.detach().mean(), fake_scores.detach().mean()])
        self.means.lerp_(batch_means, 1 - LECAM_DECAY)


def set_learning_rates(gan: GAN, settings: Settings, share_done: float) -> None:
    """Set both optimizers' learning rates, given the share of the run's images shown so far."""
    factor = settings.lr_factor(share_done)
    for adam, lr in ((gan.adam_g, settings.lr), (gan.adam_d, settings.lr_d or settings.lr)):
        for group in adam.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr * factor)
            else:
                group["lr"] = lr * factor


def ema_half_life(name: str, images_seen: int, settings: Settings) -> float:
    """The images after which the average of this name has half forgotten.

    The first has `ema_images`, and at most `ema_share` of `images_seen`, so that it forgets the
    first weights: while that holds it is a power function average. The other two have a third and
    three times as much: which is best is only known at the end. Both after Karras et al.,
    *Analyzing and Improving the Training Dynamics of Diffusion Models*, 2024.
    """
    return EMA_SCALES[name] * min(settings.ema_images, settings.ema_share * images_seen)


def update_emas(gan: GAN, batch_size: int, images_seen: int, settings: Settings) -> None:
    """Update the averages of G after a step: see `ema_half_life`.

    BatchNorm's statistics are not averaged: see `recompute_ema_statistics`.
    """
    for name, ema in gan.emas.items():
        images = ema_half_life(name, images_seen, settings)
        decay = 0.5 ** (batch_size / max(1e-8, images))
        with torch.no_grad():
            for average, weight in zip(ema.parameters(), gan.G.parameters(), strict=True):
                average.lerp_(weight, 1.0 - decay)


def recompute_ema_statistics(gan: GAN) -> None:
    """Compute BatchNorm's running statistics of the selected EMA from 1,024 images."""
    network = gan.sampling_generator
    if network is not gan.G:
        compute_statistics(network, z_from_seeds(STATISTICS_SEEDS, network.nz))
