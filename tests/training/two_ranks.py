"""The program of each process in `test_distributed`: saves the gradients of one step."""

import sys
from pathlib import Path

import torch

from neuroceleb.model.losses import LOSSES
from neuroceleb.settings import Settings
from neuroceleb.training import distributed, step
from neuroceleb.training.gan import GAN, new_gan, wrap_for_ddp
from neuroceleb.training.step import StepConfig

BATCHES = (8, 5, 1)  # divided evenly, unevenly, and with nothing for the second
SETTINGS = {
    "classic": Settings.checked(recipe="classic", ngf=4, ndf=4, nz=8, seed=3),
    "modern": Settings.checked(
        recipe="classic", ngf=4, ndf=4, nz=8, seed=3, loss="ns", r1=0.5, d_norm="spectral"
    ),
    "pairs": Settings.checked(
        **{"recipe": "classic", "ngf": 4, "ndf": 4, "nz": 8, "seed": 3, "d_norm": "none"},
        **{"loss": "rp", "d_init": "he", "simultaneous": "yes", "r1": 0.5, "r2": 0.5},
    ),
}
CPU = torch.device("cpu")

Gradients = dict[str, torch.Tensor]


def double_gan(settings: Settings) -> GAN:
    """In double precision: Adam makes the rounding of a gradient near zero a whole step."""
    made = new_gan(settings, CPU)
    made.G.double()
    made.D.double()
    return made


def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of real images and noise, the same in every process."""
    rng = torch.Generator().manual_seed(count)
    real = torch.rand(count, 3, 64, 64, generator=rng).double() * 2 - 1
    return real, torch.randn(count, 8, 1, 1, generator=rng).double()


def method(settings: Settings) -> StepConfig:
    """Without augmentation, which every process draws for itself."""
    simultaneous = settings.simultaneous == "yes"
    return StepConfig(
        LOSSES[settings.loss],
        r1=settings.r1,
        r1_every=1,
        r2=settings.r2,
        simultaneous=simultaneous,
    )


def gradients(gan: GAN) -> Gradients:
    """Every gradient there is, by name."""
    return {
        f"{player}.{name}": weight.grad.clone()
        for player, network in (("G", gan.G), ("D", gan.D))
        for name, weight in network.named_parameters()
        if weight.grad is not None
    }


def found_by(dist: distributed.DistributedContext) -> dict[str, Gradients]:
    """The gradients of one step of every recipe and batch, and what all of them lost."""
    found = {}
    for name, settings in SETTINGS.items():
        for count in BATCHES:
            ours = wrap_for_ddp(double_gan(settings), settings, dist)
            real, z = (whole[dist.shard(count)] for whole in batch(count))
            weight = dist.shard_weight(count)
            how = method(settings)
            figures = step.train_step(ours, real, z, how, None, how.r1 > 0, weight)
            found[f"{name} {count}"] = {
                **gradients(ours),
                "figures": dist.reduce_mean(figures, weight),
            }
    return found


def main(folder: Path) -> None:
    with distributed.process_group() as dist:
        torch.save(found_by(dist), folder / f"{dist.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
