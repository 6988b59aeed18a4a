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
from neuroceleb.model.losses import (
    BCE,
    LOSSES,
    Loss,
    image_gradient,
    lecam_penalty,
    mean_squared_norm,
)
from neuroceleb.model.networks import Discriminator, Generator, he_init, weights_init
from neuroceleb.settings import AUGMENTATIONS, Settings
from neuroceleb.training import distributed
from neuroceleb.training.distributed import Ranks

AVERAGES = {"G_ema": 1.0, "G_ema_short": 1 / 3, "G_ema_long": 3.0}  # of the half-life that is set
PLAYERS = ("G", "D", "adam_g", "adam_d", *AVERAGES, "anchors")
SETTLING_SEEDS = range(1_000_000, 1_001_024)
SETTLED_AT_ONCE = 64
BATCHNORM_MOMENTUM = 0.1  # PyTorch's own
ANCHOR_DECAY = 0.99  # a step, of the running means that LeCam needs
FIGURES = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")


@dataclass(frozen=True)
class Players:
    """The two networks and their optimizers; G's running averages where the recipe has them."""

    G: Generator
    D: Discriminator
    adam_g: Adam
    adam_d: Adam
    G_ema: Generator | None = None
    G_ema_short: Generator | None = None
    G_ema_long: Generator | None = None
    anchors: "Anchors | None" = None
    chosen: str = "G_ema"  # of AVERAGES, the one that is shown
    joined: tuple[nn.Module, nn.Module] | None = None  # G and D among several ranks

    @property
    def shown(self) -> Generator:
        """The generator whose faces are shown and whose weights are kept."""
        average: Generator | None = getattr(self, self.chosen)
        return self.G if average is None else average

    @property
    def averages(self) -> dict[str, Generator]:
        """The running averages there are, by their names in AVERAGES."""
        there = {name: getattr(self, name) for name in AVERAGES}
        return {name: average for name, average in there.items() if average is not None}

    def states(self) -> dict[str, Any]:
        """The state of each player there is, by name."""
        there = {name: getattr(self, name) for name in PLAYERS}
        return {name: player.state_dict() for name, player in there.items() if player is not None}


class Anchors(nn.Module):
    """Running means of D's outputs for real and fake images, for the LeCam penalty."""

    means: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(2))

    def follow(self, says_real: torch.Tensor, says_fake: torch.Tensor) -> None:
        """Move the means towards those of a batch."""
        now = torch.stack([says_real.detach().mean(), says_fake.detach().mean()])
        self.means.lerp_(now, 1 - ANCHOR_DECAY)


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
    (he_init if settings.d_init == "he" else weights_init)(D, rng)
    if start_from is not None:
        _begin_with(start_from, G, D)
    G.to(device).to(memory_format=torch.channels_last)
    D.to(device).to(memory_format=torch.channels_last)
    count = 0 if not settings.ema_images else len(AVERAGES) if settings.averages == "three" else 1
    averages: dict[str, Any] = {
        name: copy.deepcopy(G).requires_grad_(False).eval() for name in list(AVERAGES)[:count]
    }

    # Not fused: on the CPU fused Adam is silently wrong where strides of weight and state differ.
    # Capturable on a GPU: it counts its steps there, so that a graph of them can be replayed.
    def adam(network: nn.Module, lr: float) -> Adam:
        betas, on_gpu = (settings.beta1, settings.beta2), device.type == "cuda"
        changes = on_gpu and settings.lr_end > 0  # a graph reads it where it lies
        rate = torch.tensor(lr, device=device) if changes else lr
        return Adam(network.parameters(), lr=rate, betas=betas, capturable=on_gpu)

    anchors = Anchors().to(device) if settings.lecam else None
    adam_d = adam(D, settings.lr_d or settings.lr)
    players = Players(G, D, adam(G, settings.lr), adam_d, anchors=anchors)
    return replace(players, **averages)


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
    """An Adam's state that counts its steps, and has its rate, where this one does: in the groups
    of a file stands whether that was on a GPU."""
    own = {"capturable": adam.defaults["capturable"], "lr": adam.param_groups[0]["lr"]}
    return {**state, "param_groups": [{**group, **own} for group in state["param_groups"]]}


def set_rates(players: Players, settings: Settings, progress: float) -> None:
    """Give both optimizers their learning rates at this share of the run's images."""
    factor = settings.lr_factor(progress)
    for adam, lr in ((players.adam_g, settings.lr), (players.adam_d, settings.lr_d or settings.lr)):
        for group in adam.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr * factor)
            else:
                group["lr"] = lr * factor


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
    r2: float = 0.0
    simultaneous: bool = False
    top_k: float = 1.0
    lecam: float = 0.0

    def is_penalised(self, step: int) -> bool:
        """Whether D's gradient is penalised in this step of an epoch."""
        return max(self.r1, self.r2) > 0 and step % self.r1_every == 0

    def penalty(self, gradient: torch.Tensor, weight: float) -> torch.Tensor:
        """R1 or R2, as much at once as is due for the steps without it."""
        return mean_squared_norm(gradient) * (weight / 2 * self.r1_every)


