"""The original script of 2017, transcribed plainly from the list of what it did.

Written apart from `neuroceleb` and importing nothing of it, so that a test can hold one against
the other and the benchmark can race them. It makes no attempt to be fast.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn, optim
from torch.utils.data import DataLoader

if TYPE_CHECKING:  # the benchmarks race the networks also where torchvision is missing
    from torchvision import transforms

IMAGE_SIZE = 64
BATCH_SIZE = 64
EPOCHS = 200
NZ, NC, NGF, NDF = 100, 3, 64, 64
LR, BETAS = 2e-4, (0.5, 0.999)
REAL, FAKE = 1.0, 0.0

Figures = tuple[float, float, float, float, float]


class NetG(nn.Module):
    """Noise up to an image, doubling the side four times."""

    def __init__(self, nz: int = NZ, ngf: int = NGF, nc: int = NC) -> None:
        super().__init__()
        widths = [nz, ngf * 8, ngf * 4, ngf * 2, ngf]
        layers: list[nn.Module] = []
        for depth in range(4):
            stride, padding = (1, 0) if depth == 0 else (2, 1)
            before, after = widths[depth], widths[depth + 1]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False))
            layers.append(nn.BatchNorm2d(after))
            layers.append(nn.ReLU(True))
        layers.append(nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False))
        layers.append(nn.Tanh())
        self.main = nn.Sequential(*layers)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """Noise of shape (N, nz, 1, 1) -> images of shape (N, nc, 64, 64)."""
        return torch.as_tensor(self.main(noise))


class NetD(nn.Module):
    """An image down to one number, halving the side four times."""

    def __init__(self, ndf: int = NDF, nc: int = NC) -> None:
        super().__init__()
        widths = [nc, ndf, ndf * 2, ndf * 4, ndf * 8]
        layers: list[nn.Module] = []
        for depth in range(4):
            layers.append(nn.Conv2d(widths[depth], widths[depth + 1], 4, 2, 1, bias=False))
            if depth > 0:
                layers.append(nn.BatchNorm2d(widths[depth + 1]))
            layers.append(nn.LeakyReLU(0.2, True))
        layers.append(nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False))
        layers.append(nn.Sigmoid())
        self.main = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images -> for each the chance that it is real, shape (N,)."""
        return torch.as_tensor(self.main(images)).view(-1, 1).squeeze(1)


def first_weights(layer: nn.Module) -> None:
    """Set one layer's first weights; meant for `network.apply`."""
    kind = type(layer).__name__
    if "Conv" in kind:
        layer.weight.data.normal_(0.0, 0.02)  # type: ignore[operator]
    elif "BatchNorm" in kind:
        layer.weight.data.normal_(1.0, 0.02)  # type: ignore[operator]
        layer.bias.data.fill_(0)  # type: ignore[operator]


class Original:
    """Both networks, their optimizers, and the step of the original loop."""

    def __init__(self, nz: int = NZ, ngf: int = NGF, ndf: int = NDF, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.nz = nz
        self.netG = NetG(nz, ngf).apply(first_weights).to(self.device)
        self.netD = NetD(ndf).apply(first_weights).to(self.device)
        self.criterion = nn.BCELoss()
        self.optimizerD = optim.Adam(self.netD.parameters(), lr=LR, betas=BETAS)
        self.optimizerG = optim.Adam(self.netG.parameters(), lr=LR, betas=BETAS)

    def step(self, real: torch.Tensor, noise: torch.Tensor) -> Figures:
        """One update of D, one of G; Loss_D, Loss_G, D(x), D(G(z)) before and after."""
        real = real.to(self.device)
        label = torch.full((real.size(0),), REAL, dtype=real.dtype, device=self.device)

        # D: log(D(x)) + log(1 - D(G(z))), the two gradients added up
        self.netD.zero_grad()
        output = self.netD(real)
        errD_real = self.criterion(output, label)
        errD_real.backward()
        D_x = output.mean().item()

        fake = self.netG(noise)
        label.fill_(FAKE)
        output = self.netD(fake.detach())
        errD_fake = self.criterion(output, label)
        errD_fake.backward()
        D_G_z1 = output.mean().item()
        errD = errD_real + errD_fake
        self.optimizerD.step()

        # G: log(D(G(z))) by the D just updated
        self.netG.zero_grad()
        label.fill_(REAL)
        output = self.netD(fake)
        errG = self.criterion(output, label)
        errG.backward()
        D_G_z2 = output.mean().item()
        self.optimizerG.step()

        return errD.item(), errG.item(), D_x, D_G_z1, D_G_z2

    def train(
        self, loader: "DataLoader[tuple[torch.Tensor, int]]"
    ) -> Iterator[tuple[int, Figures]]:
        """Train epoch after epoch without end; yields each step's number of images and figures."""
        while True:
            for real, _ in loader:
                noise = torch.randn(real.size(0), self.nz, 1, 1, device=self.device)
                yield real.size(0), self.step(real, noise)


def transform() -> "transforms.Compose":
    """A PIL image -> a float tensor (3, 64, 64) in [-1, 1]."""
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(IMAGE_SIZE),
            transforms.CenterCrop(IMAGE_SIZE),
            transforms.ToTensor(),
            transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ]
    )


def loader(
    folder: Path, batch_size: int = BATCH_SIZE, workers: int = 2, shuffle: bool = True
) -> "DataLoader[tuple[torch.Tensor, int]]":
    """Batches of a folder, one sub-folder a person; an image is decoded when its turn comes."""
    from torchvision import datasets

    faces = datasets.ImageFolder(str(folder), transform=transform())
    return DataLoader(faces, batch_size=batch_size, shuffle=shuffle, num_workers=workers)
