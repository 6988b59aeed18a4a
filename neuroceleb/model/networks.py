"""Generator, discriminator and their initial weights, exactly as in the original (DCGAN).

Radford, Metz, Chintala, *Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks*, 2015; layers and names as in PyTorch's DCGAN example.
"""

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from neuroceleb.settings import CHANNELS


class Generator(nn.Module):
    """z of shape (N, nz, 1, 1) -> images of shape (N, nc, 64, 64) in [-1, 1]."""

    def __init__(self, nz: int = 100, ngf: int = 64, nc: int = CHANNELS) -> None:
        super().__init__()
        self.nz = nz
        self.ngf = ngf
        self.nc = nc
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(inplace=True),  # (N, ngf*8, 4, 4)
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(inplace=True),  # (N, ngf*4, 8, 8)
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(inplace=True),  # (N, ngf*2, 16, 16)
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(inplace=True),  # (N, ngf, 32, 32)
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),  # (N, nc, 64, 64)
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.main[-1](_to_float32(self.main[:-1](z)))
        return images


class Discriminator(nn.Module):
    """Images of shape (N, nc, 64, 64) in [-1, 1] -> scores of shape (N,).

    `norm` is the normalization: `batch`, the original's BatchNorm; `spectral`, spectral
    normalization of the weights (Miyato et al., *Spectral Normalization for Generative Adversarial
    Networks*, 2018); or `none`. Without BatchNorm the convolutions have biases.
    """

    def __init__(self, ndf: int = 64, nc: int = CHANNELS, norm: str = "batch") -> None:
        super().__init__()
        self.ndf = ndf
        self.nc = nc
        self.norm = norm
        self.main = nn.Sequential(
            self._conv(nc, ndf, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),  # (N, ndf, 32, 32)
            self._conv(ndf, ndf * 2, 2, 1),
            self._norm(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),  # (N, ndf*2, 16, 16)
            self._conv(ndf * 2, ndf * 4, 2, 1),
            self._norm(ndf * 4),
            nn.LeakyReLU(0.2, inplace=True),  # (N, ndf*4, 8, 8)
            self._conv(ndf * 4, ndf * 8, 2, 1),
            self._norm(ndf * 8),
            nn.LeakyReLU(0.2, inplace=True),  # (N, ndf*8, 4, 4)
            self._conv(ndf * 8, 1, 1, 0),
            nn.Sigmoid(),  # (N, 1, 1, 1)
        )

    def _conv(self, channels_in: int, channels_out: int, stride: int, padding: int) -> nn.Module:
        has_bias = self.norm != "batch"
        conv = nn.Conv2d(channels_in, channels_out, 4, stride, padding, bias=has_bias)
        return spectral_norm(conv) if self.norm == "spectral" else conv

    def _norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels) if self.norm == "batch" else nn.Identity()

    def forward(self, images: torch.Tensor, as_logits: bool = False) -> torch.Tensor:
        """The probability that each image is real or, `as_logits`, its logit."""
        logits = _to_float32(self.main[:-1](images))
        scores: torch.Tensor = logits if as_logits else self.main[-1](logits)
        return scores.view(-1)


def _to_float32(values: torch.Tensor) -> torch.Tensor:
    """Half-precision output of convolutions in float32, as tanh, sigmoid and losses need it."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def without_spectral_norm(D: Discriminator) -> Discriminator:
    """D, or a copy with spectral normalization applied to its weights, as checkpoints hold it."""
    if D.norm != "spectral":
        return D
    was_training = D.training
    D.eval()  # reading a weight in train mode would run a power iteration
    copied = Discriminator(D.ndf, D.nc, "none")
    with torch.no_grad():
        for target, source in zip(copied.main, D.main, strict=True):
            if isinstance(target, nn.Conv2d):
                target.load_state_dict({"weight": source.weight, "bias": source.bias})
    D.train(was_training)
    return copied


def weights_init(network: nn.Module, rng: torch.Generator | None = None) -> None:
    """Every Conv and ConvTranspose ~ N(0, 0.02); every BatchNorm weight ~ N(1, 0.02), bias 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(_raw_weight(module), 0.0, 0.02, generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=rng)
            nn.init.zeros_(module.bias)


def he_init(network: nn.Module, rng: torch.Generator | None = None) -> None:
    """Every Conv ~ N(0, 2 / (1.04 fan_in)), for leaky ReLUs of 0.2; biases 0.

    It preserves the variance of activations in a network without normalization (He et al.,
    *Delving Deep into Rectifiers*, 2015).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            weight = _raw_weight(module)
            nn.init.kaiming_normal_(weight, a=0.2, nonlinearity="leaky_relu", generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _raw_weight(module: nn.Module) -> torch.Tensor:
    """The trained weight, before spectral normalization."""
    if parametrize.is_parametrized(module):
        return module.get_submodule("parametrizations.weight").get_parameter("original")
    return module.get_parameter("weight")
