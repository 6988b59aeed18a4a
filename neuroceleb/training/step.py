"""One step of both players: the networks with their optimizers, and what a step does to them."""

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import augment, checkpoint
from neuroceleb.model.losses import BCE, LOSSES, Loss, gradient_penalty
from neuroceleb.model.networks import Discriminator, Generator, weights_init
from neuroceleb.settings import AUGMENTATIONS, Settings
from neuroceleb.training import distributed
from neuroceleb.training.distributed import Ranks

PLAYERS = ("G", "D", "adam_g", "adam_d", "G_ema")
SETTLING_SEEDS = range(1_000_000, 1_001_024)
SETTLED_AT_ONCE = 64
BATCHNORM_MOMENTUM = 0.1  # PyTorch's own
FIGURES = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")


@dataclass(frozen=True)
class Players:
    """The two networks and their optimizers; G's running average where the recipe has one."""

    G: Generator
    D: Discriminator
    adam_g: Adam
    adam_d: Adam
    G_ema: Generator | None = None
    joined: tuple[nn.Module, nn.Module] | None = None  # G and D among several ranks

    @property
    def shown(self) -> Generator:
        """The generator whose faces are shown and whose weights are kept."""
        return self.G if self.G_ema is None else self.G_ema

    def states(self) -> dict[str, Any]:
        """The state of each player there is, by name."""
        there = {name: getattr(self, name) for name in PLAYERS}
        return {name: player.state_dict() for name, player in there.items() if player is not None}


def check_start(path: Path, settings: Settings) -> None:
    """Raises UserError where the generator in a file does not fit the settings of a run."""
    G, _ = checkpoint.load_generator(path)
    if (G.nz, G.ngf) != (settings.nz, settings.ngf):
        raise UserError(
            f"--start-from {path.name}: that generator has nz {G.nz} and ngf {G.ngf}, not "
            f"{settings.nz} and {settings.ngf}: use its figures, or leave it out."
        )


def _begin_with(path: Path, G: Generator, D: Discriminator) -> None:
    """Take over the weights of a generator file, and of the discriminator beside it if it fits.

    Wang et al., *Transferring GANs: generating images from limited data*, 2018.
    """
    G.load_state_dict(checkpoint.load_generator(path)[0].state_dict())
    beside = path.parent / "netD.safetensors"
    if not beside.is_file():
        return
    other = checkpoint.load_discriminator(beside)
    if (other.ndf, other.norm) == (D.ndf, D.norm):
        D.load_state_dict(other.state_dict())


def new_players(
    settings: Settings, device: torch.device, start_from: Path | None = None
) -> Players:
    """Networks with the original's first weights, drawn from the run's seed, and their Adams.

    Or with the weights of the generator in `start_from`, which fits (see `check_start`).
    """
    rng = torch.Generator().manual_seed(settings.seed)
    G = Generator(settings.nz, settings.ngf)
    with torch.random.fork_rng(devices=[]):  # spectral normalisation begins anywhere: not here
        torch.manual_seed(settings.seed)
        D = Discriminator(settings.ndf, norm=settings.d_norm)
    weights_init(G, rng)
    weights_init(D, rng)
    if start_from is not None:
        _begin_with(start_from, G, D)
    G.to(device).to(memory_format=torch.channels_last)
    D.to(device).to(memory_format=torch.channels_last)
    G_ema = copy.deepcopy(G).requires_grad_(False).eval() if settings.ema_images else None

    # Not fused: on the CPU fused Adam is silently wrong where strides of weight and state differ.
    # Capturable on a GPU: it counts its steps there, so that a graph of them can be replayed.
    def adam(network: nn.Module, lr: float) -> Adam:
        betas, on_gpu = (settings.beta1, settings.beta2), device.type == "cuda"
        return Adam(network.parameters(), lr=lr, betas=betas, capturable=on_gpu)

    return Players(G, D, adam(G, settings.lr), adam(D, settings.lr_d or settings.lr), G_ema)


def join(players: Players, settings: Settings, us: Ranks) -> Players:
    """The players with their gradients averaged over all ranks; BatchNorm as the settings say."""
    if us.count == 1:
        return players
    G, D = (us.joined(network, settings.batchnorm) for network in (players.G, players.D))
    return replace(players, joined=(G, D))


def load_states(players: Players, states: dict[str, Any]) -> None:
    """What `Players.states` gave, on this device or another one; raises where it does not fit."""
    for name in players.states():
        player = getattr(players, name)
        if isinstance(player, Adam):
            player.load_state_dict(_of_this_device(states[name], player))
        else:
            player.load_state_dict(states[name])


def _of_this_device(state: dict[str, Any], adam: Adam) -> dict[str, Any]:
    """An Adam's state that counts its steps where this one does: in the groups of a file stands
    whether that was on a GPU."""
    capturable = adam.defaults["capturable"]
    groups = [{**group, "capturable": capturable} for group in state["param_groups"]]
    return {**state, "param_groups": groups}


@dataclass(frozen=True)
class Method:
    """What a step does beyond the original's: the recipe's loss, augmentation and penalty."""

    loss: Loss = BCE
    augmentations: tuple[str, ...] = ()
    chance: float = 1.0
    flips: bool = False
    r1: float = 0.0
    r1_every: int = 16
    precision: torch.dtype | None = None  # of convolutions; None: as weights and images are

    def is_penalised(self, step: int) -> bool:
        """Whether D pays for its gradient in this step of an epoch."""
        return self.r1 > 0 and step % self.r1_every == 0


