"""Differentiable augmentation: what is done to real and fake alike before D sees them.

Zhao, Liu, Lin, Zhu, Han, *Differentiable Augmentation for Data-Efficient GAN Training*, 2020. Each
image is augmented with a chance, as in Karras et al., *Training Generative Adversarial Networks
with Limited Data*, 2020. All randomness comes from the given generator, on the images' device.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

SHIFT = 1 / 8  # of the side, at most
HOLE = 1 / 2  # of the side

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def colour(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Other brightness, saturation and contrast: (N, 3, H, W) in about [-1, 1], each its own."""
    brightness, saturation, contrast = _uniform(3, images, rng)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    return middle + (images - middle) * (contrast + 0.5)


def translation(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Moved by up to an eighth of the side either way, zeros where nothing was."""
    count, _, height, width = images.shape
    down, right = _uniform(2, images, rng)
    rows = _moved(height, down.view(count, 1))  # (N, H)
    columns = _moved(width, right.view(count, 1))  # (N, W)
    padded = F.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)  # (N, H + 2, W + 2, 3)
    which = torch.arange(count, device=images.device).view(count, 1, 1)
    return padded[which, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)


def cutout(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """A square of half the side, somewhere, is zero; it may hang over the edge."""
    count, _, height, width = images.shape
    y, x = _uniform(2, images, rng)
    rows = _in_hole(height, y.view(count, 1))
    columns = _in_hole(width, x.view(count, 1))
    hole = rows.unsqueeze(2) & columns.unsqueeze(1)  # (N, H, W)
    return images * (~hole).unsqueeze(1)


def flipped(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Half of the images, by chance, mirrored left to right."""
    (chance,) = _uniform(1, images, rng)
    return torch.where(chance < 0.5, images.flip(3), images)


AUGMENTATIONS: dict[str, Augmentation] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}


def augmented(
    images: torch.Tensor, names: tuple[str, ...], chance: float, rng: torch.Generator
) -> torch.Tensor:
    """Each image through each named augmentation with this chance: (N, 3, H, W) of the same kind.

    Gradients flow through to the images.
    """
    for name in names:
        changed = AUGMENTATIONS[name](images, rng)
        if chance < 1.0:
            (drawn,) = _uniform(1, images, rng)
            changed = torch.where(drawn < chance, changed, images)
        images = changed
    return images


def chance_for(count: int) -> float:
    """How often to augment with so many images: the fewer, the more; never over 0.5.

    lightweight-gan's rule: min(0.5, (1e5 - n) * 3e-6).
    """
    return max(0.0, min(0.5, (100_000 - count) * 3e-6))


def _uniform(how_many: int, images: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Numbers from [0, 1), one an image, each of shape (N, 1, 1, 1)."""
    shape = (how_many, len(images), 1, 1, 1)
    return torch.rand(shape, generator=rng, device=images.device, dtype=images.dtype).unbind()


def _moved(side: int, chance: torch.Tensor) -> torch.Tensor:
    """For every pixel, which of a padded row it comes from; 0 and side + 1 are padding."""
    most = round(side * SHIFT)
    shift = (chance * (2 * most + 1)).long().clamp(max=2 * most) - most
    at = torch.arange(1, side + 1, device=chance.device)
    return (at - shift).clamp(0, side + 1)


def _in_hole(side: int, chance: torch.Tensor) -> torch.Tensor:
    """For every pixel, whether it lies within a hole whose middle is anywhere in the row."""
    half = side * HOLE / 2
    middle = chance * side
    at = torch.arange(side, device=chance.device) + 0.5
    return (at - middle).abs() < half