CLASSIC = Method()


def method_of(settings: Settings, count: int) -> Method:
    """How a run of these settings takes its steps on so many faces."""
    loss = LOSSES[settings.loss]
    allows_one_pass = loss.is_strict and settings.d_norm != "batch" and not settings.lecam
    return Method(
        loss,
        AUGMENTATIONS[settings.augment],
        settings.augment_chance or augment.chance_for(count),
        settings.flip == "yes",
        settings.r1,
        settings.r1_every,
        torch.bfloat16 if settings.precision == "bfloat16" else None,
        settings.r2,
        settings.simultaneous == "yes" and allows_one_pass,
        settings.top_k,
        settings.lecam,
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
    take = _both_at_once if method.simultaneous else _in_turn
    return take(players, real, z, method, rng, penalised, weight)


def _in_turn(
    players: Players,
    real: torch.Tensor,
    z: torch.Tensor,
    method: Method,
    rng: torch.Generator | None,
    penalised: bool,
    weight: float,
) -> torch.Tensor:
    """D is updated first; G then by the updated D, which sees the fakes a second time."""
    real = _as_shown(real, method, rng, flips=method.flips).detach().requires_grad_(penalised)

    # Update D: real ones are 1, fakes are 0; its gradient is of the sum.
    players.adam_d.zero_grad()
    needs_both = method.loss.is_paired or method.r2 > 0 or method.lecam > 0
    backward = _backward_of_both if needs_both else _backward_of_each
    fake, says_real, says_fake = backward(players, real, z, method, rng, penalised, weight)
    players.adam_d.step()

    # Update G: the updated D should say 1 of the same fakes. D's own gradient is not needed.
    players.adam_g.zero_grad()
    players.D.requires_grad_(False)
    says_fooled = _asked(players.D, _as_shown(fake, method, rng), method)
    paired_with = _asked(players.D, real.detach(), method) if method.loss.is_paired else says_real
    loss_g = method.loss.of_g(paired_with, says_fooled, method.top_k)
    _backward(loss_g, weight)
    players.adam_g.step()
    players.D.requires_grad_(True)
    return _figures(method.loss, loss_g, says_real, says_fake, says_fooled)


Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _backward_of_each(
    players: Players,
    real: torch.Tensor,
    z: torch.Tensor,
    method: Method,
    rng: torch.Generator | None,
    penalised: bool,
    weight: float,
) -> Outputs:
    """D's gradient, real images first; G's images with D's outputs for real ones and for them."""
    G, D = players.joined or (players.G, players.D)
    with distributed.without_averaging(D):
        says_real = _asked(D, real, method)
        loss_real = method.loss.real(says_real)
        if penalised:
            loss_real = loss_real + method.penalty(image_gradient(says_real, real), method.r1)
        _backward(loss_real, weight)
    fake = _made(G, z, method)
    says_fake = _asked(D, _as_shown(fake.detach(), method, rng), method)
    _backward(method.loss.fake(says_fake), weight)
    return fake, says_real.detach(), says_fake.detach()


def _backward_of_both(
    players: Players,
    real: torch.Tensor,
    z: torch.Tensor,
    method: Method,
    rng: torch.Generator | None,
    penalised: bool,
    weight: float,
) -> Outputs:
    """The same for a loss that needs D's outputs for real and fake images at once."""
    G, D = players.joined or (players.G, players.D)
    fake = _made(G, z, method)
    shown = _as_shown(fake.detach(), method, rng).requires_grad_(penalised)
    says_real, says_fake = _asked(D, real, method), _asked(D, shown, method)
    loss = method.loss.of_d(says_real, says_fake)
    if penalised:
        loss = loss + method.penalty(image_gradient(says_real, real), method.r1)
        loss = loss + method.penalty(image_gradient(says_fake, shown), method.r2)
    if players.anchors is not None:
        loss = loss + method.lecam * lecam_penalty(says_real, says_fake, players.anchors.means)
        players.anchors.follow(says_real, says_fake)
    _backward(loss, weight)
    return fake, says_real.detach(), says_fake.detach()


def _both_at_once(
    players: Players,
    real: torch.Tensor,
    z: torch.Tensor,
    method: Method,
    rng: torch.Generator | None,
    penalised: bool,
    weight: float,
) -> torch.Tensor:
    """One pass of D over the fakes serves both updates, so both are by the D before its update.

    D has no BatchNorm, so an image's gradient is its own output's, times the derivative of the
    loss by that output: from the gradient of D's loss follows that of G's, image by image.
    """
    G, D = players.joined or (players.G, players.D)
    loss = method.loss
    real = _as_shown(real, method, rng, flips=method.flips).detach()
    shown = _as_shown(_made(G, z, method), method, rng)
    fake = shown.detach().requires_grad_()

    players.adam_d.zero_grad()
    says_real = _asked(D, real.requires_grad_(penalised and method.r1 > 0), method)
    says_fake = _asked(D, fake, method)
    loss_d = loss.of_d(says_real, says_fake)
    loss_g, slope_d, slope_g = _slopes(method, says_real.detach(), says_fake.detach())
    penalty: torch.Tensor | float = 0.0
    gradient = None
    if penalised and method.r1 > 0:
        penalty = method.penalty(image_gradient(says_real, real), method.r1)
    if penalised and method.r2 > 0:
        gradient = image_gradient(says_fake, fake)
        penalty = penalty + method.penalty(gradient, method.r2)
    _backward(loss_d + penalty, weight)

    players.adam_g.zero_grad()
    if gradient is None:
        assert fake.grad is not None
        towards = fake.grad * _of_images(_ratio(slope_g, slope_d))
    else:
        towards = gradient.detach() * _of_images(slope_g * weight)
    shown.backward(towards)
    players.adam_d.step()
    players.adam_g.step()
    return _figures(loss, loss_g, says_real.detach(), says_fake.detach(), says_fake.detach())


def _slopes(
    method: Method, says_real: torch.Tensor, says_fake: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """G's loss, and the derivatives of D's and of G's loss by each output for a fake, (N,)."""
    with torch.enable_grad():
        says_fake = says_fake.requires_grad_()
        (slope_d,) = torch.autograd.grad(method.loss.of_d(says_real, says_fake), says_fake)
        loss_g = method.loss.of_g(says_real, says_fake, method.top_k)
        (slope_g,) = torch.autograd.grad(loss_g, says_fake)
    return loss_g.detach(), slope_d, slope_g


def _ratio(slope_g: torch.Tensor, slope_d: torch.Tensor) -> torch.Tensor:
    """G's over D's; 0 where D is so sure of a fake that its own is lost in float32."""
    lost = slope_d.abs() < torch.finfo(torch.float32).tiny
    return torch.where(lost, 0.0, slope_g / slope_d.masked_fill(lost, 1.0))


def _of_images(factors: torch.Tensor) -> torch.Tensor:
    return factors.view(-1, 1, 1, 1)


def _figures(
    loss: Loss,
    loss_g: torch.Tensor,
    says_real: torch.Tensor,
    says_fake: torch.Tensor,
    says_fooled: torch.Tensor,
) -> torch.Tensor:
    """The five FIGURES; of pairs, the probability that one is more real than the other."""
    losses = [loss.of_d(says_real, says_fake), loss_g.detach()]
    if loss.is_paired:
        says = [says_real - says_fake, says_fake - says_real, says_fooled - says_real]
    else:
        says = [says_real, says_fake, says_fooled]
    return torch.stack([*losses, *(_chance(output, loss).mean() for output in says)]).detach()


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


def _chance(says: torch.Tensor, loss: Loss) -> torch.Tensor:
    return says.detach().sigmoid() if loss.on_logits else says


def update_average(players: Players, batch_size: int, images_seen: int, half_life: int) -> None:
    """Move G's averages towards G; what the first held `half_life` images ago counts half.

    The others forget three times as fast and as slowly, for the best length is only known
    afterwards (Karras et al., *Analyzing and Improving the Training Dynamics of Diffusion Models*,
    2024). While a run is young they forget faster: the first half of it in a twentieth of what was
    shown so far (the warm-up of Karras et al., 2020). BatchNorm's figures are settled when used.
    """
    for name, network in players.averages.items():
        images = AVERAGES[name] * min(half_life, 0.05 * images_seen)
        remembered = 0.5 ** (batch_size / max(1e-8, images))
        with torch.no_grad():
            for average, weight in zip(network.parameters(), players.G.parameters(), strict=True):
                average.lerp_(weight, 1.0 - remembered)


def settle_average(players: Players) -> None:
    """Give the average that is shown BatchNorm figures of its own: those of 1,024 faces it makes.

    The figures of G do not fit averaged weights (Brock, Donahue, Simonyan, *Large Scale GAN
    Training*, 2018, "standing statistics").
    """
    network = players.shown
    if network is players.G:
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