CLASSIC = Method()


def method_of(settings: Settings, count: int) -> Method:
    """How a run of these settings takes its steps on so many faces."""
    return Method(
        LOSSES[settings.loss],
        AUGMENTATIONS[settings.augment],
        settings.augment_chance or augment.chance_for(count),
        settings.flip == "yes",
        settings.r1,
        settings.r1_every,
        torch.bfloat16 if settings.precision == "bfloat16" else None,
    )


def train_step(
    players: Players,
    real: torch.Tensor,
    z: torch.Tensor,
    method: Method = CLASSIC,
    rng: torch.Generator | None = None,
    penalised: bool = False,
    weight: float = 1.0,
) -> torch.Tensor:
    """One step of both players on one batch; returns the five FIGURES, detached, shape (5,).

    `real` is (N, 3, 64, 64) in [-1, 1], `z` is (N, nz, 1, 1). Augmentation draws from `rng`.
    `weight` is what this rank's gradients count (`Ranks.weight`). Nothing waits for the device.
    """
    G, D = players.joined or (players.G, players.D)
    loss = method.loss
    real = _as_shown(real, method, rng, flips=method.flips).detach().requires_grad_(penalised)

    # Update D: real ones are 1, fakes are 0; its gradient is of the sum.
    players.adam_d.zero_grad()
    with distributed.without_averaging(D):
        says_real = _asked(D, real, method)
        loss_real = loss.real(says_real)
        penalty = _penalty(says_real, real, method) if penalised else 0.0
        _backward(loss_real + penalty, weight)
    fake = _made(G, z, method)
    says_fake = _asked(D, _as_shown(fake.detach(), method, rng), method)
    loss_fake = loss.fake(says_fake)
    _backward(loss_fake, weight)
    players.adam_d.step()

    # Update G: the updated D should say 1 of the same fakes. D's own gradient is not needed.
    players.adam_g.zero_grad()
    players.D.requires_grad_(False)
    says_fooled = _asked(players.D, _as_shown(fake, method, rng), method)
    loss_g = loss.fooled(says_fooled)
    _backward(loss_g, weight)
    players.adam_g.step()
    players.D.requires_grad_(True)

    means = [_chance(says, loss).mean() for says in (says_real, says_fake, says_fooled)]
    return torch.stack([loss_real + loss_fake, loss_g, *means]).detach()


def _made(G: nn.Module, z: torch.Tensor, method: Method) -> torch.Tensor:
    """G's images, in full precision whatever its convolutions computed with."""
    with _precision(z.device, method):
        images: torch.Tensor = G(z)
    return images


def _asked(D: nn.Module, images: torch.Tensor, method: Method) -> torch.Tensor:
    """What D says of images, in full precision whatever its convolutions computed with."""
    with _precision(images.device, method):
        says: torch.Tensor = D(images, method.loss.on_logits)
    return says


def _precision(device: torch.device, method: Method) -> AbstractContextManager[Any]:
    if method.precision is None:
        return nullcontext()
    # No cache of cast weights: it would outlive a step that is captured.
    return torch.autocast(device.type, method.precision, cache_enabled=False)


def _backward(loss: torch.Tensor, weight: float) -> None:
    (loss if weight == 1.0 else loss * weight).backward()


def _as_shown(
    images: torch.Tensor, method: Method, rng: torch.Generator | None, *, flips: bool = False
) -> torch.Tensor:
    """Images as D is shown them."""
    if rng is None:
        return images
    if flips:
        images = augment.flipped(images, rng)
    return augment.augmented(images, method.augmentations, method.chance, rng)


def _penalty(says: torch.Tensor, real: torch.Tensor, method: Method) -> torch.Tensor:
    """R1, as much at once as is due for the steps without it."""
    return gradient_penalty(says, real) * (method.r1 / 2 * method.r1_every)


def _chance(says: torch.Tensor, loss: Loss) -> torch.Tensor:
    return says.detach().sigmoid() if loss.on_logits else says


def update_average(players: Players, batch_size: int, images_seen: int, half_life: int) -> None:
    """Move G's average towards G; what it held `half_life` images ago counts half.

    While a run is young it forgets faster: half of it in a twentieth of what was shown so far
    (the warm-up of Karras et al., 2020). BatchNorm's figures are settled when it is used.
    """
    if players.G_ema is None:
        return
    remembered = 0.5 ** (batch_size / max(1e-8, min(half_life, 0.05 * images_seen)))
    with torch.no_grad():
        for average, weight in zip(players.G_ema.parameters(), players.G.parameters(), strict=True):
            average.lerp_(weight, 1.0 - remembered)


def settle_average(players: Players) -> None:
    """Give G's average BatchNorm figures of its own: those of 1,024 faces that it makes.

    The figures of G do not fit averaged weights (Brock, Donahue, Simonyan, *Large Scale GAN
    Training*, 2018, "standing statistics").
    """
    network = players.G_ema
    if network is None:
        return
    layers = list(network.main)
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    up_to_the_last = network.main[: layers.index(norms[-1]) + 1]  # what follows has no figures
    device = next(network.parameters()).device
    z = torch.from_numpy(z_from_seeds(SETTLING_SEEDS, network.nz)).to(device)
    network.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches, each counting the same
    with torch.no_grad():
        for part in z.split(SETTLED_AT_ONCE):
            up_to_the_last(part[:, :, None, None])
    for norm in norms:
        norm.momentum = BATCHNORM_MOMENTUM
    network.eval()
