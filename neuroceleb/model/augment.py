"""Differentiable augmentation, applied to real and fake images before D sees them.

Zhao, Liu, Lin, Zhu, Han, *Differentiable Augmentation for Data-Efficient GAN Training*, 2020. Each
is applied to an image with a given probability, as in Karras et al., *Training Generative
Adversarial Networks with Limited Data*, 2020. Random numbers come from the given generator, on the
device of the images.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

MAX_SHIFT = 1 / 8  # of the side
HOLE_SIZE = 1 / 2  # of the side

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def colour(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Change brightness, saturation and contrast of each image: (N, 3, H, W) in about [-1, 1]."""
    brightness, saturation, contrast = _uniform(3, images, rng)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    return middle + (images - middle) * (contrast + 0.5)


def translation(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Shift each image by up to an eighth of its side, padded with zeros."""
    count, _, height, width = images.shape
    down, right = _uniform(2, images, rng)
    rows = _shifted(height, down.view(count, 1))  # (N, H)
    columns = _shifted(width, right.view(count, 1))  # (N, W)
    padded = F.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)  # (N, H + 2, W + 2, 3)
    index = torch.arange(count, device=images.device).view(count, 1, 1)
    return padded[index, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)


def cutout(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Set a random square of half the side to zero in each image; it may cross the edge."""
    count, _, height, width = images.shape
    y, x = _uniform(2, images, rng)
    rows = _in_hole(height, y.view(count, 1))
    columns = _in_hole(width, x.view(count, 1))
    hole = rows.unsqueeze(2) & columns.unsqueeze(1)  # (N, H, W)
    return images * (~hole).unsqueeze(1)


def random_flip(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Mirror each image left to right with probability 0.5."""
    (drawn,) = _uniform(1, images, rng)
    return torch.where(drawn < 0.5, images.flip(3), images)


AUGMENTATIONS: dict[str, Augmentation] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}


def apply(
    images: torch.Tensor, names: tuple[str, ...], probability: float, rng: torch.Generator
) -> torch.Tensor:
    """Apply each named augmentation to each image with this probability: (N, 3, H, W) -> the same.

    Differentiable with respect to the images.
    """
    for name in names:
        changed = AUGMENTATIONS[name](images, rng)
        if probability < 1.0:
            (drawn,) = _uniform(1, images, rng)
            changed = torch.where(drawn < probability, changed, images)
        images = changed
    return images


def probability_for(count: int) -> float:
    """The default probability for a dataset of `count` images, at most 0.5.

    lightweight-gan's rule: min(0.5, (1e5 - n) * 3e-6).
    """
    return max(0.0, min(0.5, (100_000 - count) * 3e-6))


def _uniform(draws: int, images: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Random numbers in [0, 1), one for each image, as `draws` tensors of shape (N, 1, 1, 1)."""
    shape = (draws, len(images), 1, 1, 1)
    return torch.rand(shape, generator=rng, device=images.device, dtype=images.dtype).unbind()


def _shifted(side: int, drawn: torch.Tensor) -> torch.Tensor:
    """The index in a padded row from which each pixel is taken; 0 and side + 1 are padding."""
    limit = round(side * MAX_SHIFT)
    shift = (drawn * (2 * limit + 1)).long().clamp(max=2 * limit) - limit
    indices = torch.arange(1, side + 1, device=drawn.device)
    return (indices - shift).clamp(0, side + 1)


def _in_hole(side: int, drawn: torch.Tensor) -> torch.Tensor:
    """Whether each pixel of a row is in the hole, whose centre is anywhere in the row."""
    half = side * HOLE_SIZE / 2
    centre = drawn * side
    centres = torch.arange(side, device=drawn.device) + 0.5
    return (centres - centre).abs() < half
