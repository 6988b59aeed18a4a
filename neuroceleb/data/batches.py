"""Shuffled float batches of decoded faces on a device, reproducible after a resume."""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from neuroceleb.images import Pixels


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [-1, 1], channels_last in memory.

    Bit for bit the result of torchvision's ToTensor and Normalize(0.5, 0.5).
    """
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(255).sub_(0.5).div_(0.5)


class Faces:
    """The faces of a dataset on a device: resident on a GPU, read from their array on the CPU."""

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        self.pixels = pixels
        self.device = device
        self._resident = None
        if device.type != "cpu":
            self._resident = torch.from_numpy(np.array(pixels)).to(device)

    def __len__(self) -> int:
        return len(self.pixels)

    def steps(self, batch_size: int) -> int:
        """The number of batches per epoch, the smaller last one included."""
        return -(-len(self) // batch_size)

    def size_of(self, step: int, batch_size: int) -> int:
        """The number of images in the batch of that step of an epoch."""
        return min(batch_size, len(self) - step * batch_size)

    def batches(
        self,
        epoch: int,
        batch_size: int,
        seed: int,
        first_step: int = 0,
        part: Callable[[int], slice] = slice,
    ) -> Iterator[torch.Tensor]:
        """The batches of one epoch from `first_step` on: (N, 3, 64, 64) float32 in [-1, 1].

        The order depends on `seed` and `epoch` only. `part(size)` selects images of a batch of
        that size, for one of several ranks; by default all.
        """
        order = np.random.default_rng([seed, epoch]).permutation(len(self))
        resident_order = torch.from_numpy(order).to(self.device)
        for start in range(first_step * batch_size, len(self), batch_size):
            size = min(batch_size, len(self) - start)
            rows = slice(start, start + size)
            if self._resident is None:
                chosen = torch.from_numpy(self.pixels[order[rows][part(size)]])
            else:
                chosen = self._resident[resident_order[rows][part(size)]]
            yield to_float(chosen)
